"""`segment`: one CT in, one segmentation out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from . import console, options, outcome


def segment(
    ct: Annotated[Path, typer.Argument(metavar="CT", help="A .nii, .nii.gz, .nrrd, .mha file or a DICOM folder.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="By its ending: .seg.nrrd (for Slicer), .nii.gz or .nrrd."),
    ],
    preview: Annotated[
        Path | None, typer.Option("--preview", metavar="FILE.png", help="Also draw a picture of the result.")
    ] = None,
    model: options.Model = options.DEFAULTS.model,
    quality: options.QualityOption = "standard",
    device: options.Device = options.DEFAULTS.device,
    series: options.Series = None,
    box: options.Box = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Segment kidneys, tumors and cysts of one CT."""
    settings = options.settings(model, quality, device, box)
    from .. import export, pipeline, report
    from ..volume import read_volume

    export.check_output(output)
    if preview is not None:
        export.check_output(preview, (".png",))
    with console.shown_progress(quiet) as progress:
        volume = read_volume(ct, series)
        result = pipeline.run(volume, settings, progress)
    files = {"segmentation": output}
    with ExitStack() as until_all_is_drawn:
        if preview is not None:
            half = until_all_is_drawn.enter_context(export.atomic_write(preview))
            report.draw_preview(half, volume, result.label_map, result.measurements)
            files["preview"] = preview
        export.write_segmentation(output, result.label_map, record_json=result.record.to_json())
    if json:
        console.result_json(outcome.as_json(volume, result, files))
        return
    for line in outcome.lines(volume, result):
        console.result(line)
    for what, path in files.items():
        console.result(f"{what.capitalize()}: {path}")

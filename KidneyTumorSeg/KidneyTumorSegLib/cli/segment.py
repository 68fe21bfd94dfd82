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
    from .. import pipeline, report
    from ..export import SEGMENTATION_ENDINGS, atomic_write, write_segmentation
    from ..export.atomic import known_ending
    from ..volume import read_volume

    known_ending(output, SEGMENTATION_ENDINGS)
    files = {"segmentation": output}
    with ExitStack() as whole:  # held open from the start: a place that cannot be written is told before the work
        half = whole.enter_context(atomic_write(output))
        if preview is not None:
            known_ending(preview, (".png",))
            half_preview = whole.enter_context(atomic_write(preview))
            files["preview"] = preview
        with console.shown_progress(quiet) as progress:
            progress.stage("Reading", 0.01)
            volume = read_volume(ct, series)
            result = pipeline.run(volume, settings, progress)
        if preview is not None:
            report.draw_preview(half_preview, volume, result.label_map, result.measurements)
        write_segmentation(half, result.label_map, volume.source, result.record.to_json())
    if json:
        console.result_json(outcome.as_json(result, files))
        return
    for line in outcome.lines(result):
        console.result(line)
    for what, path in files.items():
        console.result(f"{what.capitalize()}: {path}")

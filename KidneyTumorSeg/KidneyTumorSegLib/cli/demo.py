"""`demo`: the whole journey in one command, on a phantom or on the CT given."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import console, options, outcome
from .phantom import oriented_grid, scan
from .whole_folder import whole_folder

if TYPE_CHECKING:
    from ..pipeline import Result
    from ..volume import LabelMap, Volume

SYNTHETIC = (
    "The phantom is synthetic: this shows that the program works, and says nothing about its accuracy on patients."
)


def demo(
    ct: Annotated[
        Path | None, typer.Argument(metavar="[CT]", help="A CT; default: a phantom made on the spot.")
    ] = None,
    output: options.OutputFolder = Path("demo"),
    model: options.Model = options.DEFAULTS.model,
    device: options.Device = options.DEFAULTS.device,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show all that it does, on a phantom or on a CT."""
    settings = options.settings(model, device=device)
    from .. import pipeline
    from ..volume import read_volume

    truth: LabelMap | None = None
    with console.shown_progress(quiet) as progress:
        progress.stage("Reading" if ct else "Making an artificial CT", 0.01)
        if ct is None:
            volume, truth = scan(oriented_grid("axial"))
        else:
            volume = read_volume(ct)
        result = pipeline.run(volume, settings, progress)
    files = _write(output, volume, truth, result)
    dice = {} if truth is None else _dice(truth, result)
    if json:
        console.result_json({**outcome.as_json(result, files), "synthetic_dice": dice or None})
        return
    for line in outcome.lines(result):
        console.result(line)
    if dice:
        console.result("Dice against the phantom's truth: " + ", ".join(f"{k} {v:.2f}" for k, v in dice.items()) + ".")
        console.result(SYNTHETIC)
    console.result(f"The files are in {output.resolve()}:")
    for path in files.values():
        console.result(f"  {path.name}")


def _write(output: Path, volume: Volume, truth: LabelMap | None, result: Result) -> dict[str, Path]:
    """All files of the demo; the CT itself only if it is the phantom (a patient's is not copied)."""
    from .. import export, report

    names = {"segmentation": "segmentation.seg.nrrd", "preview": "preview.png"}
    names |= {"volumes_csv": "volumes.csv", "volumes_json": "volumes.json"}
    title = "Synthetic phantom" if truth is not None else ""
    with whole_folder(output) as folder:
        if truth is not None:
            names = {"ct": "ct.nii.gz", "truth": "truth.seg.nrrd", **names}
            export.write_volume(folder / names["ct"], volume)
            export.write_segmentation(folder / names["truth"], truth)
        record = result.record.to_json()
        export.write_segmentation(folder / names["segmentation"], result.label_map, volume.source, record)
        report.draw_preview(folder / names["preview"], volume, result.label_map, result.measurements, title)
        (folder / names["volumes_csv"]).write_text(_table(result), encoding="utf-8", newline="")
        (folder / names["volumes_json"]).write_text(_numbers(result), encoding="utf-8")
    return {what: output / name for what, name in names.items()}


def _table(result: Result) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["key", "title", "value", "unit", "reason"])
    for quantity in result.measurements.quantities:
        writer.writerow([quantity.key, quantity.title, quantity.value, quantity.unit, quantity.reason])
    return text.getvalue()


def _numbers(result: Result) -> str:
    numbers: dict[str, Any] = outcome.as_json(result, {})
    del numbers["files"]
    return json.dumps(numbers, indent=2, ensure_ascii=False)


def _dice(truth: LabelMap, result: Result) -> dict[str, float]:
    from ..evaluation import score

    return {overlap.id: round(overlap.dice, 4) for overlap in score(truth, result.label_map).labels}

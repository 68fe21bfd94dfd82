"""`decide`: choose a trained model's thresholds on validation patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console, options

if TYPE_CHECKING:
    from ..training.decide import Trial


def decide(
    model: Annotated[Path, typer.Argument(metavar="FOLDER", help="The model folder; its thresholds are rewritten.")],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Labeled CTs, as for `train`.")],
    split: Annotated[
        Path | None,
        typer.Option("--split", metavar="FILE", help="The split that the model was trained with (split.toml)."),
    ] = None,
    device: options.Device = options.DEFAULTS.device,
    quiet: options.Quiet = False,
) -> None:
    """Choose a model's thresholds on validation patients, and tell what every step of clean-up does there."""
    from ..settings import Settings
    from ..training.decide import decide as choose

    with console.shown_progress(quiet) as progress:
        trials = choose(model, data, Settings(device=device), progress, split)
    console.result(f"Validation patients: {trials[0].patients}. Dice (mean by patient) and false masses:")
    width = max(len(trial.what) for trial in trials)
    for trial in trials:
        console.result(f"  {trial.what:<{width}}  {_line(trial)}")
    console.result(f"The thresholds are in {model / 'model.json'}.")


def _line(trial: Trial) -> str:
    found = (("kidney with masses", trial.kidney), ("masses", trial.masses), ("tumor", trial.tumor))
    parts = [f"{name} {value:.3f}" for name, value in found if value is not None]
    if trial.false_ml is not None:
        parts.append(f"false masses {trial.false_ml:.1f} mL")
    return ", ".join(parts)

"""`train`: labeled CTs in, a model folder out."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import Cancelled
from ..progress import Progress
from . import console, options

if TYPE_CHECKING:
    from ..training.sources import Problem

Fold = Annotated[
    int | None, typer.Option("--fold", metavar="N", help="Leave part N of the split out, for cross-validation.")
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", metavar="FILE", help="Who validates and who is only tested, by patient (split.toml)."),
]
EncoderWeights = Annotated[
    str,
    typer.Option(
        "--encoder-weights",
        metavar="START",
        help="imagenet (fetched from the internet), none, or a file; without it, the file in the data folder.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option("--start", metavar="MODEL", help="Train an earlier model on: its name, folder or network file."),
]
Devices = Annotated[
    int | None, typer.Option("--devices", metavar="N", min=1, help="Graphics cards to train on. Default: all.")
]


def train(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A recipe's name (see Resources/Recipes), or a .toml file.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Labeled CTs and weights to start from.")],
    output: options.OutputFolder,
    quick: Annotated[bool, typer.Option("--quick", help="A few steps only, to see that everything works.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the output folder.")] = False,
    fold: Fold = None,
    split: SplitFile = None,
    encoder_weights: EncoderWeights = "auto",
    start: Start = None,
    devices: Devices = None,
    quiet: options.Quiet = False,
) -> None:
    """Train a model by a recipe. Ctrl-C stops it; --resume goes on from the last checkpoint."""
    from ..training import Listener
    from ..training import train as run_training

    quiet = _only_helps() or quiet
    interrupt = _Interrupt()
    problems = _Problems(quiet)
    try:
        with console.shown_progress(quiet, interrupt.asked_for) as progress:
            progress.stage("Reading cases", 0.02)
            teller = _StepTeller(progress, interrupt)
            folder = run_training(
                name,
                data,
                output,
                quick=quick,
                resume=resume,
                fold=fold,
                split_file=split,
                encoder_weights=encoder_weights,
                start=_start_path(start),
                devices=devices,
                listener=Listener(teller, console.remark, problems.add),
            )
            if not quick:
                _score(folder, data, output, progress)
            progress.finish()
    except Cancelled as cancelled:
        raise Cancelled(
            f"Cancelled. No model was written. What was learned is in {output}; --resume goes on."
        ) from cancelled
    finally:
        interrupt.release()
    problems.count()
    console.result(f"Model: {folder}")


def _only_helps() -> bool:
    """Whether the user started another process and this is one beside it; both hear Ctrl-C, and that one decides."""
    from ..training import helps_another_process

    helps = helps_another_process()
    if helps:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return helps


def _score(folder: Path, data: Path, output: Path, progress: Progress) -> None:
    """Write the scores into the model, where the data holds whole scans."""
    from ..training import PACK_FILE, SPLIT_FILE, score_model

    if (data / PACK_FILE).is_file():
        console.remark("Packed cases hold no whole scans, so the model was not scored: run evaluate where the data is.")
    else:
        score_model(folder, data, split_file=output / SPLIT_FILE, progress=progress)


def _start_path(start: str | None) -> Path | None:
    """A network file as it is, a model by name or folder as its folder."""
    from ..models import open_model

    if start is None or Path(start).is_file():
        return Path(start) if start else None
    return open_model(start).path


class _Interrupt:
    """Takes Ctrl-C from Lightning, which would end the process in its own way: the run ends after the step instead."""

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def take(self) -> None:
        """From now on Ctrl-C is a wish that `asked_for` tells."""
        self._before = signal.signal(signal.SIGINT, self._ask)

    def release(self) -> None:
        """Ctrl-C works as before."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def asked_for(self) -> bool:
        """Whether the user wants to stop."""
        return self._asked

    def _ask(self, *_: object) -> None:
        self._asked = True


class _Problems:
    """Tells cases that are left out, on stderr: each when it is met, even if quiet, and their number at the end."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bad: list[Problem] = []

    def add(self, problem: Problem) -> None:
        """One case is left out."""
        if problem.expected:
            console.remark(f"Note: {problem}", self._quiet)
        else:
            self._bad.append(problem)
            console.remark(f"Warning: {problem}")

    def count(self) -> None:
        """The training is over."""
        if self._bad:
            console.remark(f"{len(self._bad)} of {self._bad[0].of_cases} cases could not be used; see above.")


class _StepTeller:
    """Turns steps and loss into progress."""

    def __init__(self, progress: Progress, interrupt: _Interrupt) -> None:
        self._progress = progress
        self._interrupt = interrupt
        self._done: int | None = None

    def __call__(self, done: int, total: int, loss: float) -> None:
        """After one optimizer step."""
        if self._done is None:  # the first one: after a resume it is not step 1
            self._interrupt.take()
            self._progress.stage("Training", 0.99, total, "steps")
            self._done = 0
        self._progress.advance(done - self._done)
        self._done = done

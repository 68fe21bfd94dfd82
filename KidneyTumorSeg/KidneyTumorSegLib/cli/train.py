"""`train`: labeled CTs in, a model folder out."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Cancelled
from ..progress import Progress
from . import console, options


def train(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A recipe's name (see Resources/Recipes), or a .toml file.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Labeled CTs and weights to start from.")],
    output: options.OutputFolder,
    quick: Annotated[bool, typer.Option("--quick", help="A few steps only, to see that everything works.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the output folder.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a model by a recipe. Ctrl-C stops it; --resume goes on from the last checkpoint."""
    from ..training import score_model
    from ..training import train as run_training

    interrupt = _Interrupt()
    try:
        with console.shown_progress(quiet, interrupt.asked_for) as progress:
            progress.stage("Reading cases", 0.02)
            teller = _StepTeller(progress, interrupt)
            folder = run_training(name, data, output, quick=quick, resume=resume, on_step=teller)
            if not quick:
                progress.stage("Scoring on the scans that were kept out", 0.99)
                score_model(folder, data)
            progress.finish()
    except Cancelled as cancelled:
        raise Cancelled(
            f"Cancelled. No model was written. What was learned is in {output}; --resume goes on."
        ) from cancelled
    finally:
        interrupt.release()
    console.result(f"Model: {folder}")


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

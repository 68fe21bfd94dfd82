"""How commands speak: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ..progress import Progress, Step

_PLAIN_EVERY_S = 5.0
"""How often a run without a terminal says where it is within one stage."""


def result(text: str) -> None:
    """A line of the result, on stdout."""
    typer.echo(text)


def result_json(value: dict[str, Any]) -> None:
    """The result for machines: one JSON object on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def remark(text: str, quiet: bool = False) -> None:
    """A remark that is no result, on stderr."""
    if not quiet:
        typer.echo(text, err=True)


@contextmanager
def shown_progress(quiet: bool, is_cancelled: Callable[[], bool] | None = None) -> Iterator[Progress]:
    """A `Progress` that is drawn as a bar on a terminal, told in plain lines elsewhere, and not at all if quiet."""
    if quiet:
        yield Progress(None, is_cancelled)
    elif sys.stderr.isatty():
        with _bar() as listener:
            yield Progress(listener, is_cancelled)
    else:
        yield Progress(_plain_lines(), is_cancelled)


def _plain_lines() -> Callable[[Step], None]:
    """A line when a stage begins, and every few seconds within a long one."""
    said_stage, said_at = "", 0.0

    def listen(step: Step) -> None:
        nonlocal said_stage, said_at
        now = time.monotonic()
        if step.stage != said_stage or now - said_at >= _PLAIN_EVERY_S:
            said_stage, said_at = step.stage, now
            remark(f"{step.fraction:4.0%} {step}")

    return listen


@contextmanager
def _bar() -> Iterator[Callable[[Step], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}", markup=False))
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("Starting", total=1.0)
        yield lambda step: drawn.update(task, completed=step.fraction, description=str(step))

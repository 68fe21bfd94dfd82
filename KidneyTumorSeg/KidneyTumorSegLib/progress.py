"""How a run tells where it is, and how it is stopped. No Qt, no threads of its own.

A run is a list of stages with an expected share of the whole time. Within a stage, work is counted in units that
really were done (slices, files), so progress is true; the time left comes from the speed measured so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled


@dataclass(frozen=True)
class Step:
    """Where a run is now."""

    stage: str
    """Plain words, for example "Segmenting"."""
    done: int
    total: int
    unit: str
    """What `done` counts, for example "slices"; empty if nothing is counted."""
    fraction: float
    """Of the whole run, 0..1, never falling."""
    seconds_left: float | None
    """Estimated; None until it can be told."""

    def __str__(self) -> str:
        counted = f" {self.done} of {self.total} {self.unit}" if self.unit else ""
        left = "" if self.seconds_left is None else f", about {format_seconds(self.seconds_left)} left"
        return f"{self.stage}{counted}{left}"


def format_seconds(seconds: float) -> str:
    """Seconds as people read them: "8 s", "2 min 5 s", "1 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress:
    """Collects progress from all rooms, passes it on to one listener, and ends the run when it is cancelled.

    Args:
        listener: called with each `Step`, on the thread that does the work. None: nobody listens.
        is_cancelled: asked at every unit of work; when it answers True, `Cancelled` is raised there.
        clock: seconds, for the time left (replaced in tests).
    """

    def __init__(
        self,
        listener: Callable[[Step], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._is_cancelled = is_cancelled
        self._clock = clock
        self._start = clock()
        self._stage, self._unit, self._done, self._total = "", "", 0, 1
        self._from = self._to = self._fraction = 0.0
        self.seconds_by_stage: dict[str, float] = {}
        self._stage_start = self._start

    def stage(self, name: str, until: float, total: int = 1, unit: str = "") -> None:
        """Begin a stage.

        Args:
            name: plain words for the user.
            until: the fraction of the whole run that is done when this stage ends.
            total: units of work in this stage.
            unit: what the units are called; empty to leave them unsaid.
        """
        self._close_stage()
        self._stage, self._unit, self._done, self._total = name, unit, 0, max(total, 1)
        self._from, self._to = self._fraction, max(until, self._fraction)
        self._tell()

    def advance(self, units: int = 1) -> None:
        """Say that units of work are done."""
        self._done = min(self._done + units, self._total)
        self._tell()

    def extend(self, units: int) -> None:
        """Say that the stage has more units of work than was thought."""
        self._total += units

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the user asked for it."""
        if self._is_cancelled is not None and self._is_cancelled():
            raise Cancelled

    def finish(self) -> None:
        """The run is done."""
        self.stage("Done", 1.0)
        self.advance()

    def _close_stage(self) -> None:
        now = self._clock()
        if self._stage:
            spent = self.seconds_by_stage.get(self._stage, 0.0) + now - self._stage_start
            self.seconds_by_stage[self._stage] = spent
        self._stage_start = now

    def _tell(self) -> None:
        self.check_cancelled()
        share = self._done / self._total
        self._fraction = max(self._fraction, self._from + (self._to - self._from) * share)
        if self._listener is not None:
            self._listener(Step(self._stage, self._done, self._total, self._unit, self._fraction, self._seconds_left()))

    def _seconds_left(self) -> float | None:
        """From the speed within the stage if it counts, else from the whole run; None while too little is known."""
        spent = self._clock() - self._start
        if self._fraction < 0.02 or spent < 0.5:
            return None
        return spent * (1 - self._fraction) / self._fraction

"""Running the pipeline for the panel: one small interface; in this process, or in its own (`process_runner.py`)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import Cancelled, EnvironmentProblem, KidneyTumorSegError
from ..progress import Progress, Step
from ..settings import Settings
from ..volume import Volume

if TYPE_CHECKING:
    from ..pipeline import Result

PIPELINE = "KidneyTumorSegLib.pipeline:run"
"""The work, as `module:function`: it takes a volume, settings and a progress, and gives a `Result`."""

OnStep = Callable[[Step], None]
OnDone = Callable[["Result"], None]
OnError = Callable[[KidneyTumorSegError], None]

OUT_OF_MEMORY = (
    "There was not enough memory for this scan. Close other programs, or crop the scan to the kidneys, and try again."
)


class WorkerDidNotStart(EnvironmentProblem):
    """No process of its own could be started on this computer: run in this one instead."""


class Runner(Protocol):
    """Runs one scan at a time and tells about it on the thread that calls `start` and `pump`."""

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""

    def start(self, volume: Volume, settings: Settings, on_step: OnStep, on_done: OnDone, on_error: OnError) -> None:
        """Begin a run. It ends with exactly one call of `on_done` or `on_error`, or of neither after `cancel`."""

    def cancel(self) -> None:
        """Stop the run now; none of its callbacks is called after this."""

    def pump(self) -> None:
        """Deliver what came in since the last call. To be called by a timer; returns at once."""

    def close(self) -> None:
        """Cancel, and give everything back: processes, memory, files."""


def resolve(work: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, function = work.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


class InProcessRunner:
    """Runs in the caller's process: `start` comes back when all is done. Progress comes through `on_step` meanwhile.

    What `on_step` does may call `cancel` (a panel lets its events through there): the run then stops at the next unit
    of work.
    """

    def __init__(self, work: str = PIPELINE) -> None:
        self._work = work
        self._running = self._cancelled = False

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._running

    def start(self, volume: Volume, settings: Settings, on_step: OnStep, on_done: OnDone, on_error: OnError) -> None:
        """Run; all callbacks come from within."""
        self._running, self._cancelled = True, False
        try:
            result = resolve(self._work)(volume, settings, Progress(on_step, lambda: self._cancelled))
        except Cancelled:
            return
        except KidneyTumorSegError as error:
            failure = error
        except MemoryError:
            failure = EnvironmentProblem(OUT_OF_MEMORY)
        else:
            self._running = False
            if not self._cancelled:
                on_done(result)
            return
        finally:
            self._running = False
        if not self._cancelled:
            on_error(failure)

    def cancel(self) -> None:
        """Stop at the next unit of work."""
        self._cancelled = True

    def pump(self) -> None:
        """Nothing waits: everything was delivered from within `start`."""

    def close(self) -> None:
        """Stop at the next unit of work; there is nothing else to give back."""
        self.cancel()

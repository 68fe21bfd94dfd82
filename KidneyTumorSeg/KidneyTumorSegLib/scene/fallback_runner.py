"""In a process of its own where one can be started, else in this one: what the panel uses."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..errors import KidneyTumorSegError
from ..progress import Step
from ..settings import Settings
from ..volume import Volume
from .process_runner import ProcessRunner
from .runner import PIPELINE, InProcessRunner, OnDone, OnError, OnStep, Runner, WorkerDidNotStart


class FallbackRunner:
    """Begins with a worker process. When none can be started, the same run is done in this process, and all later ones.

    Args:
        work: what is run, `module:function`.
        let_events_in: called at each step of a run in this process: the panel is drawn, Cancel can be clicked.
        first: what to begin with; by default a `ProcessRunner`.
    """

    def __init__(
        self, work: str = PIPELINE, let_events_in: Callable[[], object] = lambda: None, first: Runner | None = None
    ) -> None:
        self._work = work
        self._let_events_in = let_events_in
        self._runner: Runner = first or ProcessRunner(work)

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._runner.is_running

    @property
    def is_in_process(self) -> bool:
        """Whether runs have no process of their own."""
        return isinstance(self._runner, InProcessRunner)

    @property
    def process_id(self) -> int | None:
        """Of the worker, while there is one."""
        return self._runner.process_id if isinstance(self._runner, ProcessRunner) else None

    @property
    def runs_on(self) -> str | None:
        """What the worker computes on, for people; None until it tells, empty if nobody will."""
        return self._runner.runs_on if isinstance(self._runner, ProcessRunner) else ""

    def warm_up(self) -> None:
        """Start the worker, so that the first run need not wait for it."""
        if isinstance(self._runner, ProcessRunner):
            try:
                self._runner.warm_up()
            except WorkerDidNotStart as error:
                self._fall_back(error)

    def start(self, volume: Volume, settings: Settings, on_step: OnStep, on_done: OnDone, on_error: OnError) -> None:
        """Begin a run.

        Raises:
            EnvironmentProblem: no room for the voxels.
        """

        def step(it: Step) -> None:
            on_step(it)
            if self.is_in_process:
                self._let_events_in()

        def failed(error: KidneyTumorSegError) -> None:
            if isinstance(error, WorkerDidNotStart) and not self.is_in_process:
                self._fall_back(error)
                self._runner.start(volume, settings, step, on_done, on_error)
            else:
                on_error(error)

        try:
            self._runner.start(volume, settings, step, on_done, failed)
        except WorkerDidNotStart as error:
            failed(error)

    def cancel(self) -> None:
        """Stop the run now; none of its callbacks is called after this."""
        self._runner.cancel()

    def pump(self) -> None:
        """Deliver what came in since the last call."""
        self._runner.pump()

    def close(self) -> None:
        """Cancel, and give everything back."""
        self._runner.close()

    def _fall_back(self, error: WorkerDidNotStart) -> None:
        details = "\n".join(getattr(error, "__notes__", ()))
        logging.getLogger(__name__).warning("%s Running in this process instead.\n%s", error, details)
        self._runner.close()
        self._runner = InProcessRunner(self._work)

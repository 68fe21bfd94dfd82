"""Running the pipeline in a process of its own, which stays warm between runs and is killed to cancel."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import typing
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import EnvironmentProblem, KidneyTumorSegError
from ..progress import Step
from ..settings import Settings
from ..volume import LabelMap, Volume
from .messages import error_from_plain, from_line, from_plain, result_from_plain, to_line, to_plain
from .runner import PIPELINE, OnDone, OnError, OnStep, WorkerDidNotStart, resolve
from .shared_array import SharedArray, remove_left_overs

_LIBRARY_FOLDER = Path(__file__).resolve().parents[2]
_STDERR_LINES = 100
_READY_WITHIN_S = 120.0
_END_WITHIN_S = 5.0
_LET_READERS_RUN_S = 0.002
_KILLED_BY_SYSTEM = (-9, 137)
_LAUNCHER_LOST_IT = "exit abnormally"
"""PythonSlicer is a launcher: when the Python behind it was killed or crashed, it says so and ends with 1."""
_CRASHED = ("Fatal Python error", "Windows fatal exception")
"""How the line begins in which Python tells that native code crashed; a process that was killed says nothing."""
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def python_executable() -> str:
    """The Python that runs the worker: this one, or Slicer's own when this process is Slicer.

    Raises:
        WorkerDidNotStart: there is none.
    """
    if "python" in Path(sys.executable).stem.lower():
        return sys.executable
    if found := shutil.which("PythonSlicer"):
        return found
    raise WorkerDidNotStart("Slicer's own Python (PythonSlicer) was not found. Install Slicer again.")


@dataclass(eq=False)
class _Run:
    """One run under way."""

    volume: Volume
    on_step: OnStep
    on_done: OnDone
    on_error: OnError
    voxels: SharedArray
    labels: SharedArray

    def close(self) -> None:
        self.voxels.close()
        self.labels.close()


class ProcessRunner:
    """Runs scans in a worker process.

    The process starts at the first run (or `warm_up`) and keeps its model for the next. Its answers are read by two
    small threads into a queue; `pump` empties it on the caller's thread, so neither Qt nor MRML is met elsewhere.

    Args:
        work: what the worker runs, `module:function`.
        python_path: further folders where the worker finds modules.
    """

    def __init__(self, work: str = PIPELINE, python_path: Sequence[Path] = ()) -> None:
        self._work = work
        self._python_path = (_LIBRARY_FOLDER, *python_path)
        self._worker: _Worker | None = None
        self._run: _Run | None = None
        self._runs_on: str | None = None
        remove_left_overs()

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    @property
    def process_id(self) -> int | None:
        """Of the worker, while there is one."""
        return self._worker.process.pid if self._worker is not None and self._worker.is_alive else None

    @property
    def runs_on(self) -> str | None:
        """What the worker computes on, for people; None until it tells, empty if it cannot."""
        return self._runs_on

    def warm_up(self) -> None:
        """Start the worker if there is none, so that the first run need not wait for it.

        Raises:
            WorkerDidNotStart: the system does not let it start.
        """
        if self._worker is not None and not self._worker.is_alive:
            self._drop_worker()
        if self._worker is None:
            self._worker = _Worker(self._work, self._python_path)

    def start(self, volume: Volume, settings: Settings, on_step: OnStep, on_done: OnDone, on_error: OnError) -> None:
        """Begin a run.

        Raises:
            EnvironmentProblem: no room for the voxels, or (`WorkerDidNotStart`) the system starts no process.
        """
        self.cancel()
        self.warm_up()
        voxels = SharedArray(volume.grid.shape, volume.voxels.dtype, volume.voxels)
        try:
            labels = SharedArray(volume.grid.shape, "uint8")
        except EnvironmentProblem:
            voxels.close()
            raise
        self._run = _Run(volume, on_step, on_done, on_error, voxels, labels)
        assert self._worker is not None
        self._worker.send(_request(self._run, settings))

    def cancel(self) -> None:
        """Kill the worker, if it runs a scan, and give its memory back. The next run starts a new one."""
        if self._run is not None:
            self._drop_worker()
            self._end_run()

    def pump(self) -> None:
        """Deliver what came in since the last call."""
        # Slicer's main thread holds Python's lock while Qt waits for events: without this the readers never run.
        time.sleep(_LET_READERS_RUN_S)
        worker = self._worker
        while worker is not None and worker is self._worker:
            try:
                message = worker.messages.get_nowait()
            except queue.Empty:
                if worker.is_late and self._run is not None:
                    self._fail(WorkerDidNotStart(f"The worker process did not start within {_READY_WITHIN_S:.0f} s."))
                return
            if message is None:
                self._worker_ended(worker)
                return
            self._deliver(message)

    def close(self) -> None:
        """End the worker, whatever it does, and give everything back."""
        self._drop_worker()
        self._end_run()

    def _deliver(self, message: Mapping[str, Any]) -> None:
        run, event = self._run, message["event"]
        if event == "ready" and self._worker is not None:
            self._worker.is_ready = True
        elif event == "state":
            self._runs_on = message["runs_on"]
        if run is None:
            return
        if event == "mapped":
            run.voxels.forget_name()
            run.labels.forget_name()
        elif event == "step":
            run.on_step(from_plain(Step, message["step"]))
        elif event == "done":
            label_map = LabelMap(run.labels.copy(), run.volume.grid)
            self._end_run()
            result_kind = typing.get_type_hints(resolve(self._work))["return"]
            run.on_done(result_from_plain(result_kind, message["result"], label_map))
        elif event == "error":
            self._end_run()
            run.on_error(error_from_plain(message["error"]))

    def _worker_ended(self, worker: _Worker) -> None:
        if self._run is None:
            self._drop_worker()
            return
        worker.wait()
        self._fail(_why_it_ended(worker))

    def _fail(self, error: KidneyTumorSegError) -> None:
        run = self._run
        assert run is not None
        if self._worker is not None and self._worker.stderr:
            error.add_note("\n".join(self._worker.stderr))
        self._drop_worker()
        self._end_run()
        run.on_error(error)

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _end_run(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None


class _Worker:
    """The process and the two threads that read what it says."""

    def __init__(self, work: str, python_path: Sequence[Path]) -> None:
        command = [python_executable(), "-m", "KidneyTumorSegLib.scene.worker_process", work]
        self.messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self.is_ready = False
        self._started = time.monotonic()
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(python_path),
                start_new_session=True,  # a group of its own, so that its children can be killed with it
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise WorkerDidNotStart(f"The worker process could not be started ({error}).") from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._stdin: IO[bytes] = self.process.stdin
        self._threads = [
            threading.Thread(target=self._read_messages, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_stderr, args=(self.process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def is_late(self) -> bool:
        return not self.is_ready and time.monotonic() - self._started > _READY_WITHIN_S

    def send(self, message: Mapping[str, Any]) -> None:
        try:
            self._stdin.write(to_line(message))
            self._stdin.flush()
        except OSError:  # it just died: the end of its stdout tells so
            return

    def wait(self) -> None:
        """Until the process and its last words are in."""
        try:
            self.process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:  # it closed its stdout but does not end
            _kill_tree(self.process)
        for thread in self._threads:
            thread.join(_END_WITHIN_S)

    def kill(self) -> None:
        if self.is_alive:
            _kill_tree(self.process)
        self.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # a last line that the dead worker will not read
                    continue

    def _read_messages(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            if line.endswith(b"\n"):  # else the worker was killed while it wrote
                self.messages.put(from_line(line))
        self.messages.put(None)

    def _read_stderr(self, stderr: IO[bytes]) -> None:
        for line in stderr:
            self.stderr.append(line.decode("utf-8", "replace").rstrip())


def _request(run: _Run, settings: Settings) -> dict[str, Any]:
    volume = run.volume
    about = {
        "shape": list(volume.grid.shape),
        "dtype": str(volume.voxels.dtype),
        "affine": volume.affine.tolist(),
        "modality": volume.modality,
        "source": volume.source,
        "notes": list(volume.notes),
    }
    return {
        "voxels": str(run.voxels.path),
        "labels": str(run.labels.path),
        "volume": about,
        "settings": to_plain(settings),
    }


def _environment(python_path: Sequence[Path]) -> dict[str, str]:
    """Slicer's own environment, with the library on Python's path and text as UTF-8 whatever the system's language."""
    environment = dict(os.environ)
    folders = [str(folder) for folder in python_path]
    if before := environment.get("PYTHONPATH"):
        folders.append(before)
    environment.update(PYTHONPATH=os.pathsep.join(folders), PYTHONIOENCODING="utf-8", PYTHONUTF8="1")
    environment["PYTHONFAULTHANDLER"] = "1"  # a crash of native code leaves words, being killed does not
    environment["PYTHONSAFEPATH"] = "1"  # whatever lies in the folder that Slicer was started from stays out of it
    return environment


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children at once."""
    if sys.platform == "win32":
        command = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False, creationflags=_NO_WINDOW)
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended meanwhile
            return
    process.kill()


def _why_it_ended(worker: _Worker) -> KidneyTumorSegError:
    code = worker.process.returncode
    if not worker.is_ready:
        return WorkerDidNotStart(f"The worker process could not be started (it ended with code {code}).")
    words = [line for line in worker.stderr if line.strip() and _LAUNCHER_LOST_IT not in line]
    crashes = [line for line in words if line.startswith(_CRASHED)]
    lost = any(_LAUNCHER_LOST_IT in line for line in worker.stderr)
    if code in _KILLED_BY_SYSTEM or (lost and not crashes):
        return EnvironmentProblem(
            "The segmentation was stopped by the computer, most likely because memory ran out. "
            "Close other programs and try again."
        )
    last = (crashes or words or [f"exit code {code}"])[-1]
    return KidneyTumorSegError(
        f"The segmentation ended unexpectedly ({last}). Try again; the details help us to mend it."
    )

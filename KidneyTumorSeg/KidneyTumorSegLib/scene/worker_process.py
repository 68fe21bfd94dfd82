"""The worker process: waits for scans on stdin, runs the pipeline, answers on stdout. Imports no Slicer and no Qt.

    python -m KidneyTumorSegLib.scene.worker_process MODULE:FUNCTION

It ends when its stdin does, so that it never outlives the panel. An error that nobody expected ends it too: its
traceback is on stderr, and the next run begins in a fresh process (a GPU that failed once stays unusable within one).
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ..errors import EnvironmentProblem, KidneyTumorSegError
from ..progress import Progress, Step
from ..settings import Settings
from ..volume import Grid, Volume
from .messages import error_to_plain, from_line, from_plain, result_to_plain, to_line, to_plain
from .runner import OUT_OF_MEMORY, resolve
from .shared_array import open_shared


def main(work: str) -> None:
    """Serve until stdin ends."""
    sys.excepthook = _die
    answers = _private_stdout()
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    function = resolve(work)

    def tell(event: str, **message: Any) -> None:
        answers.write(to_line({"event": event, **message}))
        answers.flush()

    tell("ready")
    tell("state", runs_on=_warm_up(function))
    while True:
        request = requests.get()
        # Told only when nothing here holds the shared files any more: Windows cannot delete them before.
        try:
            answer = {"event": "done", "result": _segment(request, function, tell)}
        except KidneyTumorSegError as error:
            answer = {"event": "error", "error": error_to_plain(error)}
        except MemoryError:
            answer = {"event": "error", "error": error_to_plain(EnvironmentProblem(OUT_OF_MEMORY))}
        tell(**answer)


def _warm_up(function: Callable[..., Any]) -> str:
    """Load the default model while nobody waits for it, if the work's module knows how. Returns what it runs on."""
    warm_up = getattr(sys.modules[function.__module__], "warm_up", None)
    if warm_up is None:
        return ""
    try:
        return str(warm_up())
    except KidneyTumorSegError as error:  # a run will say so, to somebody who waits for an answer
        logging.getLogger(__name__).warning("Nothing was loaded beforehand: %s", error)
        return ""


def _segment(request: dict[str, Any], function: Callable[..., Any], tell: Callable[..., None]) -> dict[str, Any]:
    """Run the pipeline on the shared voxels, fill the shared labels, and give the rest of the result."""

    def tell_step(step: Step) -> None:
        tell("step", step=to_plain(step))

    volume, labels = _open(request)
    tell("mapped")
    result = function(volume, from_plain(Settings, request["settings"]), Progress(tell_step))
    labels[...] = result.label_map.labels
    return result_to_plain(result)


def _die(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End at once, after the traceback: Python's own end would wait for the thread that reads stdin, and abort."""
    sys.__excepthook__(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


def _private_stdout() -> BinaryIO:
    """The stream of answers; whatever a library prints from now on goes to stderr and cannot disturb it."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _read_requests(requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass the lines of stdin on; end the whole process, busy or not, when the panel is gone."""
    last: dict[str, Any] = {}
    for line in sys.stdin.buffer:
        last = from_line(line)
        requests.put(last)
    for name in ("voxels", "labels"):
        if name in last:
            try:
                Path(last[name]).unlink(missing_ok=True)
            except OSError:  # Windows, while it is mapped: removed when the panel opens the next time
                continue
    os._exit(0)


def _open(request: dict[str, Any]) -> tuple[Volume, Any]:
    about = request["volume"]
    shape = tuple(about["shape"])
    voxels = open_shared(request["voxels"], shape, about["dtype"])
    grid = Grid((shape[0], shape[1], shape[2]), about["affine"])
    volume = Volume(voxels, grid, about["modality"], about["source"], tuple(about["notes"]))
    return volume, open_shared(request["labels"], shape, "uint8")


if __name__ == "__main__":
    main(sys.argv[1])

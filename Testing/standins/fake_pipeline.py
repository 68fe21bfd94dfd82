"""Pipelines that tests run in the worker in place of the real one: instant, hanging, crashing, refusing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from KidneyTumorSegLib.checks import Finding, LesionConfidence
from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.measurements import measure
from KidneyTumorSegLib.pipeline import Result, RunRecord
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import LabelMap, Volume
from KidneyTumorSegLib.volume.phantom import standard_phantom

FINDINGS = (
    Finding("thick-slices", "warning", "Slices are thick: 6 mm."),
    Finding("niño", "info", "Größe ok", (1.5, -2.0, 3.25)),
)


def warm_up() -> str:
    """As the real one: says what it runs on."""
    return "CPU, 2 threads"


def _result(label_map: LabelMap, volume: Volume, settings: Settings) -> Result:
    record = RunRecord(
        product_version="1",
        model=settings.model,
        model_version=volume.source,
        model_sha256="",
        device=f"process {os.getpid()}",
        precision="float32",
        quality=settings.quality,
        seconds_by_stage={"Segmenting": 0.25},
        warnings=(FINDINGS[0].text,),
    )
    return Result(label_map, FINDINGS, measure(label_map), record)


def threshold(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Everything as bright as a kidney of the phantom, slice by slice, with true progress."""
    print("a library's chatter on stdout")
    progress.stage("Segmenting", 1.0, volume.grid.shape[0], "slices")
    labels = np.zeros(volume.grid.shape, np.uint8)
    for k, voxels in enumerate(volume.voxels):
        labels[k] = (voxels > 130) & (voxels < 260)
        progress.advance()
    return _result(LabelMap(labels, volume.grid), volume, settings)


def truth(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """What the standard phantom has at the scan's place in the world: wrong if the world is."""
    progress.stage("Segmenting", 1.0, 1, "scan")
    labels = standard_phantom().scan(volume.grid, noise_hu=0.0)[1]
    progress.advance()
    return _result(labels, volume, settings)


def unsure(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """The truth, of whose cyst the network was not sure."""
    done = truth(volume, settings, progress)
    (cyst,) = (lesion for lesion in done.measurements.lesions if lesion.kind == "cyst")
    return replace(done, confidences=(LesionConfidence("cyst", cyst.center_lps, 0.55),))


def slow(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Progresses, and never ends."""
    progress.stage("Segmenting", 1.0, 10_000, "slices")
    while True:
        progress.advance()
        time.sleep(0.02)


def hang(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Stands still, with a child of its own that does too. Says the child's process ID as a count of units."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    progress.stage("Hanging", 1.0, child.pid, "child")
    time.sleep(600)
    raise AssertionError


def crash(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Dies without a word from Python, as native code does."""
    progress.stage("Segmenting", 1.0)
    print("CUDA error: an illegal memory access was encountered", file=sys.stderr, flush=True)
    os._exit(70)


def killed(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Killed from outside, as systems do that have no memory left."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
    raise AssertionError


def segfault(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Reads memory that is not its own, as damaged native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(600)
    raise AssertionError


def unexpected(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """An error that nobody thought of."""
    raise ZeroDivisionError("a voxel of size zero")


def refuse(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """A refusal, in a sentence."""
    raise InputError(f"'{volume.source}' is no abdomen. Choose a CT of the abdomen.")


def out_of_memory(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """As NumPy does when it cannot get memory."""
    raise MemoryError

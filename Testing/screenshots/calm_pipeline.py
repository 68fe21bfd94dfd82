"""Pipelines for pictures, run by the worker: they answer with the phantom's truth, or stand still in mid-run."""

from __future__ import annotations

import time

from KidneyTumorSegLib.checks import check_result, check_volume
from KidneyTumorSegLib.measurements import body_midline_l_mm, measure
from KidneyTumorSegLib.pipeline import Result, RunRecord
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Volume
from KidneyTumorSegLib.volume.phantom import standard_phantom

_SLICES, _SHOWN = 150, 62
_SECONDS_PER_SLICE = 0.08


def warm_up(settings: Settings | None = None) -> str:
    """As the real one: says what it runs on."""
    return "CPU, 8 threads"


def truth(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """What the standard phantom has at the scan's place, checked and measured as any result is."""
    progress.stage("Segmenting", 0.9, 1, "slices")
    labels = standard_phantom().scan(volume.grid, noise_hu=0.0)[1]
    findings = (*check_volume(volume), *check_result(volume, labels))
    measurements = measure(labels, body_midline_l_mm(volume))
    progress.finish()
    seconds = {"Segmenting": 9.5}
    warnings = tuple(finding.text for finding in findings if finding.severity == "warning")
    record = RunRecord("1.0", settings.model, "1", "", "cpu", "float32", settings.quality, seconds, warnings)
    return Result(labels, findings, measurements, record)


def half_way(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """Segments some slices at a steady speed, and then waits to be cancelled."""
    progress.stage("Locating the kidneys", 0.2, 1)
    progress.advance()
    progress.stage("Segmenting", 0.9, _SLICES, "slices")
    for _ in range(_SHOWN):
        time.sleep(_SECONDS_PER_SLICE)
        progress.advance()
    time.sleep(600)
    raise AssertionError

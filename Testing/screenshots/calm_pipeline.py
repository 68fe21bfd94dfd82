"""Pipelines for pictures, run by the worker: they answer with the phantom's truth, or stand still in mid-run."""

from __future__ import annotations

import time

from KidneyTumorSegLib.anatomy import CYST, TUMOR
from KidneyTumorSegLib.checks import check_result, check_volume
from KidneyTumorSegLib.measurements import body_midline_l_mm, measure
from KidneyTumorSegLib.pipeline import Result, RunRecord
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Volume
from KidneyTumorSegLib.volume.phantom import Ellipsoid, Phantom, standard_phantom

_SLICES, _SHOWN = 150, 62
_SECONDS_PER_SLICE = 0.08


def warm_up(settings: Settings | None = None) -> str:
    """As the real one: says what it runs on."""
    return "CPU, 8 threads"


def doubtful_phantom() -> Phantom:
    """The standard phantom with lesions that are worth a second look: small, too dense, away from the kidneys."""
    more = (
        Ellipsoid((64.0, 19.0, -14.0), (4.5, 4.5, 4.5), 70.0, TUMOR.value),
        Ellipsoid((-92.0, 36.0, 10.0), (10.0, 10.0, 10.0), 58.0, CYST.value),
        Ellipsoid((34.0, -44.0, -30.0), (9.0, 9.0, 9.0), 85.0, TUMOR.value),
    )
    return Phantom((*standard_phantom().bodies, *more))


def truth(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """What the standard phantom has at the scan's place, checked and measured as any result is."""
    return _known(standard_phantom(), volume, settings, progress)


def doubtful(volume: Volume, settings: Settings, progress: Progress) -> Result:
    """What the phantom with doubtful lesions has."""
    return _known(doubtful_phantom(), volume, settings, progress)


def _known(phantom: Phantom, volume: Volume, settings: Settings, progress: Progress) -> Result:
    progress.stage("Segmenting", 0.9, 1, "slices")
    labels = phantom.scan(volume.grid, noise_hu=0.0)[1]
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

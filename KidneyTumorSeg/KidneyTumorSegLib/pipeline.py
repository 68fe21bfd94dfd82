"""The table of contents of one scan: check, segment, check, measure, and keep a record of the run."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from . import __version__
from .checks import Finding, LesionConfidence, check_result, check_volume
from .inference import describe_device, load_networks, segment
from .measurements import Measurements, body_midline_l_mm, measure
from .models import open_model
from .progress import Progress
from .settings import Settings
from .volume import LabelMap, Volume


@dataclass(frozen=True)
class RunRecord:
    """What was run, with what, and how long it took. No patient data, no path."""

    product_version: str
    model: str
    model_version: str
    model_sha256: str
    device: str
    precision: str
    quality: str
    seconds_by_stage: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(self.seconds_by_stage.values())

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Result:
    """All that is known about one scan after a run.

    Attributes:
        label_map: on the input's own grid.
        findings: warnings and remarks, the input's first.
        measurements: volumes and lesions.
        record: of the run.
        confidences: how sure the network was of each tumor and cyst.
    """

    label_map: LabelMap
    findings: tuple[Finding, ...]
    measurements: Measurements
    record: RunRecord
    confidences: tuple[LesionConfidence, ...] = ()


def warm_up(settings: Settings | None = None) -> str:
    """Load the model onto its device, so that the first run need not wait for it.

    Returns:
        What the device is, for people: "CPU, 8 threads".

    Raises:
        EnvironmentProblem: device, memory or model; a run would say the same.
    """
    settings = settings or Settings()
    load_networks(open_model(settings.model), settings)
    return describe_device(settings.device)


def run(volume: Volume, settings: Settings | None = None, progress: Progress | None = None) -> Result:
    """Segment one scan.

    Args:
        volume: CT in HU, any orientation.
        settings: None: the defaults.
        progress: None: nobody listens, nobody cancels.

    Raises:
        InputError: the volume cannot be used.
        EnvironmentProblem: device, memory or model.
        Cancelled: by the user.
    """
    settings = settings or Settings()
    progress = progress or Progress()
    folder = open_model(settings.model)
    progress.stage("Checking the scan", 0.02)
    before = check_volume(volume)
    segmented = segment(volume, folder, settings, progress)
    progress.stage("Measuring", 0.99)
    after = check_result(volume, segmented.label_map)
    remarks = tuple(Finding("run", "warning", note) for note in (*volume.notes, *segmented.notes))
    measurements = measure(segmented.label_map, body_midline_l_mm(volume))
    side = () if measurements.sides_sure else (Finding("side", "warning", measurements.sides_note),)
    findings = (*before, *remarks, *after, *side)
    progress.finish()
    record = RunRecord(
        product_version=__version__,
        model=folder.name,
        model_version=folder.version,
        model_sha256=folder.contract.weights.sha256 if folder.contract.weights else "",
        device=segmented.device,
        precision=segmented.precision,
        quality=settings.quality,
        seconds_by_stage={stage: round(seconds, 3) for stage, seconds in progress.seconds_by_stage.items()},
        warnings=tuple(finding.text for finding in findings if finding.severity == "warning"),
    )
    return Result(segmented.label_map, findings, measurements, record, segmented.confidences)

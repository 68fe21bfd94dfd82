"""Which lesions, and which other places, deserve a second look, and why, in words; the most doubtful first.

A rule speaks only of what CT values and shapes show; none of them is a diagnosis. Where the numbers come from:

- A simple cyst has -9 to 20 HU, and up to 30 HU in the portal venous phase (Bosniak 2019, category II).
- Every one of 193 renal cell carcinomas had a region of 20 to 70 HU without contrast agent (PMID 22528901); the least
  enhancing kind, papillary, begins at 15 HU. Below -10 HU is fat (angiomyolipoma).
- Below 10 mm the blur of the scanner and pseudo-enhancement make a density unreliable.
- A renal mass touches its kidney: what lies farther than 5 mm from one is dropped by the clean-up of KiTS entries too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import CYST, KIDNEY, TUMOR
from ..checks import Finding, LesionConfidence
from ..checks.density import inner_density
from ..volume import Grid, LabelMap, Volume
from .lesion_body import LesionBody, around, lesion_body
from .quantities import Lesion, Measurements, World, format_value
from .sides import CONNECTED_26

SMALL_ML, SMALL_MM = 1.0, 10.0
THIN = 1.5
"""So much longer than a ball of its volume, a lesion is thin rather than small."""
FAR_MM = 5.0
CYST_MOST_HU = 30.0
TUMOR_LEAST_HU = 15.0
CYST_MOST_SD_HU = 20.0
"""Beyond the image noise: septa, calcium, a solid part, or kidney taken along."""
CONTACT_SHARE = 0.1
"""A cyst with more of its surface on a tumor than this may be a part of it."""
SURE_FROM = 0.75
"""A mean probability under this is told: a convention; a network that decides at 0.5 gives sure lesions about 0.9."""
_FAR, _EDGE, _SMALL, _UNEVEN, _CONTACT = 0.8, 0.5, 0.4, 0.5, 0.4
_WARNING, _INFO = 0.6, 0.2
_TOLD_BY_LESIONS = "stray-lesion"

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Doubt:
    """One place to look at again.

    Attributes:
        lesion: which one; None for a finding that is about something else.
        score: 0 to 1; only its order means something.
        reasons: sentences, the weightiest first.
        position_lps: where to look, world LPS in mm.
        code: of a finding ("kidney-cut"); empty for a lesion.
    """

    lesion: Lesion | None
    score: float
    reasons: tuple[str, ...]
    position_lps: World
    code: str = ""


def lesion_doubts(
    volume: Volume, label_map: LabelMap, measurements: Measurements, confidences: Iterable[LesionConfidence] = ()
) -> tuple[Doubt, ...]:
    """The lesions that deserve a second look, the most doubtful first; of equal ones the larger first.

    Args:
        volume: the CT.
        label_map: on its grid.
        measurements: `measure` of this label map.
        confidences: what the network told of the lesions that it drew; one counts for the lesion that lies there.
    """
    told_by_network = tuple(confidences)
    found = []
    for lesion in measurements.lesions:
        body = lesion_body(label_map, lesion)
        if body is None:
            continue
        reasons = (*_reasons(volume, label_map, lesion, body), *_unsure(lesion, body, told_by_network))
        told = sorted(reasons, key=lambda reason: -reason[0])
        if told:
            score = 1.0 - float(np.prod([1.0 - weight for weight, _ in told]))
            found.append(Doubt(lesion, score, tuple(text for _, text in told), lesion.center_lps))
    return _sorted(found)


def finding_doubts(findings: Iterable[Finding]) -> tuple[Doubt, ...]:
    """The findings of a run that have a place, without those that `lesion_doubts` tells of the lesion itself."""
    return _sorted(
        Doubt(None, _WARNING if finding.severity == "warning" else _INFO, (finding.text,), finding.lps, finding.code)
        for finding in findings
        if finding.lps is not None and finding.code != _TOLD_BY_LESIONS
    )


def all_doubts(
    volume: Volume,
    label_map: LabelMap,
    measurements: Measurements,
    findings: Iterable[Finding],
    confidences: Iterable[LesionConfidence] = (),
) -> tuple[Doubt, ...]:
    """Lesions and other findings in one list, the most doubtful first."""
    return _sorted((*lesion_doubts(volume, label_map, measurements, confidences), *finding_doubts(findings)))


def _sorted(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    def rank(doubt: Doubt) -> tuple[float, float, str]:
        lesion = doubt.lesion
        return -round(doubt.score, 6), -lesion.volume_ml if lesion else 0.0, lesion.title if lesion else doubt.code

    return tuple(sorted(doubts, key=rank))


def _reasons(volume: Volume, label_map: LabelMap, lesion: Lesion, body: LesionBody) -> Iterable[tuple[float, str]]:
    """Weights 0 to 1 and sentences."""
    grid = label_map.grid
    if any(part.start == 0 or part.stop == size for part, size in zip(body.box, grid.shape, strict=True)):
        yield _EDGE, "It reaches the edge of the scan and may be cut off."
    if lesion.volume_ml < SMALL_ML or lesion.diameter_mm < SMALL_MM:
        size = f"{format_value(lesion.volume_ml)} mL, {format_value(lesion.diameter_mm)} mm"
        what = "thin" if _is_thin(lesion) else "small"
        yield _SMALL, f"It is {what} ({size}): it may be false, and its kind is hard to tell."
    wide = around(body.box, grid, FAR_MM)
    here = np.pad(body.mask, [(b.start - w.start, w.stop - b.stop) for b, w in zip(body.box, wide, strict=True)])
    labels = label_map.labels[wide]
    if not _near(here, labels == KIDNEY.value, grid):
        yield _FAR, f"It lies more than {FAR_MM:.0f} mm away from all kidney tissue."
    if lesion.kind == CYST.id:
        surface = here & ~ndimage.binary_erosion(here)
        on_tumor = surface & ndimage.binary_dilation(labels == TUMOR.value, CONNECTED_26)
        if np.count_nonzero(on_tumor) > CONTACT_SHARE * np.count_nonzero(surface):
            yield _CONTACT, "It touches a tumor: both may be one mass."
    if volume.modality == "CT":
        yield from _density(volume, lesion, body)


def _is_thin(lesion: Lesion) -> bool:
    ball_mm = 10.0 * float(np.cbrt(6.0 * lesion.volume_ml / np.pi))
    return lesion.diameter_mm >= max(SMALL_MM, THIN * ball_mm)


def _unsure(lesion: Lesion, body: LesionBody, confidences: tuple[LesionConfidence, ...]) -> Iterable[tuple[float, str]]:
    """What the network's own probability says against the lesion: the least of those told of places inside it."""
    inside = [it.probability for it in confidences if it.kind == lesion.kind and body.distance_mm(it.lps) == 0]
    if inside and min(inside) < SURE_FROM:
        weight = min(0.9, 0.3 + (SURE_FROM - min(inside)) / SURE_FROM)
        yield weight, f"The model was not sure of it (mean probability {min(inside):.2f})."


def _near(lesion: BoolArray, kidney: BoolArray, grid: Grid) -> bool:
    if not kidney.any():
        return False
    away = ndimage.distance_transform_edt(~lesion, sampling=grid.spacing[::-1])
    return bool(away[kidney].min() <= FAR_MM)


def _density(volume: Volume, lesion: Lesion, body: LesionBody) -> Iterable[tuple[float, str]]:
    """What the inner voxels' HU say against the lesion's kind."""
    density = inner_density(body.mask, volume.voxels[body.box], body.grid.spacing[::-1])
    if density is None:
        return
    mean = density.mean_hu
    if lesion.kind == CYST.id:
        if mean > CYST_MOST_HU:
            text = f"Its mean of {mean:.0f} HU is high for a cyst (fluid has up to {CYST_MOST_HU:.0f} HU)."
            yield _beyond(mean - CYST_MOST_HU), text
        if density.uneven_hu > CYST_MOST_SD_HU:
            uneven = f"standard deviation {density.uneven_hu:.0f} HU beyond the image noise"
            yield _UNEVEN, f"It is uneven for a cyst ({uneven})."
    elif mean < TUMOR_LEAST_HU:
        what = "fat" if mean < -10.0 else "fluid"
        text = f"Its mean of {mean:.0f} HU is low for a tumor ({what}?)."
        yield _beyond(TUMOR_LEAST_HU - mean), text


def _beyond(excess_hu: float) -> float:
    """The weight of a density beyond its limit."""
    return min(0.9, 0.5 + excess_hu / 150.0)

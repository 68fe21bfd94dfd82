"""A scan in another phase of contrast agent, organ by organ: most scans to learn from are of two phases only.

What each tissue shows is taken apart into its slow changes and what is left: noise and texture. The slow part moves to
the brightness of the new phase, cortex and medulla of the kidneys each on its own; the rest stays. Organs move by
their labels, softly at their borders; vessels and others that no label names move by how bright they are. Bone, fat,
air, cysts and the gallbladder keep their values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import CYST, KIDNEY, TUMOR
from .case import Case
from .channels import ORGAN_CHANNELS
from .phase_table import CORTEX_HU, GAP_HU, ORGAN_HU, TUMOR_HU, URINE_HU, VESSEL_HU, Phase, Range
from .synthesis.fields import Axes, FloatImage, random_field
from .synthesis.kidneys import Kidney, find_kidneys
from .synthesis.scan_noise import measure_noise

_SLOW_MM = 2.2  # standard deviation of the Gaussian that tells slow changes from noise
_FINE_MM, _LOST_NOISE = 1.1, 0.7  # the same where there is detail to take away, and the noise that goes with it
_EDGE_PX = 0.7  # softness of the organs' borders
_FAT_HU, _PLAIN_HU = -100.0, 40.0  # fat; soft tissue without contrast agent
_BARE_HU = 33.0  # tumor without contrast agent
_SHOWN_GAP_HU = 30.0  # cortex brighter than the rest by this: the scan itself tells them apart
_CORTEX_MM, _CORTEX_SPREAD_MM = 6.6, 1.2  # Glodny et al., Eur J Radiol 2009: 6.6 +- 1.9
_COLUMN_MM = 4.2
_BONE_HU, _BRIGHT_HU, _MARROW_HU, _BONE_SPREAD_HU = 330.0, 130.0, 70.0, 40.0
_DELAYED_SHARE = 0.08  # one kidney lags behind so often


def guess_phase(case: Case) -> Phase | None:
    """The phase by the kidneys: outer shell against core, and how bright both are; None without a kidney."""
    kidneys = find_kidneys(case.labels, _spacing(case))
    if not kidneys:
        return None
    shell, core = _shell_and_core(case, _depth(case, kidneys))
    if max(shell, core) < 65:
        return Phase.NON_CONTRAST
    if shell - core > _SHOWN_GAP_HU:
        return Phase.CORTICOMEDULLARY
    return Phase.NEPHROGRAPHIC if shell > 120 else Phase.EXCRETORY


def change_phase(case: Case, random: np.random.Generator, phase: Phase | None = None) -> Case:
    """The scan as it might look in another phase; labels stay.

    Args:
        case: whole scan, canonical.
        random: source of randomness.
        phase: wanted; None: any but the scan's own, without contrast agent twice as often as each other.

    Returns:
        A new case; the same one where it has no kidney.
    """
    kidneys = find_kidneys(case.labels, _spacing(case))
    now = guess_phase(case)
    if now is None:
        return case
    wanted = phase or _another(now, random)
    hu = case.hu.astype(np.float32)
    scan = _Scan(case, hu, ndimage.gaussian_filter(hu, _SLOW_MM / np.array(_spacing(case)) * (0.5, 1, 1)))
    change = _unlabeled(scan, now, wanted, random)
    for part in (_organs, _tumors):
        change += part(scan, now, wanted, random)
    change += _parenchyma(scan, kidneys, now, wanted, random)
    hu += change
    if wanted is Phase.EXCRETORY:
        _fill_with_urine(scan, kidneys, hu, random)
    floor, ceiling = max(case.floor_hu, -1024.0), min(case.ceiling_hu, 3071.0)
    moved = np.rint(np.clip(hu, floor, max(ceiling, float(case.hu.max())))).astype(np.int16)
    return replace(case, hu=np.where(case.hu <= case.floor_hu, case.hu, moved))


@dataclass(frozen=True, eq=False)
class _Scan:
    """A case with its values and their slow part."""

    case: Case
    hu: FloatImage
    slow: FloatImage

    @property
    def axes(self) -> Axes:
        """Positions of the voxels, mm."""
        k, j, i = (
            (np.arange(n) * step).astype(np.float32) for n, step in zip(self.hu.shape, _spacing(self.case), strict=True)
        )
        return k, j, i

    def boxes(self, value: int, margin: int = 4) -> tuple[slice, ...] | None:
        """The box around a label, with a margin in voxels; None where it is absent."""
        found = ndimage.find_objects((self.case.labels == value).astype(np.uint8))
        if not found or found[0] is None:
            return None
        return tuple(slice(max(part.start - margin, 0), part.stop + margin) for part in found[0])


def _spacing(case: Case) -> tuple[float, float, float]:
    return case.slice_spacing_mm, case.spacing_mm, case.spacing_mm


def _another(now: Phase, random: np.random.Generator) -> Phase:
    others = [phase for phase in Phase if phase is not now]
    weights = np.array([2.0 if phase is Phase.NON_CONTRAST else 1.0 for phase in others])
    return others[int(random.choice(len(others), p=weights / weights.sum()))]


def _draw(limits: Range, random: np.random.Generator) -> float:
    return float(random.uniform(*limits))


def _depth(case: Case, kidneys: tuple[Kidney, ...]) -> FloatImage:
    """How deep in a kidney with its sinus each voxel lies, mm; negative outside."""
    k, j, i = ((np.arange(n) * step).astype(np.float32) for n, step in zip(case.hu.shape, _spacing(case), strict=True))
    return np.asarray(np.max([kidney.depth_on((k, j, i)) for kidney in kidneys], axis=0), np.float32)


def _shell_and_core(case: Case, depth: FloatImage) -> tuple[float, float]:
    """Median HU of the kidney's outer 5 mm, and of what lies deeper than 9 mm."""
    kidney = case.labels == KIDNEY.value
    shell, core = case.hu[kidney & (depth > 1.5) & (depth < 5)], case.hu[kidney & (depth > 9)]
    outer = float(np.median(shell)) if len(shell) else float(np.median(case.hu[kidney]))
    return outer, float(np.median(core)) if len(core) else outer


def _soft(mask: npt.NDArray[np.bool_], slow: FloatImage, level: float) -> FloatImage:
    """How much of each voxel an organ of this brightness fills: soft at the border, less where there is fat."""
    share = ndimage.gaussian_filter(mask.astype(np.float32), (0, _EDGE_PX, _EDGE_PX))
    return np.asarray(share * np.clip((slow - _FAT_HU) / max(level - _FAT_HU, 60.0), 0, 1), np.float32)


def _mean_inside(
    mask: npt.NDArray[np.bool_], hu: FloatImage, spacing: tuple[float, ...], slow_mm: float = _SLOW_MM
) -> FloatImage:
    """Slow brightness of a tissue by its own voxels alone, carried on beyond its border."""
    sigma = slow_mm / np.array(spacing) * (0.5, 1, 1)
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(mask, hu, 0).astype(np.float32), sigma)
    inside = float(hu[mask].mean()) if mask.any() else 0.0
    return np.where(weight > 0.02, total / np.maximum(weight, 0.02), inside).astype(np.float32)


def _parenchyma(
    scan: _Scan, kidneys: tuple[Kidney, ...], now: Phase, wanted: Phase, random: np.random.Generator
) -> FloatImage:
    """Change of the kidneys, cortex and medulla apart."""
    case, change = scan.case, np.zeros_like(scan.hu)
    box = scan.boxes(KIDNEY.value)
    assert box is not None  # there is a kidney
    mask = case.labels[box] == KIDNEY.value
    axes = tuple(axis[part] for axis, part in zip(scan.axes, box, strict=True))
    # Finer where the scan shows cortex and medulla, or their edges would stay as texture; then noise is lost.
    fine = now is Phase.CORTICOMEDULLARY
    mean = _mean_inside(mask, scan.hu[box], _spacing(case), _FINE_MM if fine else _SLOW_MM)
    depth = np.max([kidney.depth_on(axes) for kidney in kidneys], axis=0)  # type: ignore[arg-type]
    cortex = _cortex_share(mean, mask, depth, axes, now, random)  # type: ignore[arg-type]
    bright = _draw(CORTEX_HU[wanted], random)
    gap = min(_draw(GAP_HU[wanted], random), bright - _PLAIN_HU) if wanted is not Phase.NON_CONTRAST else 0.0
    target = bright - gap * (1 - cortex)
    if len(kidneys) > 1 and wanted is not Phase.NON_CONTRAST and random.random() < _DELAYED_SHARE:
        lagging = kidneys[int(random.integers(len(kidneys)))].depth_on(axes) > -4  # type: ignore[arg-type]
        target = np.where(lagging, _BARE_HU + (target - _BARE_HU) * random.uniform(0.3, 0.8), target)
    share = _soft(mask, scan.slow[box], float(np.median(mean[mask])))
    if fine:
        target = target + _LOST_NOISE * measure_noise(case.hu, case.floor_hu).draw(target.shape, random)
    change[box] = share * (target - mean)
    return change


def _cortex_share(
    mean: FloatImage,
    mask: npt.NDArray[np.bool_],
    depth: FloatImage,
    axes: Axes,
    now: Phase,
    random: np.random.Generator,
) -> FloatImage:
    """1 in the cortex, 0 in the medulla: as the scan shows them, else a shell, and columns between pyramids."""
    if now is Phase.CORTICOMEDULLARY:
        low, high = np.percentile(mean[mask], (12, 88))
        return np.asarray(np.clip((mean - low) / max(high - low, 1.0), 0, 1), np.float32)
    thick = random.normal(_CORTEX_MM, _CORTEX_SPREAD_MM)
    shell = np.clip((thick + 1.2 - depth) / 2.4, 0, 1)
    columns = np.clip(random_field(axes, _COLUMN_MM, random) * 1.1 - 0.45, 0, 1)
    return np.asarray(np.maximum(shell, columns), np.float32)


def _organs(scan: _Scan, now: Phase, wanted: Phase, random: np.random.Generator) -> FloatImage:
    """Change of labeled organs, each by one step with a slow mottle."""
    change = np.zeros_like(scan.hu)
    known = {label for channel in ORGAN_CHANNELS if channel.id in scan.case.known for label in channel.labels}
    noise = measure_noise(scan.case.hu, scan.case.floor_hu)
    for value, ranges in ORGAN_HU.items():
        box = scan.boxes(value) if value in known else None
        if box is None:
            continue
        mask = scan.case.labels[box] == value
        axes: Axes = tuple(axis[part] for axis, part in zip(scan.axes, box, strict=True))  # type: ignore[assignment]
        level = float(np.median(scan.hu[box][mask]))
        arterial = value == 10 and wanted is Phase.CORTICOMEDULLARY  # the spleen is striped then
        mottle = random_field(axes, 9.0, random) * (18.0 if arterial else 2.0)
        step = _draw(ranges[wanted], random) - level + mottle
        change[box] += _soft(mask, scan.slow[box], level) * step
        lost = mask & (scan.hu[box] >= scan.case.ceiling_hu)  # cut off in the source: its noise is gone too
        if lost.any():
            change[box][lost] += noise.draw(lost.shape, random)[lost]
    return change


def _tumors(scan: _Scan, now: Phase, wanted: Phase, random: np.random.Generator) -> FloatImage:
    """Change of tumors: what enhances moves as the subtype that it resembles most; necrosis stays."""
    change = np.zeros_like(scan.hu)
    box = scan.boxes(TUMOR.value)
    if box is None:
        return change
    mask = scan.case.labels[box] == TUMOR.value
    mean = _mean_inside(mask, scan.hu[box], _spacing(scan.case))
    level = float(np.percentile(mean[mask], 70))
    off = [abs(level - sum(ranges[now]) / 2) for ranges in TUMOR_HU]
    kind = TUMOR_HU[int(np.argmin(off)) if now is not Phase.NON_CONTRAST else int(random.integers(len(TUMOR_HU)))]
    factor = (_draw(kind[wanted], random) - _BARE_HU) / max(level - _BARE_HU, 8.0)
    target = np.where(mean > _BARE_HU, _BARE_HU + (mean - _BARE_HU) * np.clip(factor, 0.0, 4.0), mean)
    change[box] = _soft(mask, scan.slow[box], level) * (target - mean)
    return change


def _unlabeled(scan: _Scan, now: Phase, wanted: Phase, random: np.random.Generator) -> FloatImage:
    """Change of what no label names, by its brightness: vessels much, muscle and bowel little; bone none."""
    case = scan.case
    organs = [label for channel in ORGAN_CHANNELS if channel.id in case.known for label in channel.labels]
    named = np.isin(case.labels, [KIDNEY.value, TUMOR.value, CYST.value, 11, *organs])
    free = 1 - ndimage.gaussian_filter(named.astype(np.float32), (0, _EDGE_PX, _EDGE_PX))
    bone = _bone(scan)
    today = _vessels_now(scan, bone, named, now)
    factor = float(np.clip((_draw(VESSEL_HU[wanted], random) - _PLAIN_HU) / max(today - _PLAIN_HU, 8.0), 0.0, 3.0))
    # A voxel at a border is filled in part by what is brightest beside it.
    level = ndimage.grey_dilation(np.where(bone, _FAT_HU, scan.slow), (1, 3, 3))
    filled = np.clip((scan.slow - _FAT_HU) / np.maximum(level - _FAT_HU, 100.0), 0, 1)
    enhanced = np.clip((level - 55.0) / 25.0, 0, 1)  # below 55 HU: hardly any contrast agent
    change = free * filled * enhanced * (level - _PLAIN_HU) * (factor - 1)
    return np.asarray(np.where(bone, 0, change), np.float32)


def _vessels_now(scan: _Scan, bone: npt.NDArray[np.bool_], named: npt.NDArray[np.bool_], now: Phase) -> float:
    """How bright large vessels are: those that are labeled, else the brightest that is not bone."""
    labeled = scan.hu[np.isin(scan.case.labels, (15, 16))]
    if labeled.size:
        return float(np.median(labeled))
    bright = scan.slow[~bone & ~named & (scan.slow > 80)]
    usual = sum(VESSEL_HU[now]) / 2
    return float(np.clip(np.percentile(bright, 85), 60.0, usual * 1.5)) if bright.size > 500 else usual


def _bone(scan: _Scan) -> npt.NDArray[np.bool_]:
    """Bright bodies that no label names and that are very bright or rough somewhere: bone, not vessels or bowel."""
    organs = (KIDNEY.value, TUMOR.value, CYST.value, 10, 13, 15, 16, 17)
    bright = (scan.slow > _BRIGHT_HU) & ~np.isin(scan.case.labels, organs)
    bodies, count = ndimage.label(ndimage.binary_erosion(bright))
    if not count:
        return bright
    dense = min(_BONE_HU, scan.case.ceiling_hu - 8.0)  # a source that was cut off shows no more
    spread = np.sqrt(ndimage.gaussian_filter((scan.hu - scan.slow) ** 2, (0, 2, 2)))
    numbers = np.arange(1, count + 1)
    hard = (ndimage.maximum(scan.hu, bodies, numbers) > dense) | (
        ndimage.mean(spread, bodies, numbers) > _BONE_SPREAD_HU
    )
    body = np.concatenate([[False], hard])[bodies]
    # The marrow between the rims, and the rims themselves.
    closed = ndimage.binary_closing(body, np.ones((1, 3, 3)), iterations=3)
    return np.asarray(ndimage.binary_dilation(closed, iterations=3) & (scan.slow > _MARROW_HU))


def _fill_with_urine(scan: _Scan, kidneys: tuple[Kidney, ...], hu: FloatImage, random: np.random.Generator) -> None:
    """Bright calyces and pelvis in the sinus, in place."""
    box = scan.boxes(KIDNEY.value)
    assert box is not None  # there is a kidney
    axes: Axes = tuple(axis[part] for axis, part in zip(scan.axes, box, strict=True))  # type: ignore[assignment]
    depth = np.max([kidney.depth_on(axes) for kidney in kidneys], axis=0)
    outside = np.isin(scan.case.labels[box], (KIDNEY.value, TUMOR.value, CYST.value), invert=True)
    branches = np.clip((random_field(axes, 3.0, random) - random.uniform(0.3, 1.0)) * 1.5, 0, 1)
    share = ndimage.gaussian_filter((outside & (depth > 4)).astype(np.float32) * branches, (0, 0.8, 0.8))
    hu[box] += share * (_draw(URINE_HU, random) - hu[box])

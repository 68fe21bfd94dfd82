"""Is this segmentation plausible on this scan? Doubts only: nothing is refused but what cannot be compared.

A kidney here is a connected body of the labels kidney, tumor and cyst. Sides are named only when two bodies lie side
by side; with one body the words stay "a kidney", since the label map alone does not show the patient's midline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..anatomy import KIDNEY, LESIONS
from ..errors import InputError
from ..volume import Grid, LabelMap, Volume
from .finding import Finding

LEAST_KIDNEY_ML = 20.0
"""Smaller bodies are not counted as kidneys. An atrophic kidney has about 30 mL."""
SMALL_KIDNEY_ML, LARGE_KIDNEY_ML = 60.0, 400.0
"""Kidney label of one body; 110 to 250 mL is usual in adults (parenchyma by CT volumetry)."""
LEAST_APART_MM = 50.0
"""Two bodies nearer to each other than this, from left to right, are not a left and a right kidney."""
CONTRAST_HU = 70.0
"""Kidney tissue without contrast agent has 25 to 45 HU, with it 80 to 250 HU."""
TISSUE_HU = (0.0, 400.0)
LESION_REACH_MM = 5.0
"""A lesion further away from all kidney tissue does not belong to a kidney."""
LEAST_LESION_ML = 0.1
"""Smaller stray lesions are not worth a word."""

_Place = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class _Body:
    """A kidney with its masses: its name in a sentence, a mask in a box of the scan, and the box's first voxel."""

    name: str
    mask: npt.NDArray[np.bool_]
    kidney_ml: float
    start: npt.NDArray[np.int64]
    center: _Place


def check_result(volume: Volume, label_map: LabelMap) -> tuple[Finding, ...]:
    """Look at a result before it is shown.

    Args:
        volume: the CT.
        label_map: on the CT's own grid.

    Returns:
        What the user should look at: no kidney or only one, a kidney cut by the scan's edge, an implausible volume or
        density, no contrast agent, a lesion far from kidney tissue.

    Raises:
        InputError: the segmentation does not lie on the scan's grid.
    """
    if not volume.grid.same_as(label_map.grid, tolerance_mm=0.1):
        raise InputError(
            f"The segmentation does not lie on the voxels of {volume.source or 'the scan'} (another size, spacing or "
            "position). Choose the scan that it was made on."
        )
    box = _box(label_map.labels)
    bodies = () if box is None else _bodies(label_map, box)
    if box is None or not bodies:
        text = "No kidney was found. Is the abdomen in the scan, and is it CT?"
        return (Finding("no-kidney", "warning", text), *(() if box is None else _stray_lesions(label_map, box)))
    return (
        *_count(bodies),
        *_cut_by_edge(bodies, label_map.grid),
        *_volumes(bodies),
        *_density(volume, label_map, box),
        *_stray_lesions(label_map, box),
    )


def _box(labels: npt.NDArray[np.uint8]) -> tuple[slice, slice, slice] | None:
    """Around all labels; None if there are none."""
    found = [np.flatnonzero(labels.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not found[0].size:
        return None
    k, j, i = (slice(int(n[0]), int(n[-1]) + 1) for n in found)
    return k, j, i


def _center(mask: npt.NDArray[np.bool_], start: npt.ArrayLike, grid: Grid) -> _Place:
    """World position of the voxel of the mask that lies nearest to its centroid."""
    places = np.argwhere(mask)
    nearest = places[np.square(places - places.mean(axis=0)).sum(axis=1).argmin()]
    left, back, up = (float(value) for value in grid.world(nearest + np.asarray(start)))
    return left, back, up


def _bodies(label_map: LabelMap, box: tuple[slice, slice, slice]) -> tuple[_Body, ...]:
    """Bodies that are large enough to be kidneys, the largest first."""
    from scipy import ndimage

    labels, grid = label_map.labels[box], label_map.grid
    parts, _ = ndimage.label((labels > 0) & (labels <= 3), np.ones((3, 3, 3)))
    whole_ml = np.bincount(parts.ravel()) * grid.voxel_volume_ml
    kidney_ml = np.bincount(parts[labels == KIDNEY.value], minlength=len(whole_ml)) * grid.voxel_volume_ml
    large = [n for n in np.argsort(-whole_ml) if n > 0 and whole_ml[n] >= LEAST_KIDNEY_ML and kidney_ml[n] > 0]
    found = []
    regions = ndimage.find_objects(parts)
    for n in large:
        region = regions[n - 1]
        mask = parts[region] == n
        start = np.array([outer.start + inner.start for outer, inner in zip(box, region, strict=True)])
        found.append(_Body("A kidney", mask, float(kidney_ml[n]), start, _center(mask, start, grid)))
    return _with_sides(found)


def _with_sides(bodies: list[_Body]) -> tuple[_Body, ...]:
    if len(bodies) != 2 or abs(bodies[0].center[0] - bodies[1].center[0]) < LEAST_APART_MM:
        return tuple(bodies)
    left = max(bodies, key=lambda body: body.center[0])
    return tuple(
        _Body("The left kidney" if b is left else "The right kidney", b.mask, b.kidney_ml, b.start, b.center)
        for b in bodies
    )


def _count(bodies: tuple[_Body, ...]) -> tuple[Finding, ...]:
    if len(bodies) == 2:
        return ()
    if len(bodies) == 1:
        text = (
            "Only one kidney was found: the other may be absent, outside the scan, missed, or joined to this one "
            "(horseshoe kidney)."
        )
        return (Finding("one-kidney", "warning", text, bodies[0].center),)
    text = f"{len(bodies)} bodies of kidney size were found: one of them may not be a kidney."
    return (Finding("many-kidneys", "warning", text, bodies[-1].center),)


_FACES = (("right", "left"), ("front", "back"), ("lower", "upper"))


def _cut_by_edge(bodies: tuple[_Body, ...], grid: Grid) -> tuple[Finding, ...]:
    """Kidneys that reach the first or last slice, row or column of the scan."""
    findings = []
    for body in bodies:
        for axis in range(3):
            for last in (False, True):
                edge = grid.shape[axis] - 1 if last else 0
                within = edge - int(body.start[axis])
                if not 0 <= within < body.mask.shape[axis]:
                    continue
                cut = np.take(body.mask, [within], axis=axis)
                start = body.start.copy()
                start[axis] = edge
                text = f"{body.name} reaches the {_face(grid, axis, last)} edge of the scan: it may be cut off."
                findings.append(Finding("kidney-cut", "warning", text, _center(cut, start, grid)))
    return tuple(findings)


def _face(grid: Grid, axis: int, last: bool) -> str:
    """Which of the patient's faces the first or last plane of an array axis is; told from the world."""
    direction = grid.direction[:, 2 - axis] * (1 if last else -1)
    world = int(np.abs(direction).argmax())
    return _FACES[world][int(direction[world] > 0)]


def _volumes(bodies: tuple[_Body, ...]) -> tuple[Finding, ...]:
    findings = []
    for body in bodies:
        if SMALL_KIDNEY_ML <= body.kidney_ml <= LARGE_KIDNEY_ML:
            continue
        size = "small" if body.kidney_ml < SMALL_KIDNEY_ML else "large"
        text = f"{body.name} is unusually {size} ({body.kidney_ml:.0f} mL of kidney tissue): check its outline."
        findings.append(Finding(f"{size}-kidney", "warning", text, body.center))
    return tuple(findings)


def _density(volume: Volume, label_map: LabelMap, box: tuple[slice, slice, slice]) -> tuple[Finding, ...]:
    """Median of the kidney label: contrast agent or not, and whether it can be kidney at all."""
    values = volume.voxels[box][label_map.labels[box] == KIDNEY.value]
    median = float(np.median(values))
    if not TISSUE_HU[0] <= median <= TISSUE_HU[1]:
        text = f"What was marked as kidney has {median:.0f} HU, which is not kidney tissue: check the result."
        return (Finding("not-kidney-tissue", "warning", text),)
    if median < CONTRAST_HU:
        text = (
            f"No contrast agent is seen in the kidneys ({median:.0f} HU): tumors and cysts can hardly be told apart "
            "from kidney tissue."
        )
        return (Finding("no-contrast", "warning", text),)
    return ()


def _stray_lesions(label_map: LabelMap, box: tuple[slice, slice, slice]) -> tuple[Finding, ...]:
    """Lesions without kidney tissue within reach."""
    from scipy import ndimage

    labels, grid = label_map.labels[box], label_map.grid
    margin = np.ceil(LESION_REACH_MM / np.array(grid.spacing[::-1])).astype(int)
    findings = []
    for structure in LESIONS:
        parts, _ = ndimage.label(labels == structure.value, np.ones((3, 3, 3)))
        for n, region in enumerate(ndimage.find_objects(parts), start=1):
            volume_ml = int(np.count_nonzero(parts[region] == n)) * grid.voxel_volume_ml
            if volume_ml < LEAST_LESION_ML:
                continue
            around = tuple(
                slice(max(part.start - int(more), 0), part.stop + int(more))
                for part, more in zip(region, margin, strict=True)
            )
            if _near_kidney(labels[around], parts[around] == n, grid):
                continue
            start = [outer.start + inner.start for outer, inner in zip(box, region, strict=True)]
            text = f"A {structure.name} of {volume_ml:.1f} mL lies away from all kidney tissue: it may be false."
            findings.append(Finding("stray-lesion", "warning", text, _center(parts[region] == n, start, grid)))
    return tuple(findings)


def _near_kidney(labels: npt.NDArray[np.uint8], lesion: npt.NDArray[np.bool_], grid: Grid) -> bool:
    """Whether kidney tissue lies within reach of the lesion."""
    from scipy import ndimage

    kidney = labels == KIDNEY.value
    if not kidney.any():
        return False
    away: npt.NDArray[Any] = ndimage.distance_transform_edt(~lesion, sampling=grid.spacing[::-1])
    return bool(away[kidney].min() <= LESION_REACH_MM)

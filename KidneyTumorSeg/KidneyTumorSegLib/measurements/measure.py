"""From a label map to kidneys, lesions and volumes.

Volumes are counted in voxels. A lesion is a 26-connected body of one label, on the side of the nearest kidney.
Left and right come from world coordinates (sides.py); the longest axial diameter is defined in diameter.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from ..anatomy import CYST, KIDNEY, STRUCTURES, TUMOR, Structure
from ..volume import Grid, LabelMap, Volume, canonical
from .diameter import longest_axial_diameter_mm
from .quantities import SIDES, Kidney, Lesion, Measurements, Quantity, Side, World
from .sides import CONNECTED_26, KIDNEY_MIN_ML, Sides, body_centers, split_sides

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

LESION_MIN_ML = 0.03
"""Smaller bodies count in the volumes but are not listed: reference labels of that size are mostly noise."""
NEAR_KIDNEY_MM = 30.0
"""A lesion farther from every kidney than this is on the side where it lies (its kidney may be replaced or gone)."""


class _Body(NamedTuple):
    """One connected body of a lesion label, by the box it lies in."""

    mask: BoolArray
    start: tuple[int, ...]
    voxels: int
    side: Side


def measure(label_map: LabelMap, body_midline_l_mm: float | None = None) -> Measurements:
    """Measure kidneys, tumors and cysts.

    Args:
        label_map: any orientation; values as in `anatomy.STRUCTURES`, others are ignored.
        body_midline_l_mm: world L of the patient's midline, mm, as `midline.body_midline_l_mm` tells it; used when the
            two kidneys themselves do not show it (a single kidney). None: the middle of the scan, which is said in
            `sides_note`.
    """
    if body_midline_l_mm is None:
        middle = (np.array(label_map.grid.shape) - 1) / 2
        midline, midline_note = float(label_map.grid.world(middle)[0]), "the middle of the scan"
    else:
        midline, midline_note = body_midline_l_mm, "the midline of the body"
    labels, grid = _cropped(label_map)
    sides = split_sides(labels == KIDNEY.value, grid, midline, midline_note)
    kidneys = tuple(_kidneys(sides, grid))
    bodies = {lesion.id: _bodies(labels == lesion.value, grid, sides) for lesion in (TUMOR, CYST)}
    lesions = (*_lesions("tumor", bodies["tumor"], grid), *_lesions("cyst", bodies["cyst"], grid))
    quantities = (
        *_kidney_volumes(sides, grid, kidneys),
        *(quantity for lesion in (TUMOR, CYST) for quantity in _lesion_volumes(lesion, bodies[lesion.id], grid)),
        *(_largest_diameter(lesion, lesions) for lesion in (TUMOR, CYST)),
    )
    return Measurements(quantities, kidneys, lesions, sides.note, sides.sure, midline)


def _cropped(label_map: LabelMap) -> tuple[npt.NDArray[np.uint8], Grid]:
    """The labels in canonical order, cut to the box around them (one voxel at least), and that box's grid."""
    ordered, _ = canonical(Volume(label_map.labels, label_map.grid))
    wanted = np.zeros(256, bool)
    wanted[[structure.value for structure in STRUCTURES]] = True
    in_k, in_ji = np.zeros(ordered.voxels.shape[0], bool), np.zeros(ordered.voxels.shape[1:], bool)
    for k, plane in enumerate(ordered.voxels):
        if plane.any():
            ours = wanted[plane]
            in_k[k] = ours.any()
            in_ji |= ours
    if not in_k.any():
        return np.zeros((1, 1, 1), np.uint8), Grid((1, 1, 1), ordered.affine)
    ranges = [np.flatnonzero(used)[[0, -1]] for used in (in_k, in_ji.any(axis=1), in_ji.any(axis=0))]
    box = tuple(slice(int(low), int(high) + 1) for low, high in ranges)
    labels = np.ascontiguousarray(ordered.voxels[box])
    affine = ordered.affine.copy()
    affine[:3, 3] = ordered.grid.world([low for low, _ in ranges])
    return labels, Grid((labels.shape[0], labels.shape[1], labels.shape[2]), affine)


def _kidneys(sides: Sides, grid: Grid) -> Iterable[Kidney]:
    for side in SIDES:
        mask: BoolArray = getattr(sides, side)
        volume_ml = int(np.count_nonzero(mask)) * grid.voxel_volume_ml
        if volume_ml >= KIDNEY_MIN_ML:
            yield Kidney(side, volume_ml, _inner_center(mask, (0, 0, 0), grid))


def _bodies(mask: BoolArray, grid: Grid, sides: Sides) -> tuple[_Body, ...]:
    """All connected bodies of one lesion label, specks too, the largest first."""
    numbered, count = ndimage.label(mask, CONNECTED_26)
    if count == 0:
        return ()
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    body_sides = _sides_of_bodies(numbered, count, grid, sides)
    boxes = ndimage.find_objects(numbered)
    bodies = [
        _Body(numbered[box] == number, tuple(part.start for part in box), int(sizes[number]), body_sides[number - 1])
        for number, box in enumerate(boxes, start=1)
    ]
    return tuple(sorted(bodies, key=lambda body: -body.voxels))


def _sides_of_bodies(numbered: npt.NDArray[np.int32], count: int, grid: Grid, sides: Sides) -> list[Side]:
    """The side of each body: that of the nearest kidney; where it lies, if none is near or both are equally near."""
    surface = np.where(_is_surface(numbered > 0), numbered, 0)
    places = np.argwhere(surface)
    of_body = surface[tuple(places.T)] - 1
    points = grid.world(places)
    far = np.full(count, np.inf)
    distances = {side: far.copy() for side in SIDES}
    for side in SIDES:
        mask: BoolArray = getattr(sides, side)
        if np.count_nonzero(mask) * grid.voxel_volume_ml >= KIDNEY_MIN_ML:
            tree = KDTree(grid.world(np.argwhere(mask & _is_surface(mask))))
            nearest, _ = tree.query(points, distance_upper_bound=NEAR_KIDNEY_MM)
            np.minimum.at(distances[side], of_body, nearest)
    lies_left = grid.world(body_centers(numbered, count))[:, 0] > sides.plane_l_mm
    closer_left = distances["left"] < distances["right"]
    undecided = distances["left"] == distances["right"]  # both infinite, or touching both alike
    return ["left" if left else "right" for left in np.where(undecided, lies_left, closer_left)]


def _is_surface(mask: BoolArray) -> BoolArray:
    return ~np.asarray(ndimage.binary_erosion(mask), dtype=bool)


def _lesions(kind: Literal["tumor", "cyst"], bodies: tuple[_Body, ...], grid: Grid) -> Iterable[Lesion]:
    step_i, step_j = grid.affine[:3, 0], grid.affine[:3, 1]
    for side in SIDES:
        of_side = [body for body in bodies if body.side == side]
        for number, body in enumerate(of_side, start=1):
            volume_ml = body.voxels * grid.voxel_volume_ml
            if volume_ml >= LESION_MIN_ML:
                diameter_mm = longest_axial_diameter_mm(body.mask, step_j, step_i)
                yield Lesion(kind, side, number, volume_ml, diameter_mm, _inner_center(body.mask, body.start, grid))


def _inner_center(mask: BoolArray, start: tuple[int, ...], grid: Grid) -> World:
    """World position of the voxel in the mask that is nearest to its centroid; the mask begins at `start`."""
    points = grid.world(np.argwhere(mask) + np.array(start))
    nearest = points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]
    return float(nearest[0]), float(nearest[1]), float(nearest[2])


def _kidney_volumes(sides: Sides, grid: Grid, kidneys: tuple[Kidney, ...]) -> Iterable[Quantity]:
    found = {kidney.side: kidney.volume_ml for kidney in kidneys}
    total = int(np.count_nonzero(sides.left) + np.count_nonzero(sides.right)) * grid.voxel_volume_ml
    yield Quantity(
        "kidney_volume_ml", "Kidney volume", total if kidneys else None, "mL", "" if kidneys else "No kidney was found."
    )
    for side in SIDES:
        reason = "" if side in found else f"No kidney was found on the {side}."
        yield Quantity(f"kidney_{side}_volume_ml", f"{side.capitalize()} kidney volume", found.get(side), "mL", reason)


def _lesion_volumes(lesion: Structure, bodies: tuple[_Body, ...], grid: Grid) -> Iterable[Quantity]:
    """Whole and by side, specks included. Nothing labeled is a volume of 0 mL: that was measured, not missed."""
    name = lesion.name.capitalize()
    total = sum(body.voxels for body in bodies) * grid.voxel_volume_ml
    yield Quantity(f"{lesion.id}_volume_ml", f"{name} volume", total, "mL")
    for side in SIDES:
        volume_ml = sum(body.voxels for body in bodies if body.side == side) * grid.voxel_volume_ml
        yield Quantity(f"{lesion.id}_{side}_volume_ml", f"{name} volume on the {side}", volume_ml, "mL")


def _largest_diameter(lesion: Structure, lesions: tuple[Lesion, ...]) -> Quantity:
    diameters = [found.diameter_mm for found in lesions if found.kind == lesion.id]
    key, title = f"{lesion.id}_largest_diameter_mm", f"Longest axial diameter of the largest {lesion.name}"
    if not diameters:
        return Quantity(key, title, None, "mm", f"No {lesion.name} was found.")
    return Quantity(key, title, max(diameters), "mm")

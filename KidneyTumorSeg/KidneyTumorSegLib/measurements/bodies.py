"""Which voxel belongs to which kidney and to which lesion of the measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import KIDNEY, LESIONS, STRUCTURES, Structure
from ..volume import Grid, LabelMap
from .quantities import SIDES, Measurements, Side, World
from .sides import CONNECTED_26, split_sides

IntArray = npt.NDArray[np.uint16]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Body:
    """One kidney, one lesion, or all that is too small to be listed as one.

    Attributes:
        structure: what it is.
        side: of the patient; None for what is too small to be listed.
        number: of a lesion, as the measurements count it; None for kidneys and for what is too small.
        inside: array position (k, j, i) of a voxel inside it, that of the measurements; None for what is too small.
    """

    structure: Structure
    side: Side | None = None
    number: int | None = None
    inside: tuple[int, int, int] | None = None


@dataclass(frozen=True, eq=False)
class Bodies:
    """A label map parted into kidneys and lesions. No voxel is lost: what has a label has a body.

    Attributes:
        numbers: uint16 [k, j, i] on the label map's grid; 0 is background, n is `bodies[n - 1]`.
        bodies: kidneys, tumors, cysts; what is too small of each comes after them.
        box: of the array, around all bodies.
    """

    numbers: IntArray
    bodies: tuple[Body, ...]
    box: Box

    def mapped(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An array on the label map's grid with a value for each body: `values[n]` where `numbers` is n, else 0."""
        result = np.zeros(self.numbers.shape, values.dtype)
        result[self.box] = values[self.numbers[self.box]]
        return result


def part_bodies(label_map: LabelMap, measurements: Measurements) -> Bodies:
    """Part a label map as it was measured: kidneys by side, lesions by 26-connected body.

    Bodies that the measurements do not list (lesions below 0.03 mL, kidney parts below 5 mL on a side) come together
    in one body of their structure without a side.

    Args:
        label_map: any orientation.
        measurements: `measure` of this label map.

    Raises:
        ValueError: the measurements are of another label map.
    """
    numbers = np.zeros(label_map.grid.shape, np.uint16)
    box = _box(label_map.labels)
    if box is None:
        return Bodies(numbers, (), (slice(0, 0),) * 3)
    labels, grid = label_map.labels[box], _grid_of(box, label_map.grid)
    parted = numbers[box]
    bodies = _part_kidneys(labels == KIDNEY.value, grid, measurements, parted)
    for structure in LESIONS:
        bodies += _part_lesions(structure, labels == structure.value, grid, measurements, parted, len(bodies))
    moved = tuple(_moved(body, box) for body in bodies)
    return Bodies(numbers, moved, box)


def _part_kidneys(
    kidney: npt.NDArray[np.bool_], grid: Grid, measurements: Measurements, parted: IntArray
) -> list[Body]:
    if not kidney.any():
        return []
    bodies: list[Body] = []
    sides = split_sides(kidney, grid, measurements.midline_l_mm, "")
    centers = {found.side: found.center_lps for found in measurements.kidneys}
    for side in SIDES:
        if side in centers:
            mask: npt.NDArray[np.bool_] = getattr(sides, side)
            inside = _index(centers[side], grid)
            if not mask[inside]:
                raise ValueError(f"The measurements have a {side} kidney where the label map has none.")
            bodies.append(Body(KIDNEY, side, None, inside))
            parted[mask] = len(bodies)
    rest = kidney & (parted == 0)
    if rest.any():
        bodies.append(Body(KIDNEY))
        parted[rest] = len(bodies)
    return bodies


def _part_lesions(
    structure: Structure,
    mask: npt.NDArray[np.bool_],
    grid: Grid,
    measurements: Measurements,
    parted: IntArray,
    before: int,
) -> list[Body]:
    numbered, count = ndimage.label(mask, CONNECTED_26)
    if count == 0:
        return []
    to_body = np.zeros(count + 1, np.uint16)
    bodies: list[Body] = []
    for lesion in measurements.lesions:
        if lesion.kind == structure.id:
            inside = _index(lesion.center_lps, grid)
            bodies.append(Body(structure, lesion.side, lesion.number, inside))
            if not numbered[inside]:
                raise ValueError(f"The measurements have a {structure.name} where the label map has none.")
            to_body[numbered[inside]] = before + len(bodies)
    small = to_body == 0
    small[0] = False
    if small.any():
        bodies.append(Body(structure))
        to_body[small] = before + len(bodies)
    parted += to_body[numbered]
    return bodies


def _index(lps: World, grid: Grid) -> tuple[int, int, int]:
    index = np.rint(grid.index(lps)).astype(int)
    k, j, i = (int(n) for n in np.clip(index, 0, np.array(grid.shape) - 1))
    return k, j, i


def _moved(body: Body, box: Box) -> Body:
    """The body with its inner voxel on the whole grid instead of in a box of it."""
    if body.inside is None:
        return body
    k, j, i = (at + part.start for at, part in zip(body.inside, box, strict=True))
    return Body(body.structure, body.side, body.number, (k, j, i))


def _box(labels: npt.NDArray[np.uint8]) -> Box | None:
    """Around all labels of `anatomy`."""
    wanted = np.zeros(256, bool)
    wanted[[structure.value for structure in STRUCTURES]] = True
    in_k, in_ji = np.zeros(labels.shape[0], bool), np.zeros(labels.shape[1:], bool)
    for k, plane in enumerate(labels):  # plane by plane: most have none
        if plane.any():
            ours = wanted[plane]
            in_k[k] = ours.any()
            in_ji |= ours
    if not in_k.any():
        return None
    ends = [np.flatnonzero(used)[[0, -1]] for used in (in_k, in_ji.any(axis=1), in_ji.any(axis=0))]
    k_part, j_part, i_part = (slice(int(first), int(last) + 1) for first, last in ends)
    return k_part, j_part, i_part


def _grid_of(box: Box, grid: Grid) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.world([part.start for part in box])
    k, j, i = (part.stop - part.start for part in box)
    return Grid((k, j, i), affine)

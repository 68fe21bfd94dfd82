"""The voxels of one measured lesion, found again in its label map without looking at the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import CYST, TUMOR
from ..volume import Grid, LabelMap
from .quantities import Lesion, World
from .sides import CONNECTED_26

BoolArray = npt.NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class LesionBody:
    """A 26-connected body by the smallest box around it.

    Attributes:
        mask: bool [k, j, i].
        box: where the mask lies on the grid.
        grid: of the label map.
    """

    mask: BoolArray
    box: Box
    grid: Grid

    def distance_mm(self, position_lps: World) -> float:
        """From a place (world LPS, mm) to the face of the body's nearest voxel, mm; 0 inside of it."""
        at = self.grid.index(position_lps) - [part.start for part in self.box]
        beyond_faces = np.maximum(np.abs(np.argwhere(self.mask) - at) - 0.5, 0.0)
        return float(np.linalg.norm(beyond_faces * self.grid.spacing[::-1], axis=1).min())


def lesion_body(label_map: LabelMap, lesion: Lesion) -> LesionBody | None:
    """The body with the lesion's center; None if the label map has no such lesion there."""
    value = TUMOR.value if lesion.kind == TUMOR.id else CYST.value
    k, j, i = (int(n) for n in np.rint(label_map.grid.index(lesion.center_lps)))
    if not all(0 <= at < size for at, size in zip((k, j, i), label_map.grid.shape, strict=True)):
        return None
    if label_map.labels[k, j, i] != value:
        return None
    reach_mm = lesion.diameter_mm
    while True:
        box = around(tuple(slice(n, n + 1) for n in (k, j, i)), label_map.grid, reach_mm)
        numbered, _ = ndimage.label(label_map.labels[box] == value, CONNECTED_26)
        mask = numbered == numbered[tuple(n - part.start for n, part in zip((k, j, i), box, strict=True))]
        if not _reaches_wall(mask, box, label_map.grid.shape):
            break
        reach_mm *= 2.0  # it is longer across the slices than along them
    inner = ndimage.find_objects(mask.astype(np.uint8))[0]
    k_box, j_box, i_box = (
        slice(out.start + part.start, out.start + part.stop) for out, part in zip(box, inner, strict=True)
    )
    return LesionBody(mask[inner], (k_box, j_box, i_box), label_map.grid)


def around(box: tuple[slice, ...], grid: Grid, reach_mm: float) -> Box:
    """A box with so many millimeters more on every side, inside the grid."""
    steps = np.ceil(reach_mm / np.array(grid.spacing[::-1])).astype(int) + 1
    k, j, i = (
        slice(max(0, part.start - int(step)), min(size, part.stop + int(step)))
        for part, step, size in zip(box, steps, grid.shape, strict=True)
    )
    return k, j, i


def _reaches_wall(mask: BoolArray, box: Box, shape: tuple[int, int, int]) -> bool:
    """Whether a body reaches a wall of the box that is not the scan's edge."""
    for axis, (part, size) in enumerate(zip(box, shape, strict=True)):
        first, last = bool(mask.take(0, axis).any()), bool(mask.take(-1, axis).any())
        if (first and part.start > 0) or (last and part.stop < size):
            return True
    return False

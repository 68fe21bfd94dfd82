"""Exact change of axis order and flips. No value is touched, and every step is undone exactly.

Canonical order: `k` runs up (inferior to superior), `j` to the back, `i` to the patient's left. In LPS the direction
matrix of an axis-aligned canonical volume is the identity. An oblique volume keeps its own grid; its axes are only
renamed and turned to lie nearest to the canonical ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from .grid import Grid
from .volume import Volume


@dataclass(frozen=True)
class Reorder:
    """How a canonical array came from the stored one: first transposed by `axes`, then flipped along `flips`.

    Attributes:
        axes: canonical array axis n is stored array axis `axes[n]` (array order: k, j, i).
        flips: canonical array axes that were turned around.
    """

    axes: tuple[int, int, int]
    flips: tuple[int, ...]

    def apply(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stored array to canonical array, as a view."""
        return np.flip(array.transpose(self.axes), self.flips)

    def undo(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Canonical array to stored array, as a view."""
        inverse = tuple(int(n) for n in np.argsort(self.axes))
        return np.flip(array, self.flips).transpose(inverse)

    def apply_to_grid(self, grid: Grid) -> Grid:
        """The grid of the canonical array: every voxel stays where it is in the world."""
        shape = tuple(grid.shape[axis] for axis in self.axes)
        # Columns of the affine are (i, j, k), array axes are (k, j, i): axis n belongs to column 2 - n.
        change = np.zeros((4, 4))
        change[3, 3] = 1.0
        for new_axis, old_axis in enumerate(self.axes):
            flipped = new_axis in self.flips
            change[2 - old_axis, 2 - new_axis] = -1.0 if flipped else 1.0
            if flipped:
                change[2 - old_axis, 3] = shape[new_axis] - 1
        return Grid((shape[0], shape[1], shape[2]), grid.affine @ change)


def canonical(volume: Volume) -> tuple[Volume, Reorder]:
    """The volume with its axes in canonical order, and what undoes it. A view: no voxel is copied or changed."""
    order = _nearest_order(volume.grid)
    grid = order.apply_to_grid(volume.grid)
    return replace(volume, voxels=order.apply(volume.voxels), grid=grid), order


def _nearest_order(grid: Grid) -> Reorder:
    """The axis order and flips whose directions are nearest to S (k), P (j), L (i); all six orders are compared."""
    direction = grid.direction  # rows L, P, S; columns i, j, k

    def closeness(columns: tuple[int, ...]) -> float:
        return float(sum(abs(direction[world, column]) for world, column in enumerate(columns)))

    # columns[world] is the stored column (i, j, k) that lies nearest to L, P and S.
    columns = max(permutations(range(3)), key=closeness)
    to_left, to_back, up = columns
    flips = tuple(2 - world for world in (2, 1, 0) if direction[world, columns[world]] < 0)
    return Reorder((2 - up, 2 - to_back, 2 - to_left), flips)

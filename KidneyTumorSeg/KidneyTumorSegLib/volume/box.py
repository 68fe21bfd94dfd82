"""A part of a voxel array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import Grid


@dataclass(frozen=True)
class Box:
    """Half-open index ranges along the array axes (k, j, i).

    Attributes:
        start: first voxel inside.
        stop: first voxel behind.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @classmethod
    def whole(cls, grid: Grid) -> Box:
        """All of a grid."""
        return cls((0, 0, 0), grid.shape)

    @classmethod
    def around_world(cls, grid: Grid, bounds_mm: tuple[float, float, float, float, float, float]) -> Box:
        """The smallest box of voxels that holds a box in the world, cut to the grid.

        Args:
            grid: any orientation.
            bounds_mm: (L0, L1, P0, P1, S0, S1), LPS, mm.
        """
        corners = np.array(np.meshgrid(bounds_mm[:2], bounds_mm[2:4], bounds_mm[4:], indexing="ij")).reshape(3, -1).T
        index = grid.index(corners)
        start = np.floor(index.min(axis=0)).astype(int)
        stop = np.ceil(index.max(axis=0)).astype(int) + 1
        return cls(_three(start), _three(stop)).cut_to(grid)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (k, j, i)."""
        return _three(np.subtract(self.stop, self.start))

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """To index an array with."""
        k, j, i = (slice(first, last) for first, last in zip(self.start, self.stop, strict=True))
        return k, j, i

    def is_empty(self) -> bool:
        """Whether it holds no voxel."""
        return min(self.shape) <= 0

    def cut_to(self, grid: Grid) -> Box:
        """The part that lies on a grid."""
        return Box(_three(np.clip(self.start, 0, grid.shape)), _three(np.clip(self.stop, 0, grid.shape)))

    def grown(self, voxels_before: tuple[int, ...], voxels_behind: tuple[int, ...], grid: Grid) -> Box:
        """Larger by voxels on each side, cut to the grid."""
        return Box(_three(np.subtract(self.start, voxels_before)), _three(np.add(self.stop, voxels_behind))).cut_to(
            grid
        )


def _three(values: object) -> tuple[int, int, int]:
    first, second, third = (int(value) for value in np.asarray(values))
    return first, second, third

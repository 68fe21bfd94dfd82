"""The answer that travels through the library: which voxel is what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .grid import Grid


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Labels on a grid. Immutable.

    Attributes:
        labels: uint8 [k, j, i]; values as in `anatomy.STRUCTURES`, 0 is background. A read-only view.
        grid: shape and affine (ijk to LPS, mm); the CT's own grid.
    """

    labels: npt.NDArray[np.uint8]
    grid: Grid

    def __post_init__(self) -> None:
        if self.labels.shape != self.grid.shape:
            raise ValueError(f"The labels have the shape {self.labels.shape}, the grid {self.grid.shape}.")
        view = np.asarray(self.labels, dtype=np.uint8).view()
        view.setflags(write=False)
        object.__setattr__(self, "labels", view)

    def volume_ml(self, value: int) -> float:
        """Volume of one label, mL, counted in voxels."""
        return int(np.count_nonzero(self.labels == value)) * self.grid.voxel_volume_ml

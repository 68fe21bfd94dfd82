"""The image that travels through the library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .grid import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT (or MR) volume: voxels and where they are. Immutable.

    Attributes:
        voxels: [k, j, i]; int16 HU for CT, float32 for MR. A read-only view: the caller's array is not copied, and
            must not change while this object lives.
        grid: shape and affine (ijk to LPS, mm).
        modality: "CT" or "MR".
        source: what the user calls it (a file's or node's name); no patient data, no path.
        notes: what the reader had to say ("3 series in the folder, the largest was taken"), sentences for the user.
    """

    voxels: npt.NDArray[Any]
    grid: Grid
    modality: str = "CT"
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.shape != self.grid.shape:
            raise ValueError(f"The voxels have the shape {self.voxels.shape}, the grid {self.grid.shape}.")
        view = self.voxels.view()
        view.setflags(write=False)
        object.__setattr__(self, "voxels", view)

    @classmethod
    def of(
        cls,
        voxels: npt.NDArray[Any],
        affine: npt.ArrayLike,
        modality: str = "CT",
        source: str = "",
        notes: tuple[str, ...] = (),
    ) -> Volume:
        """A volume from an array [k, j, i] and a 4x4 affine (ijk to LPS, mm)."""
        shape: Any = voxels.shape
        return cls(voxels, Grid(shape, np.asarray(affine, dtype=np.float64)), modality, source, notes)

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """ijk to LPS, mm."""
        return self.grid.affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Along (i, j, k), mm."""
        return self.grid.spacing

"""A regular grid of voxels in the world: shape and affine. The affine is the truth; all else derives from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape and place of a voxel array.

    Attributes:
        shape: (K, J, I), the array's shape; `i` runs fastest, as in NRRD, ITK and VTK.
        affine: 4x4 float64, column vector (i, j, k, 1) to world LPS in mm, at voxel centers. Copied in, read-only.
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4):
            raise ValueError(f"An affine is 4x4, this one has the shape {affine.shape}.")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of neighboring voxel centers along (i, j, k), mm."""
        si, sj, sk = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(si), float(sj), float(sk)

    @property
    def origin(self) -> FloatArray:
        """World position (LPS, mm) of the center of voxel (0, 0, 0)."""
        return self.affine[:3, 3].copy()

    @property
    def direction(self) -> FloatArray:
        """3x3 unit vectors: column n is the LPS direction of axis n of (i, j, k)."""
        return np.asarray(self.affine[:3, :3] / np.array(self.spacing))

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def world(self, kji: npt.ArrayLike) -> FloatArray:
        """World positions (LPS, mm) of array positions, shape (..., 3) in the order (k, j, i)."""
        ijk = np.asarray(kji, dtype=np.float64)[..., ::-1]
        return np.asarray(ijk @ self.affine[:3, :3].T + self.affine[:3, 3])

    def index(self, lps: npt.ArrayLike) -> FloatArray:
        """Array positions (k, j, i), not rounded, of world positions (LPS, mm), shape (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        ijk = np.asarray(lps, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        return np.asarray(ijk[..., ::-1])

    def same_as(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Whether both are one grid: the same shape, and every corner within the tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], indexing="ij")).reshape(3, -1).T
        return bool(np.abs(self.world(corners) - other.world(corners)).max() <= tolerance_mm)

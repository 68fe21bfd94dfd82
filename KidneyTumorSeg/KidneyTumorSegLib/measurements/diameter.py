"""The longest diameter of a body in the axial plane: what radiologists follow a renal mass by.

The end points lie an eighth of a voxel beyond the centers of the outermost voxels. That is where the longest of many
chords is right on average: on balls of 10 to 40 mm at 0.8 to 2 mm spacing the mean error is under a sixth of a voxel,
while voxel centers are up to 0.4 voxel short and the edges between voxels up to 0.85 voxel too long (measured).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

_BEYOND = 0.125
_OUTLINE_STEPS = np.array([(-_BEYOND, 0.0), (_BEYOND, 0.0), (0.0, -_BEYOND), (0.0, _BEYOND)])


def longest_axial_diameter_mm(mask: npt.NDArray[np.bool_], step_j: npt.ArrayLike, step_i: npt.ArrayLike) -> float:
    """The longest distance of two end points in one plane of the array, mm, over all planes; at least one voxel.

    Args:
        mask: bool [k, j, i] in canonical order: planes [j, i] are the ones nearest to axial. At least one voxel.
        step_j: world vector (mm) from one voxel center to the next along j.
        step_i: the same along i.
    """
    axes_mm = np.stack([np.asarray(step_j, dtype=np.float64), np.asarray(step_i, dtype=np.float64)])
    shortest = float(np.linalg.norm(axes_mm, axis=1).max())
    return max(shortest, *(_plane_diameter_mm(plane, axes_mm) for plane in mask if plane.any()))


def _plane_diameter_mm(plane: npt.NDArray[np.bool_], axes_mm: npt.NDArray[np.float64]) -> float:
    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1)
    last = plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)
    # The hull of all voxels is the hull of each row's two ends; their outline points never lie on one line.
    ends = np.concatenate([np.stack([rows, first], axis=1), np.stack([rows, last], axis=1)])
    outline = (ends[:, None, :] + _OUTLINE_STEPS).reshape(-1, 2)
    in_mm = outline @ axes_mm
    corners = in_mm[ConvexHull(outline).vertices]
    return float(pdist(corners).max())

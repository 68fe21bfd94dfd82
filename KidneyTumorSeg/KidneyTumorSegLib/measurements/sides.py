"""Which kidney voxel is left and which is right, told by the world alone, never by array order.

Kidney bodies (26-connected) are parted where the gap between them along left-right is widest; the dividing plane lies
in the middle. One body may be two kidneys: a horseshoe kidney, or two kidneys bridged by a false label; it is cut
where it is thinnest, if that is near the patient's midline. A single kidney is left or right of the midline, which a
label map does not show: the caller's midline is taken if given, else the middle of the scan, and that is said.

Known limit: more than one kidney on a side (crossed ectopia, a transplant) counts as one kidney of that side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..volume import Grid

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

CONNECTED_26 = np.ones((3, 3, 3), bool)
KIDNEY_MIN_ML = 5.0
"""A smaller body of the kidney label is a sliver beside a mass or a false label, not a kidney."""
TWO_KIDNEYS_MIN_GAP_MM = 40.0
"""Centers of two kidneys lie farther apart along left-right, in children too; pieces of one kidney do not."""
BRIDGED_MIN_GAP_MM = 60.0
"""The same between the halves of one body, to be called two bridged kidneys."""
BRIDGE_MAX_SHARE = 0.5
"""A bridge is thinner than this share of the smaller kidney's widest sagittal section."""
BRIDGE_MAX_OFF_MIDLINE_MM = 40.0
"""A bridge crosses the spine; the sinus of a single kidney does not."""
SURE_OFF_MIDLINE_MM = 20.0
"""A single kidney nearer to the assumed midline than this may be on either side; the user is told."""
_PROFILE_STEP_MM = 2.0


@dataclass(frozen=True, eq=False)
class Sides:
    """Kidney voxels by side.

    Attributes:
        left: bool [k, j, i], kidney label left of the plane.
        right: the same on the right.
        plane_l_mm: world L of the dividing plane, mm.
        note: one sentence: what the sides were told by.
        sure: False: a single kidney lies so near the assumed midline that it may be the other one.
    """

    left: BoolArray
    right: BoolArray
    plane_l_mm: float
    note: str
    sure: bool = True


def split_sides(kidney: BoolArray, grid: Grid, midline_l_mm: float, midline_note: str) -> Sides:
    """Part the kidney label into left and right.

    Args:
        kidney: bool [k, j, i], the kidney label alone.
        grid: of the array.
        midline_l_mm: world L of the patient's midline, as well as it is known.
        midline_note: words for it: "the middle of the scan".
    """
    bodies, count = ndimage.label(kidney, CONNECTED_26)
    voxels = np.bincount(bodies.ravel(), minlength=count + 1)[1:]
    sizes_ml = voxels.astype(np.float64) * grid.voxel_volume_ml
    centers_l = grid.world(body_centers(bodies, count))[:, 0]
    large = np.flatnonzero(sizes_ml >= KIDNEY_MIN_ML)

    plane = _plane_between_bodies(centers_l[large], sizes_ml[large])
    if plane is not None:
        return _by_body(bodies, centers_l, plane, "Left and right were told by the two kidneys' positions.")
    if large.size:
        bridge = _plane_through_bridge(_l_of_voxels(np.isin(bodies, large + 1), grid), midline_l_mm)
        if bridge is not None:
            left = kidney & (_l_of_grid(grid) > bridge)
            note = "Both kidneys are one connected body; it was parted where it is thinnest near the midline."
            return Sides(left, kidney & ~left, bridge, note)
    if large.size and np.abs(centers_l[large] - midline_l_mm).min() < SURE_OFF_MIDLINE_MM:
        note = f"The only kidney lies near {midline_note}: check its side."
        return _by_body(bodies, centers_l, midline_l_mm, note, sure=False)
    return _by_body(bodies, centers_l, midline_l_mm, f"Left and right were told by {midline_note}.")


def body_centers(bodies: npt.NDArray[np.int32], count: int) -> FloatArray:
    """Centroids (k, j, i) of numbered bodies 1..count, shape (count, 3); looks at their voxels only."""
    places = np.argwhere(bodies)
    of_body = bodies[tuple(places.T)] - 1
    voxels = np.bincount(of_body, minlength=count)
    sums = [np.bincount(of_body, weights=places[:, axis], minlength=count) for axis in range(3)]
    return np.asarray(np.stack(sums, axis=1) / voxels[:, None], dtype=np.float64)


def _by_body(
    bodies: npt.NDArray[np.int32], centers_l: FloatArray, plane: float, note: str, *, sure: bool = True
) -> Sides:
    """Whole bodies to the side where their center lies."""
    is_left = np.concatenate([[False], centers_l > plane])
    is_right = np.concatenate([[False], centers_l <= plane])
    return Sides(is_left[bodies], is_right[bodies], plane, note, sure)


def _plane_between_bodies(centers_l: FloatArray, sizes_ml: FloatArray) -> float | None:
    """The middle of the widest gap along L, if it parts two kidneys; None if all bodies are one kidney's."""
    if centers_l.size < 2:
        return None
    order = np.argsort(centers_l)
    centers_l, sizes_ml = centers_l[order], sizes_ml[order]
    cut = int(np.argmax(np.diff(centers_l))) + 1
    right = float(np.average(centers_l[:cut], weights=sizes_ml[:cut]))
    left = float(np.average(centers_l[cut:], weights=sizes_ml[cut:]))
    return (left + right) / 2 if centers_l[cut] - centers_l[cut - 1] >= TWO_KIDNEYS_MIN_GAP_MM else None


def _plane_through_bridge(voxels_l: FloatArray, midline_l_mm: float) -> float | None:
    """The thinnest sagittal section of one body near the midline, if two kidneys hang on it; else None."""
    edges = np.arange(voxels_l.min(), voxels_l.max() + 2 * _PROFILE_STEP_MM, _PROFILE_STEP_MM)
    profile = ndimage.gaussian_filter1d(np.histogram(voxels_l, edges)[0].astype(np.float64), 1.5)
    middles = (edges[:-1] + edges[1:]) / 2
    near = np.flatnonzero(np.abs(middles - midline_l_mm) <= BRIDGE_MAX_OFF_MIDLINE_MM)
    near = near[(near > 0) & (near < profile.size - 1)]
    if near.size == 0:
        return None
    thinnest = near[profile[near] <= profile[near].min() * (1 + 1e-9)]
    cut = int(thinnest[thinnest.size // 2])
    is_left = voxels_l > middles[cut]
    if is_left.all() or not is_left.any():
        return None
    apart = float(voxels_l[is_left].mean() - voxels_l[~is_left].mean())
    smaller_peak = min(profile[:cut].max(), profile[cut + 1 :].max())
    bridged = apart >= BRIDGED_MIN_GAP_MM and profile[cut] <= BRIDGE_MAX_SHARE * smaller_peak
    return float(middles[cut]) if bridged else None


def _l_of_voxels(mask: BoolArray, grid: Grid) -> FloatArray:
    return grid.world(np.argwhere(mask))[:, 0]


def _l_of_grid(grid: Grid) -> FloatArray:
    """World L of every voxel of the grid, mm."""
    k, j, i = np.ogrid[tuple(slice(n) for n in grid.shape)]
    to_l = grid.affine[0]
    return np.asarray(to_l[0] * i + to_l[1] * j + to_l[2] * k + to_l[3])

"""The part of label maps that holds labels: nothing is computed on the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..anatomy import STRUCTURES
from ..volume import Grid, Volume, canonical

Labels = npt.NDArray[np.uint8]

_LAST = max(structure.value for structure in STRUCTURES)


def is_ours(labels: Labels) -> npt.NDArray[np.bool_]:
    """Where the labels are those of `anatomy.STRUCTURES`, not background and not an organ's."""
    return (labels > 0) & (labels <= _LAST)


def label_box(*maps: Labels | None) -> tuple[slice, slice, slice]:
    """The smallest box that holds all structures of all maps (None: skipped); one voxel if there are none."""
    used: list[npt.NDArray[np.bool_]] = [np.zeros(0, bool)] * 3
    for labels in maps:
        if labels is None:
            continue
        by_slice = [is_ours(plane) for plane in labels]
        k = np.array([plane.any() for plane in by_slice])
        j = np.logical_or.reduce([plane.any(axis=1) for plane in by_slice])
        i = np.logical_or.reduce([plane.any(axis=0) for plane in by_slice])
        used = [new if old.size == 0 else old | new for old, new in zip(used, (k, j, i), strict=True)]
    return _range(used[0]), _range(used[1]), _range(used[2])


def _range(used: npt.NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(used)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 1)


def slice_count(grid: Grid) -> int:
    """Axial slices; 1 also for a single slice in another direction."""
    if min(grid.shape) == 1:
        return 1
    upright, _ = canonical(Volume(np.broadcast_to(np.uint8(0), grid.shape), grid))
    return upright.grid.shape[0]

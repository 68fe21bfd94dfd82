"""Voxel types: HU are kept in 16 bits wherever that loses nothing that matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_INT16 = np.iinfo(np.int16)


def compact(voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The voxels as int16 if all fit, rounded to whole HU; else as float32.

    NaN and infinity do not fit: they are kept for the checks to see. At most one more copy is made, slice by slice.

    Args:
        voxels: [k, j, i], any real type.
    """
    if voxels.dtype == np.int16 or voxels.size == 0:
        return voxels.astype(np.int16, copy=False)
    low, high = voxels.min(), voxels.max()  # NaN if one value is NaN, and then the comparison is False
    if not (low >= _INT16.min and high <= _INT16.max):
        return voxels.astype(np.float32, copy=False)
    if np.issubdtype(voxels.dtype, np.integer):
        return voxels.astype(np.int16)
    whole = np.empty(voxels.shape, np.int16)
    for target, source in zip(whole, voxels, strict=True):
        target[...] = np.rint(source)
    return whole

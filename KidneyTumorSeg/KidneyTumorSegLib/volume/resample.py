"""Linear resampling of slices and stacks. Data and geometry come from the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .grid import FloatArray

_MET = 0.01
"""A wanted slice this near to a given one (as a share of the step) is that slice: no blur for rounded positions."""


def placed_slice(
    pixels: npt.NDArray[Any], offset: tuple[float, float], shape: tuple[int, int], fill: float
) -> npt.NDArray[np.float32]:
    """A slice moved by a fraction of pixels onto a larger one, linearly.

    Args:
        pixels: [j, i].
        offset: (j, i) of the result at which pixel (0, 0) comes to lie; not negative.
        shape: (J, I) of the result.
        fill: the value where there is no slice.
    """
    from scipy import ndimage

    moved = ndimage.affine_transform(
        pixels.astype(np.float32),
        np.ones(2),
        offset=(-offset[0], -offset[1]),
        output_shape=shape,
        order=1,
        mode="grid-constant",
        cval=fill,
    )
    return np.asarray(moved, dtype=np.float32)


def even_stack(voxels: npt.NDArray[Any], positions: FloatArray, wanted: FloatArray) -> npt.NDArray[Any]:
    """Slices at other positions, linearly between their two neighbors; a slice that is met exactly is kept as it is.

    Args:
        voxels: [k, j, i].
        positions: of the slices of `voxels`, rising, mm.
        wanted: of the slices of the result, within the range of `positions`, mm.

    Returns:
        [len(wanted), j, i], of the same type (whole numbers are rounded).
    """
    result = np.empty((len(wanted), *voxels.shape[1:]), voxels.dtype)
    upper = np.clip(np.searchsorted(positions, wanted), 1, len(positions) - 1)
    share = (wanted - positions[upper - 1]) / (positions[upper] - positions[upper - 1])
    for target, index, weight in zip(result, upper, np.clip(share, 0.0, 1.0), strict=True):
        low, high = voxels[index - 1], voxels[index]
        if weight < _MET or weight > 1 - _MET:
            target[...] = low if weight < 0.5 else high
            continue
        between = low + np.float32(weight) * (high.astype(np.float32) - low)
        target[...] = np.rint(between) if np.issubdtype(voxels.dtype, np.integer) else between
    return result

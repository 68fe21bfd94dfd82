"""Smooth random patterns and interpolation on boxes, axis by axis: fast enough to be made while a training runs.

All coordinates are mm along (k, j, i); a box is given by its three vectors of voxel positions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]
Axes = tuple[FloatImage, FloatImage, FloatImage]
"""Positions of a box's voxels along k, j and i, mm."""


def random_field(axes: Axes, scale_mm: float, random: np.random.Generator) -> FloatImage:
    """White noise blurred by a Gaussian: mean 0, standard deviation 1 everywhere.

    Args:
        axes: positions of the voxels.
        scale_mm: standard deviation of the Gaussian.
        random: source of randomness.

    Returns:
        [k, j, i].
    """
    weights = [_gaussian_rows(axis, scale_mm) for axis in axes]
    nodes = random.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    return _along_axes(nodes, weights)


def interpolate(
    coarse: npt.NDArray[np.floating], start: npt.NDArray[np.float64], step: npt.NDArray[np.float64], axes: Axes
) -> FloatImage:
    """A coarse image at a box's voxels, linear; beyond its rim its rim goes on.

    Args:
        coarse: [k, j, i].
        start, step: position of its first voxel, and between voxels, mm.
        axes: positions that are asked for.
    """
    weights = [_linear_rows((axis - start[at]) / step[at], coarse.shape[at]) for at, axis in enumerate(axes)]
    return _along_axes(coarse.astype(np.float32), weights)


def _along_axes(values: FloatImage, weights: list[FloatImage]) -> FloatImage:
    values = np.tensordot(values, weights[2], axes=(2, 1))
    values = np.moveaxis(np.tensordot(values, weights[1], axes=(1, 1)), 2, 1)
    return np.ascontiguousarray(np.moveaxis(np.tensordot(values, weights[0], axes=(0, 1)), 2, 0))


def _gaussian_rows(positions: FloatImage, scale: float) -> FloatImage:
    nodes = np.arange(positions.min() - 3 * scale, positions.max() + 3 * scale + 1e-6, 0.8 * scale, dtype=np.float32)
    rows = np.exp(-0.5 * ((positions[:, None] - nodes) / scale) ** 2)
    return np.asarray(rows / np.sqrt((rows**2).sum(axis=1, keepdims=True)), np.float32)


def _linear_rows(index: FloatImage, count: int) -> FloatImage:
    index = np.clip(index, 0, count - 1)
    rows = np.clip(1 - np.abs(index[:, None] - np.arange(count)), 0, 1)
    return np.asarray(rows, np.float32)

"""What the inner voxels of a lesion say of its density, apart from the scanner's blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import KIDNEY

EDGE_MM = 2.5
"""Nearer to the lesion's surface the scanner's blur mixes it with what lies around."""
AROUND_MM = 15.0
"""So far from a lesion the kidney is compared with it."""
LEAST_CORE_VOXELS = 50
"""Fewer inner voxels do not tell a density: what is left is the edge's blur."""


@dataclass(frozen=True)
class Density:
    """Of a lesion's inner voxels.

    Attributes:
        mean_hu: their mean.
        uneven_hu: their standard deviation beyond the image noise.
    """

    mean_hu: float
    uneven_hu: float


def inner_density(
    mask: npt.NDArray[np.bool_], values: npt.NDArray[np.int16], spacing_kji_mm: tuple[float, float, float]
) -> Density | None:
    """Look inside a lesion; None if too little of it is farther from its surface than the blur reaches.

    Args:
        mask: bool [k, j, i], the smallest box around one body.
        values: HU, same shape.
        spacing_kji_mm: along the axes.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_kji_mm)[1:-1, 1:-1, 1:-1]
    core = np.asarray(ndimage.binary_erosion(mask), bool) & (depth > EDGE_MM)
    if np.count_nonzero(core) < LEAST_CORE_VOXELS:
        return None
    hu = values.astype(np.float32)
    # Neighbors along a row share what the lesion is made of, but not the noise.
    steps = np.abs(np.diff(hu, axis=2)[core[:, :, 1:] & core[:, :, :-1]])
    noise = 1.4826 * float(np.median(steps)) / np.sqrt(2.0) if steps.size else 0.0
    return Density(float(hu[core].mean()), float(np.sqrt(max(0.0, float(hu[core].var()) - noise**2))))


def kidney_around_hu(
    mask: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.uint8],
    values: npt.NDArray[np.int16],
    spacing_kji_mm: tuple[float, float, float],
) -> float | None:
    """Median HU of the kidney near a lesion, apart from what the blur mixes with anything else; None: there is none.

    Args:
        mask: bool [k, j, i], the lesion.
        labels: same shape, values of `anatomy`; it should reach `AROUND_MM` farther than the lesion.
        values: HU, same shape.
        spacing_kji_mm: along the axes.
    """
    inside = ndimage.distance_transform_edt(labels == KIDNEY.value, sampling=spacing_kji_mm) > EDGE_MM
    near = ndimage.distance_transform_edt(~mask, sampling=spacing_kji_mm) <= AROUND_MM
    around = values[inside & near]
    return float(np.median(around)) if around.size >= LEAST_CORE_VOXELS else None

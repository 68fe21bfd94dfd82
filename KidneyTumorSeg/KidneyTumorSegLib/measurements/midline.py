"""Where the patient's midline is, from the CT: needed to tell the side of a single kidney."""

from __future__ import annotations

import numpy as np

from ..volume import Volume, canonical

_BODY_HU = -300.0
"""Between lung and fat: above it is body (or table, which lies symmetric under it)."""
_STEP_MM = 6.0
_DECIMALS = 6
"""Of a mm: far finer than any voxel, and coarser than what the order of a sum does to the last digit."""


def body_midline_l_mm(volume: Volume) -> float | None:
    """World L (mm) of the middle of the body: the median over all body voxels, so that arms and tubes weigh little.

    The same number in whatever order the scan is stored. None if it cannot be told: not a CT, or nothing but air.
    """
    if volume.modality != "CT":
        return None
    upright, _ = canonical(volume)  # so that the same voxels are looked at
    steps = [max(1, round(_STEP_MM / spacing)) for spacing in upright.spacing[::-1]]
    thinned = upright.voxels[tuple(slice(None, None, step) for step in steps)]
    places = np.argwhere(thinned > _BODY_HU) * np.array(steps)
    return round(float(np.median(upright.grid.world(places)[:, 0])), _DECIMALS) if places.size else None

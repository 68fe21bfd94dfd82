"""Where the patient's midline is, from the CT: needed to tell the side of a single kidney."""

from __future__ import annotations

import numpy as np

from ..volume import Volume

_BODY_HU = -300.0
"""Between lung and fat: above it is body (or table, which lies symmetric under it)."""
_STEP_MM = 6.0


def body_midline_l_mm(volume: Volume) -> float | None:
    """World L (mm) of the middle of the body: the median over all body voxels, so that arms and tubes weigh little.

    None if it cannot be told: not a CT, or nothing but air.
    """
    if volume.modality != "CT":
        return None
    steps = [max(1, round(_STEP_MM / spacing)) for spacing in volume.spacing[::-1]]
    thinned = volume.voxels[tuple(slice(None, None, step) for step in steps)]
    places = np.argwhere(thinned > _BODY_HU) * np.array(steps)
    return float(np.median(volume.grid.world(places)[:, 0])) if places.size else None

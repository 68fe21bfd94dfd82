"""How sure the network was of one lesion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LesionConfidence:
    """Of a tumor or cyst as the network drew it.

    Attributes:
        kind: "tumor" or "cyst".
        lps: a voxel center inside the lesion, nearest to its centroid; world LPS, mm.
        probability: mean over its voxels, 0..1, as the network says; not calibrated.
    """

    kind: str
    lps: tuple[float, float, float]
    probability: float

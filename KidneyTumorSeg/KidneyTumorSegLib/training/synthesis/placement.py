"""Where a lesion comes to lie: the place on a kidney, turned and scaled, and slid in or out as deep as is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .bank import Pattern
from .fields import Axes, FloatImage
from .kidneys import Kidney, Vector
from .shape import Shape

_JITTER_DEG = 14.0
_POINTS = 240
_MOST_OF_KIDNEY = 0.45  # a lesion larger than this part of its kidney grows outward
_WANDER = 0.13  # of the kidney's half extents, about a real lesion's place
_REAL_SHARE_JITTER = 0.08


@dataclass(frozen=True, eq=False)
class Placed:
    """A shape at its place.

    Attributes:
        shape: of unit size.
        to_shape: 3x3, an offset from the center (mm along k, j, i) to the shape's axes in radii.
        center: mm.
        radius_mm: of a ball of its volume.
        reach: how far it goes from its center along k, j and i, mm.
    """

    shape: Shape
    to_shape: Vector
    center: Vector
    radius_mm: float
    reach: Vector

    def depth_mm(self, axes: Axes) -> FloatImage:
        """How deep inside the lesion a box's voxels lie (negative outside), mm."""
        k, j, i = (axis - np.float32(middle) for axis, middle in zip(axes, self.center, strict=True))
        turn = self.to_shape.astype(np.float32)
        places = np.stack([row[0] * k[:, None, None] + row[1] * j[:, None] + row[2] * i for row in turn])
        return np.asarray(self.shape.depth(places) * np.float32(self.radius_mm), np.float32)


def place(
    pattern: Pattern, diameter_mm: float, kidney: Kidney, slices_mm: float, random: np.random.Generator
) -> Placed:
    """Put a lesion on a kidney.

    Args:
        pattern: its shape and where it grew.
        diameter_mm: of a ball of its volume.
        kidney: where it grows now.
        slices_mm: from the scan's first to its last slice; the lesion comes to lie in between.
        random: source of randomness.
    """
    radius = diameter_mm / 2
    turn = Rotation.from_rotvec(np.deg2rad(random.normal(0, _JITTER_DEG, 3))).as_matrix()
    if pattern.place is None:
        turn = Rotation.random(random_state=random).as_matrix()
    stretch = np.exp(random.normal(0, 0.07, 3))
    stretch /= np.prod(stretch) ** (1 / 3)
    to_shape = np.diag(1 / stretch) @ turn @ kidney.frame.axes / radius
    offsets = pattern.shape.points(_POINTS, random).astype(float) @ np.linalg.inv(to_shape).T
    start = _start(pattern, kidney, random)
    start[0] = np.clip(start[0], -0.35 * radius, slices_mm + 0.35 * radius)
    center = _slide(start, offsets, kidney, _wanted_share(pattern, diameter_mm, kidney, random))
    center[0] = np.clip(center[0], -0.35 * radius, slices_mm + 0.35 * radius)
    reach = np.abs(offsets).max(axis=0) * 1.12 + 1.5
    return Placed(pattern.shape, to_shape, center, radius, reach)


def _start(pattern: Pattern, kidney: Kidney, random: np.random.Generator) -> Vector:
    if pattern.place is None:
        surface = kidney.surface()
        return np.asarray(surface[int(random.integers(len(surface)))])
    return kidney.frame.place(np.clip(pattern.place, -1.3, 1.3) + random.normal(0, _WANDER, 3))


def _wanted_share(pattern: Pattern, diameter_mm: float, kidney: Kidney, random: np.random.Generator) -> float:
    """Of the lesion outside the kidney: as it was, but large ones leave enough of the kidney."""
    share = pattern.exophytic_share
    if pattern.place is not None:
        share += random.normal(0, _REAL_SHARE_JITTER)
    lesion_ml = np.pi / 6 * diameter_mm**3 / 1000
    whole_ml = max(kidney.volume_ml, 60.0)  # of a few slices the rest is not seen
    return float(np.clip(share, max(0.0, 1 - _MOST_OF_KIDNEY * whole_ml / lesion_ml), 0.88))


def _slide(start: Vector, offsets: Vector, kidney: Kidney, share: float) -> Vector:
    """Along the shortest way out until the share outside is as wanted."""
    direction = kidney.outward(start)
    reach = float(np.abs(offsets @ direction).max())
    # Deep places need a longer way out.
    way = np.linspace(-1.4 * reach, 1.4 * reach + max(0.0, float(kidney.depth_at(start[None])[0])), 25)
    centers = start + way[:, None] * direction
    depth = kidney.depth_at((centers[:, None] + offsets).reshape(-1, 3)).reshape(len(way), -1)
    off = np.abs((depth < 0).mean(axis=1) - share) + 0.002 * np.abs(way)
    return np.asarray(centers[int(off.argmin())])

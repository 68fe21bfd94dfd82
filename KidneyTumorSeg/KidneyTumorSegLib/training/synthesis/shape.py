"""Lesion shapes of unit size: how deep inside the surface each place lies, on a small cubic grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .fields import FloatImage, random_field

SIDE = 36
"""Voxels along the side of a shape's grid."""
_STEPS_PER_RADIUS = 48.0  # depths are kept as whole steps, in a byte


@dataclass(frozen=True, eq=False)
class Shape:
    """A body whose volume is that of a sphere of radius 1.

    Attributes:
        steps: int8 [up, back, lateral], depth inside the surface (negative outside) in 1/48 of the radius.
        half: the grid reaches from -half to half along each axis, in radii.
    """

    steps: npt.NDArray[np.int8]
    half: float

    @classmethod
    def of(cls, depth: npt.NDArray[np.floating], half: float) -> Shape:
        """From depths on the grid, in radii."""
        return cls(np.clip(np.rint(depth * _STEPS_PER_RADIUS), -127, 127).astype(np.int8), half)

    def depth(self, places: FloatImage) -> FloatImage:
        """Depth at places, in radii; beyond the grid it falls on as the distance grows.

        Args:
            places: (3, ...) in radii along (up, back, lateral).
        """
        inside = np.clip(places, -self.half, self.half)
        beyond = np.sqrt(((places - inside) ** 2).sum(axis=0))
        index = (inside / self.half + 1) * ((self.steps.shape[0] - 1) / 2)
        steps = ndimage.map_coordinates(self.steps, index, np.float32, order=1, mode="nearest")
        return np.asarray(steps / _STEPS_PER_RADIUS - beyond, np.float32)

    def points(self, count: int, random: np.random.Generator) -> FloatImage:
        """Random places inside, (count, 3) in radii."""
        inside = np.argwhere(self.steps > 0)
        chosen = inside[random.integers(len(inside), size=count)]
        return np.asarray((chosen / ((self.steps.shape[0] - 1) / 2) - 1) * self.half, np.float32)


def sphere() -> Shape:
    """A ball."""
    up, back, lateral = _grid(1.3)
    return Shape.of(1 - np.sqrt(up**2 + back**2 + lateral**2), 1.3)


def random_shape(random: np.random.Generator, roughness: float) -> Shape:
    """An ellipsoid, or a few grown together, with a smoothly warped surface.

    Args:
        random: source of randomness.
        roughness: 0 a smooth ellipsoid, 1 a strongly lobulated mass.
    """
    half = 1.9
    places = _grid(half)
    line = np.linspace(-half, half, SIDE, dtype=np.float32)
    depth = np.full((SIDE,) * 3, -9.0, np.float32)
    lobes = 1 + (random.random() < 0.6 * roughness) + (random.random() < 0.4 * roughness)
    for lobe in range(lobes):
        radii = np.exp(random.uniform(-0.22, 0.22, 3)) * (1.0 if lobe == 0 else random.uniform(0.45, 0.8))
        away = np.zeros(3) if lobe == 0 else _direction(random) * random.uniform(0.4, 0.8)
        offset = np.sqrt(sum(((p - a) / r) ** 2 for p, a, r in zip(places, away, radii, strict=True)))
        body = ((1 - offset) * radii.min()).astype(np.float32)
        depth = body if lobe == 0 else _smooth_maximum(depth, body, 0.12)
    depth += roughness * 0.10 * random_field((line, line, line), 0.45, random)
    depth += roughness * 0.035 * random_field((line, line, line), 0.2, random)
    return normalized(depth, half)


def normalized(depth: npt.NDArray[np.floating], half: float) -> Shape:
    """A shape of unit size from depths on a grid of any unit.

    Args:
        depth: [SIDE]*3, in the unit of `half`; positive inside.
        half: half the grid's side.
    """
    step = 2 * half / (depth.shape[0] - 1)
    volume = float(np.clip(depth / step + 0.5, 0, 1).sum()) * step**3
    radius = (3 * volume / (4 * np.pi)) ** (1 / 3)
    return Shape.of(depth / radius, half / radius)


def _grid(half: float) -> list[FloatImage]:
    line = np.linspace(-half, half, SIDE, dtype=np.float32)
    return list(np.meshgrid(line, line, line, indexing="ij"))


def _direction(random: np.random.Generator) -> npt.NDArray[np.float64]:
    arrow = random.standard_normal(3)
    return np.asarray(arrow / np.linalg.norm(arrow))


def _smooth_maximum(a: FloatImage, b: FloatImage, width: float) -> FloatImage:
    """The larger of two, with a rounded notch between them."""
    return np.asarray(width * np.logaddexp(a / width, b / width), np.float32)

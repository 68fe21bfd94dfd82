"""Analytic abdomens with known truth: a CT that anyone can make anywhere, on any grid, without patient data.

A phantom is a list of soft-edged ellipsoids in the world (LPS, mm), painted one over the other. Because it is a
formula, the same patient can be scanned axial, coronal, oblique or flipped, and the true labels are always known.
It is for tests, for the demo and for the self-test in Slicer; it says nothing about how a model does on patients.
HU values: portal venous phase, from the literature on renal CT (cortex about 180, simple cyst below 20, fat -100).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..anatomy import CYST, KIDNEY, TUMOR
from .grid import FloatArray, Grid
from .label_map import LabelMap
from .volume import Volume

FloatImage = npt.NDArray[np.float32]

AIR_HU, FAT_HU, MUSCLE_HU = -1000.0, -100.0, 58.0
_EDGE_MM = 0.8
"""Half-width of the soft edge: the blur of a CT scanner, and partial volume."""


@dataclass(frozen=True)
class Ellipsoid:
    """One soft-edged body.

    Attributes:
        center: (L, P, S), mm.
        radii: along its own axes, mm.
        hu: its value.
        label: what it is (0: background, None: keeps what was there).
        tilt_deg: turned about the patient's front-back axis, degrees.
        power: 2 an ellipsoid; larger is boxier.
    """

    center: tuple[float, float, float]
    radii: tuple[float, float, float]
    hu: float
    label: int | None = 0
    tilt_deg: float = 0.0
    power: float = 2.0

    @property
    def volume_ml(self) -> float:
        """Of an ellipsoid (power 2), mL."""
        return 4.0 / 3.0 * np.pi * float(np.prod(self.radii)) / 1000.0

    @property
    def own_axes(self) -> FloatArray:
        """3x3: turns an offset from the center (LPS, mm) into the body's own axes, in which its surface is at 1."""
        angle = np.deg2rad(self.tilt_deg)
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        return np.asarray(turn / np.array(self.radii)[:, None])

    def depth_mm(self, lps: FloatArray) -> FloatImage:
        """About how far inside its surface the positions (..., 3) lie, mm; negative outside."""
        own = (lps - np.array(self.center)) @ self.own_axes.T
        return self._depth_mm([own[..., axis].astype(np.float32) for axis in range(3)])

    def depth_on_slice_mm(self, grid: Grid, k: int) -> tuple[tuple[slice, slice], FloatImage] | None:
        """The same on the part (j, i) of a grid's slice that the body reaches; None if it does not reach the slice.

        Positions are sums of one term for j and one for i, so none is made voxel by voxel.
        """
        half = np.abs(np.linalg.inv(self.own_axes)).sum(axis=1) * (1.0 + _EDGE_MM / min(self.radii))
        to_index = np.linalg.inv(grid.affine[:3, :3])
        middle = to_index @ (np.array(self.center) - grid.origin)
        reach = np.abs(to_index) @ half
        if abs(k - middle[2]) > reach[2]:
            return None
        i, j = (_within(middle[axis], reach[axis], grid.shape[2 - axis]) for axis in (0, 1))
        if i.start >= i.stop or j.start >= j.stop:
            return None
        steps = self.own_axes @ grid.affine[:3, :3]
        start = self.own_axes @ (grid.world([k, 0, 0]) - np.array(self.center))
        columns, rows = np.arange(i.start, i.stop), np.arange(j.start, j.stop)[:, None]
        own = [
            (start[axis] + steps[axis, 1] * rows).astype(np.float32) + (steps[axis, 0] * columns).astype(np.float32)
            for axis in range(3)
        ]
        return (j, i), self._depth_mm(own)

    def _depth_mm(self, own: list[FloatImage]) -> FloatImage:
        """From the three own coordinates, float32."""
        if self.power == 2.0:
            radius = np.sqrt(sum(np.square(part) for part in own))
        else:
            radius = np.power(sum(np.power(np.abs(part), self.power) for part in own), 1.0 / self.power)
        return np.asarray((1.0 - radius) * min(self.radii), dtype=np.float32)


@dataclass(frozen=True)
class Phantom:
    """A patient made of ellipsoids, painted in order."""

    bodies: tuple[Ellipsoid, ...]

    @property
    def tumors(self) -> tuple[Ellipsoid, ...]:
        """The true tumors (without what only fills them)."""
        return tuple(body for body in self.bodies if body.label == TUMOR.value)

    @property
    def cysts(self) -> tuple[Ellipsoid, ...]:
        """The true cysts."""
        return tuple(body for body in self.bodies if body.label == CYST.value)

    def scan(self, grid: Grid, noise_hu: float = 12.0, seed: int = 0) -> tuple[Volume, LabelMap]:
        """Scan the phantom on a grid.

        Args:
            grid: any spacing, orientation and extent.
            noise_hu: standard deviation of the image noise, HU.
            seed: of the noise.

        Returns:
            CT (int16 HU) and true labels on the grid.
        """
        random = np.random.default_rng(seed)
        voxels = np.empty(grid.shape, np.int16)
        labels = np.zeros(grid.shape, np.uint8)
        for k in range(grid.shape[0]):  # slice by slice: a whole volume of positions would not fit a small computer
            hu, labels[k] = self._paint(grid, k)
            noise = random.normal(0.0, noise_hu, hu.shape) if noise_hu else 0.0
            voxels[k] = np.clip(np.rint(hu + noise), -1024, 3071)
        return Volume(voxels, grid, "CT", "phantom"), LabelMap(labels, grid)

    def _paint(self, grid: Grid, k: int) -> tuple[FloatImage, npt.NDArray[np.uint8]]:
        hu = np.full(grid.shape[1:], AIR_HU, np.float32)
        label = np.zeros(grid.shape[1:], np.uint8)
        for body in self.bodies:
            reached = body.depth_on_slice_mm(grid, k)
            if reached is None:
                continue
            part, depth = reached
            cover = np.clip(depth / (2 * _EDGE_MM) + 0.5, 0.0, 1.0)
            hu[part] += cover * (body.hu - hu[part])
            if body.label is not None:
                label[part][depth > 0] = body.label
        return hu, label


def standard_phantom() -> Phantom:
    """The phantom of the demo and of the self-test: a 36 mm tumor on the left kidney, a 28 mm cyst on the right."""
    left = _kidney(side=1, center=(68.0, 42.0, 8.0), hu=185.0)
    right = _kidney(side=-1, center=(-66.0, 42.0, -8.0), hu=185.0)
    tumor = (
        Ellipsoid((90.0, 38.0, 14.0), (18.0, 18.0, 18.0), 95.0, TUMOR.value),
        Ellipsoid((92.0, 38.0, 14.0), (7.0, 6.0, 7.0), 40.0, None),
    )
    cyst = (Ellipsoid((-80.0, 48.0, -46.0), (14.0, 14.0, 14.0), 6.0, CYST.value),)
    return Phantom((*_abdomen(1.0), *left, *right, *tumor, *cyst))


def random_phantom(random: np.random.Generator) -> Phantom:
    """A phantom of another build: size, place and enhancement of organs, and which lesions there are, all vary."""
    size = float(random.uniform(0.85, 1.15))
    kidney_hu = float(random.uniform(120, 230))
    bodies = list(_abdomen(size, random))
    for side in (1, -1):
        center = np.array([side * 67.0, 42.0, side * 8.0]) * size + random.uniform(-7, 7, 3)
        scale = float(random.uniform(0.8, 1.2)) * size
        bodies += _kidney(side, _triple(center), kidney_hu, scale, float(random.uniform(4, 20)))
        for _ in range(int(random.choice([0, 1, 2], p=[0.35, 0.45, 0.2]))):
            bodies += _lesion(random, center, 28.0 * scale, kidney_hu)
    return Phantom(tuple(bodies))


def phantom_grid(
    spacing: Sequence[float] = (1.6, 1.6, 3.0), extent_mm: Sequence[float] = (352.0, 256.0, 216.0)
) -> Grid:
    """An axis-aligned grid around the phantom.

    Args:
        spacing: along (i, j, k), mm; i to the patient's left, j to the back, k up.
        extent_mm: whole size along the same axes.
    """
    shape = [round(length / step) for length, step in zip(extent_mm, spacing, strict=True)]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-step * (n - 1) / 2 for n, step in zip(shape, spacing, strict=True)]
    return Grid((shape[2], shape[1], shape[0]), affine)


def _within(middle: float, reach: float, count: int) -> slice:
    """The indices of an axis that lie within reach."""
    return slice(max(int(np.floor(middle - reach)), 0), min(int(np.ceil(middle + reach)) + 1, count))


def _triple(values: npt.ArrayLike) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in np.asarray(values))
    return first, second, third


def _kidney(
    side: int, center: tuple[float, float, float], hu: float, scale: float = 1.0, tilt_deg: float = 12.0
) -> tuple[Ellipsoid, ...]:
    """Cortex, medulla and the fatty sinus that opens to the middle; side +1 is the patient's left."""
    left, back, up = center
    tilt = -side * tilt_deg  # the upper poles lean to the spine
    return (
        Ellipsoid(center, _triple(np.array([29.0, 25.0, 54.0]) * scale), hu, KIDNEY.value, tilt),
        Ellipsoid(center, _triple(np.array([20.0, 16.0, 42.0]) * scale), hu - 25.0, None, tilt),
        Ellipsoid(
            (left - side * 17.0 * scale, back - 2.0, up), _triple(np.array([15.0, 8.0, 19.0]) * scale), -70.0, 0, tilt
        ),
    )


def _lesion(
    random: np.random.Generator, kidney_center: FloatArray, kidney_radius: float, kidney_hu: float
) -> list[Ellipsoid]:
    """A tumor or a cyst at a random place of the kidney's outer surface."""
    away = random.normal(size=3) * np.array([1.0, 1.0, 1.8])
    away /= np.linalg.norm(away)
    center = _triple(kidney_center + away * kidney_radius * random.uniform(0.5, 1.05))
    radii = _triple(np.exp(random.uniform(np.log(5.0), np.log(28.0))) * random.uniform(0.8, 1.2, 3))
    if random.random() < 0.45:
        return [Ellipsoid(center, radii, float(random.uniform(-5, 20)), CYST.value)]
    hu = float(random.uniform(45, min(kidney_hu - 30, 140)))
    lesion = [Ellipsoid(center, radii, hu, TUMOR.value)]
    if random.random() < 0.5:
        core = _triple(np.array(radii) * random.uniform(0.2, 0.6))
        lesion.append(Ellipsoid(center, core, float(random.uniform(15, 45)), None))
    return lesion


def _abdomen(size: float, random: np.random.Generator | None = None) -> tuple[Ellipsoid, ...]:
    """Everything but the kidneys: skin and fat, muscle, spine, liver, spleen, vessels, bowel."""
    random = random or np.random.default_rng(7)

    def at(left: float, back: float, up: float, wander: float = 0.0) -> tuple[float, float, float]:
        return _triple(np.array([left, back, up]) * size + random.uniform(-wander, wander, 3))

    def of(*radii: float) -> tuple[float, float, float]:
        return _triple(np.array(radii) * size)

    bowel = tuple(
        Ellipsoid(
            at(left, random.uniform(-70, -25), up, 8.0),
            of(random.uniform(12, 24), random.uniform(10, 18), random.uniform(12, 26)),
            float(random.choice([25.0, 45.0, 90.0])),
        )
        for left in (-55.0, -15.0, 25.0, 65.0)
        for up in (-70.0, -20.0)
    )
    gas = tuple(
        Ellipsoid(_triple(np.array(loop.center) - [0, 4, 0]), _triple(np.array(loop.radii) * 0.5), -850.0)
        for loop in bowel[::3]
    )
    return (
        Ellipsoid((0, 0, 0), of(160, 112, 400), FAT_HU, 0, 0, 2.4),
        Ellipsoid((0, 0, 0), of(142, 94, 400), MUSCLE_HU, 0, 0, 2.4),
        Ellipsoid((0, -6, 0), of(128, 78, 400), FAT_HU, 0, 0, 2.4),
        Ellipsoid(at(0, 68, 0), of(66, 26, 400), MUSCLE_HU, 0, 0, 3.0),
        Ellipsoid(at(0, 48, 0), of(22, 18, 400), 190.0, 0, 0, 2.4),
        Ellipsoid(at(0, 48, 0), of(17, 13, 400), 130.0, 0, 0, 2.4),
        Ellipsoid(at(32, 52, -60), of(15, 16, 110), MUSCLE_HU),
        Ellipsoid(at(-32, 52, -60), of(15, 16, 110), MUSCLE_HU),
        Ellipsoid(at(-62, -12, 62, 6.0), of(62, 58, 62), float(random.uniform(90, 120))),
        Ellipsoid(at(88, 16, 82, 5.0), of(24, 40, 34), float(random.uniform(100, 130))),
        Ellipsoid(at(6, 20, 0, 2.0), of(9, 9, 400), float(random.uniform(130, 240))),
        Ellipsoid(at(-18, 18, 0, 2.0), of(11, 8, 400), float(random.uniform(90, 160))),
        *bowel,
        *gas,
    )

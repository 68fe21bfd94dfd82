"""A scan that is being changed, and smooth bodies to put into it: with its own noise, blur and slice thickness.

Canonical coordinates, mm along (k, j, i): up, to the back, to the patient's left; voxel (0, 0, 0) at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import BACKGROUND, STRUCTURES
from .case import Case
from .synthesis.fields import Axes, FloatImage, random_field
from .synthesis.kidneys import Kidney, Vector
from .synthesis.scan_noise import ScanNoise, measure_noise

OWN = tuple(structure.value for structure in STRUCTURES)
"""Label values of kidneys and their masses."""
VESSELS = (15, 16, 17)
"""Label values of the large vessels."""
BONE_HU, AIR_HU = 170.0, -200.0
"""From here up it may be bone, from here down it is air."""
FAT_HU = (-140.0, -60.0)
_USUAL_FAT_HU = -100.0
_FINE_SLICE_MM = 1.7
_BLUR_PX = 0.7
_ENOUGH_VOXELS = 50
_KEPT_SHARE = 0.5
_LEAST_ML = 0.1

Box = tuple[slice, slice, slice]
Mask = npt.NDArray[np.bool_]


@dataclass(eq=False)
class Scan:
    """A scan that things are put into. `hu` and `labels` change."""

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    known: frozenset[str]
    spacing: tuple[float, float, float]
    floor_hu: float
    ceiling_hu: float
    noise: ScanNoise
    kidneys: tuple[Kidney, ...]
    random: np.random.Generator

    @classmethod
    def of(cls, case: Case, kidneys: tuple[Kidney, ...], random: np.random.Generator) -> Scan:
        """Copies of a case's image and labels, to be changed."""
        spacing = (case.slice_spacing_mm, case.spacing_mm, case.spacing_mm)
        noise = measure_noise(case.hu, case.floor_hu)
        ceiling = float(case.hu.max())
        hu, labels = case.hu.copy(), case.labels.copy()
        return cls(hu, labels, case.known, spacing, case.floor_hu, ceiling, noise, kidneys, random)

    def box(self, center: Vector, reach: Vector | float) -> Box | None:
        """Voxels up to `reach` mm from a position along each axis; None if the scan has none."""
        low = np.floor((center - reach) / self.spacing).astype(int) - 2
        high = np.ceil((center + reach) / self.spacing).astype(int) + 3
        box = [slice(max(0, a), min(n, b)) for a, b, n in zip(low, high, self.hu.shape, strict=True)]
        return (box[0], box[1], box[2]) if all(part.stop > part.start for part in box) else None

    def axes(self, box: Box) -> Axes:
        """Positions of a box's voxels."""
        lines = [
            np.arange(b.start, b.stop, dtype=np.float32) * np.float32(s) for b, s in zip(box, self.spacing, strict=True)
        ]
        return lines[0], lines[1], lines[2]

    def fine(self, axes: Axes) -> tuple[Axes, int]:
        """Thick slices are made in parts and averaged, as the scanner does."""
        parts = int(np.clip(np.ceil(self.spacing[0] / _FINE_SLICE_MM), 1, 3))
        within = ((np.arange(parts) + 0.5) / parts - 0.5) * self.spacing[0]
        return ((axes[0][:, None] + within.astype(np.float32)).ravel(), axes[1], axes[2]), parts

    def typical_hu(self, value: int, otherwise: tuple[float, float]) -> float:
        """Median of a labeled structure, or a draw from a range where none is labeled."""
        found = self.hu[::2, ::2, ::2][self.labels[::2, ::2, ::2] == value]
        return float(np.median(found)) if found.size >= _ENOUGH_VOXELS else float(self.random.uniform(*otherwise))

    def fat_hu(self) -> float:
        """Median of the fat."""
        seen = self.hu[::2, ::3, ::3]
        fat = seen[(seen > max(FAT_HU[0], self.floor_hu)) & (seen < FAT_HU[1])]
        return max(float(np.median(fat)) if fat.size >= _ENOUGH_VOXELS else _USUAL_FAT_HU, self.floor_hu)

    def label_of(self, value: int, channel: str) -> int:
        """A structure's label where the case knows the structure, else background."""
        return value if channel in self.known else BACKGROUND

    def blocked(self, box: Box, gap_mm: float, over: tuple[int, ...] = ()) -> FloatImage:
        """Distance in mm to what may not be covered: kidneys and their masses with a gap, bone, large vessels, air."""
        labels, hu = self.labels[box], self.hu[box]
        smooth = ndimage.gaussian_filter(hu.astype(np.float32), (0, 1, 1), truncate=2.5)
        own = np.isin(labels, OWN)
        foreign = (smooth > BONE_HU) & ~np.isin(labels, over) & ~own
        foreign = ndimage.binary_opening(foreign, np.ones((1, 2, 2)))
        foreign |= np.isin(labels, VESSELS)
        if self.floor_hu < AIR_HU:
            foreign |= smooth < AIR_HU
        room = np.full(hu.shape, 1000.0, np.float32)
        for mask, gap in ((foreign, 1.0), (own, gap_mm)):
            if mask.any():
                away = ndimage.distance_transform_edt(~mask, sampling=self.spacing).astype(np.float32)
                room = np.minimum(room, away - gap)
        return room

    def paint(self, box: Box, share: FloatImage, content: FloatImage, keep: Mask | None = None) -> None:
        """Mix content into a box: `share` [k, j, i] 0..1, `content` HU without noise; `keep`: voxels not to touch."""
        share = ndimage.gaussian_filter(share, (0, _BLUR_PX, _BLUR_PX), truncate=3.0)
        if keep is not None:
            share[keep] = 0
        changed = share > 0.01
        hu = self.hu[box]
        noise = self.noise.draw(hu.shape, self.random) * np.sqrt(1 - (1 - share) ** 2)
        mixed = hu * (1 - share) + content * share + noise
        mixed = np.rint(np.clip(mixed, self.floor_hu, self.ceiling_hu))
        hu[changed] = mixed[changed].astype(np.int16)


@dataclass(frozen=True, eq=False)
class Body:
    """An ellipsoid with an uneven surface: center and radii in mm, rows of `axes` its own axes."""

    center: Vector
    radii: Vector
    axes: Vector
    uneven: float = 0.06

    def depth_mm(self, lines: Axes, random: np.random.Generator) -> FloatImage:
        """Depth inside on a box's voxels, about in mm."""
        k, j, i = (line - np.float32(at) for line, at in zip(lines, self.center, strict=True))
        squares = np.zeros((len(k), len(j), len(i)), np.float32)
        for row, radius in zip(self.axes, self.radii, strict=True):
            a, b, c = (np.float32(part / radius) for part in row)
            squares += (a * k[:, None, None] + b * j[:, None] + c * i) ** 2
        waves = random_field(lines, float(self.radii.mean()) * 0.5, random)
        return np.asarray((1 - np.sqrt(squares) + self.uneven * waves) * self.radii.min(), np.float32)


def turned(random: np.random.Generator) -> Vector:
    """Rows: three axes at right angles, in any direction."""
    return np.asarray(np.linalg.qr(random.standard_normal((3, 3)))[0])


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """A draw whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


@dataclass(frozen=True)
class Stuff:
    """What a body is made of: HU inside, and of a wall of some width around it; `mottled`: how uneven, HU."""

    inside_hu: float
    mottled_hu: float
    wall_hu: float = 0.0
    wall_mm: float = 0.0

    def fill(self, depth: FloatImage, lines: Axes, random: np.random.Generator) -> FloatImage:
        """HU by place."""
        filled = np.full(depth.shape, self.inside_hu, np.float32)
        if self.mottled_hu > 0:
            filled += self.mottled_hu * random_field(lines, float(random.uniform(2.5, 6)), random)
        if self.wall_mm > 0:
            filled += (self.wall_hu - filled) * np.clip((self.wall_mm - depth) / 0.8 + 0.5, 0, 1)
        return filled


def put(scan: Scan, body: Body, stuff: Stuff, label: int, gap_mm: float, over: tuple[int, ...] = ()) -> bool:
    """A body where there is room for it; False, and nothing changed, where there is not."""
    box = scan.box(body.center, 1.25 * float(body.radii.max()))
    if box is None:
        return False
    lines, parts = scan.fine(scan.axes(box))
    wanted = body.depth_mm(lines, scan.random)
    room = ndimage.gaussian_filter(scan.blocked(box, gap_mm, over), (0, 0.8, 0.8))
    depth = np.minimum(wanted, np.repeat(room, parts, axis=0))
    pixel = scan.spacing[1]
    share = _mean_of_parts(np.clip(0.5 + depth / pixel, 0, 1), parts)
    mask = share >= 0.5
    own = np.isin(scan.labels[box], OWN)
    mask &= ~own
    if mask.sum() < _KEPT_SHARE * (wanted > 0).sum() / parts or mask.sum() * np.prod(scan.spacing) < _LEAST_ML * 1000:
        return False
    content = _mean_of_parts(stuff.fill(depth, lines, scan.random), parts)
    scan.paint(box, share, content, keep=own)
    scan.labels[box][mask] = label
    return True


def _mean_of_parts(fine: FloatImage, parts: int) -> FloatImage:
    return np.asarray(fine.reshape(-1, parts, *fine.shape[1:]).mean(axis=1), np.float32)

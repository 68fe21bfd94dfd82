"""One lesion into one scan: room is made, what must stay stays, and the lesion gets the scan's own blur and noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ...anatomy import CYST, KIDNEY, LESIONS, TUMOR
from .content import Content, Texture
from .fields import Axes, FloatImage, interpolate
from .kidneys import Kidney
from .placement import Placed
from .scan_noise import ScanNoise

_LESION_VALUES = tuple(lesion.value for lesion in LESIONS)
_REAL_MARGIN_MM = 3.0
_OBSTACLE_GAP_MM = 0.6
_KIDNEY_RIM_MM = 2.5  # so far outside the label it may still be kidney
_FAR_MM = 1000.0
_ROUNDNESS = 0.4  # of a lesion's greatest depth: what is thinner is no part of it
_ROUNDED_MM = 1.5
_AIR_HU, _ABOVE_FAT_HU, _ABOVE_FLOOR_HU = -220.0, -10.0, 25.0
_PUSHED_MM = 12.0  # farther from the kidney nothing is pushed aside
_KEPT_SHARE = 0.62  # of a lesion must be left when it is cut by its neighbors
_LEAST_VOXELS = 4
_MANY_VOXELS = 60_000
_FINE_SLICE_MM = 1.7


@dataclass(frozen=True)
class SyntheticLesion:
    """A lesion that was made, as it lies in the scan.

    Attributes:
        kind: tumor or cyst.
        texture: its kind of inside.
        calcified: whether it holds specks of calcium.
        diameter_mm: of a ball of its volume.
        volume_ml: of its label.
        mean_hu: of its label's voxels.
        kidney_hu: of the kidney around it, before.
        center: voxel (k, j, i) of its label's middle.
        exophytic_share: of its label, outside the kidney with its sinus.
    """

    kind: str
    texture: Texture
    calcified: bool
    diameter_mm: float
    volume_ml: float
    mean_hu: float
    kidney_hu: float
    center: tuple[int, int, int]
    exophytic_share: float


@dataclass(frozen=True)
class Look:
    """How a lesion meets its surroundings.

    Attributes:
        blur_px: standard deviation of the scanner's blur in-plane, pixels.
        border_mm: width over which the lesion gives way to what is around it.
        push: how far it pushes its surroundings aside, as a share of the distance from its center.
    """

    blur_px: float
    border_mm: float
    push: float


@dataclass(eq=False)
class Canvas:
    """A scan that lesions are put into. `hu` and `labels` change.

    Attributes:
        hu: int16 [k, j, i].
        labels: uint8, same shape.
        spacing: mm along k, j and i.
        floor_hu: values at or below it are cut off.
        noise: of the scan.
    """

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    spacing: tuple[float, float, float]
    floor_hu: float
    noise: ScanNoise
    _ceiling_hu: int = field(init=False)

    def __post_init__(self) -> None:
        self._ceiling_hu = int(self.hu.max())

    def insert(
        self, placed: Placed, content: Content, look: Look, kidney: Kidney, random: np.random.Generator
    ) -> tuple[tuple[slice, slice, slice], npt.NDArray[np.bool_]] | None:
        """Put a lesion in.

        Returns:
            The box that was changed and the lesion's voxels in it; None if there was no room, then nothing changed.
        """
        spread = float(np.clip(0.6 * placed.radius_mm, 3, 14)) if look.push > 0 else 0.0
        box = self._box(placed, 2 * spread)
        if box is None:
            return None
        axes = self._axes(box)
        depth = placed.depth_mm(axes)
        hull = kidney.depth_on(axes)
        hu, labels = self._pushed(box, axes, depth, hull, placed, look.push, spread)
        room = self._room(hu, labels, hull, depth)
        fine_axes, parts = self._fine(axes)
        fine_depth = placed.depth_mm(fine_axes) if parts > 1 else depth
        fine_depth = _soft_minimum(fine_depth, np.repeat(room, parts, axis=0))
        pixel = self.spacing[1]
        occupied = np.clip(0.5 + fine_depth / max(pixel, look.border_mm), 0, 1)
        cover = _mean_of_parts(np.clip(0.5 + fine_depth / pixel, 0, 1), parts)
        lesion = _main_part(cover >= 0.5)
        if not self._fits(lesion, depth, hull):
            return None
        occupied *= np.repeat(ndimage.binary_dilation(lesion, iterations=2), parts, axis=0)
        filling = content.fill(fine_depth, fine_axes, placed.radius_mm, random)
        blur = (0, look.blur_px, look.blur_px)
        share = ndimage.gaussian_filter(_mean_of_parts(occupied, parts), blur, truncate=3.0)
        inside = ndimage.gaussian_filter(_mean_of_parts(occupied * filling, parts), blur, truncate=3.0)
        noise = self.noise.draw(lesion.shape, random) * np.sqrt(1 - (1 - share) ** 2)
        self._paint(box, np.where(share > 1e-3, hu * (1 - share) + inside + noise, hu), share)
        labels[lesion] = TUMOR.value if content.kind == "tumor" else CYST.value
        self.labels[box] = labels
        return box, lesion

    def _paint(self, box: tuple[slice, slice, slice], hu: FloatImage, share: FloatImage) -> None:
        self.hu[box] = np.rint(np.where(share > 1e-3, np.clip(hu, self.floor_hu, self._ceiling_hu), hu))

    def _box(self, placed: Placed, around: float) -> tuple[slice, slice, slice] | None:
        """Voxels that may change."""
        box = []
        for middle, reach, step, count in zip(placed.center, placed.reach, self.spacing, self.hu.shape, strict=True):
            first = max(0, int(np.floor((middle - reach - around) / step)) - 2)
            last = min(count, int(np.ceil((middle + reach + around) / step)) + 3)
            if last <= first:
                return None
            box.append(slice(first, last))
        return box[0], box[1], box[2]

    def _axes(self, box: tuple[slice, slice, slice]) -> Axes:
        lines = [
            np.arange(b.start, b.stop, dtype=np.float32) * np.float32(s) for b, s in zip(box, self.spacing, strict=True)
        ]
        return lines[0], lines[1], lines[2]

    def _fine(self, axes: Axes) -> tuple[Axes, int]:
        """Thick slices are made in parts and averaged, as the scanner does."""
        thickness = self.spacing[0]
        parts = int(np.clip(np.ceil(thickness / _FINE_SLICE_MM), 1, 4))
        within = ((np.arange(parts) + 0.5) / parts - 0.5) * thickness
        return ((axes[0][:, None] + within.astype(np.float32)).ravel(), axes[1], axes[2]), parts

    def _pushed(
        self,
        box: tuple[slice, slice, slice],
        axes: Axes,
        depth: FloatImage,
        hull: FloatImage,
        placed: Placed,
        push: float,
        spread: float,
    ) -> tuple[FloatImage, npt.NDArray[np.uint8]]:
        """Surroundings moved away from the center, by less the farther from the lesion."""
        hu, labels = self.hu[box].astype(np.float32), self.labels[box].copy()
        if push <= 0:
            return hu, labels
        fade = np.clip((np.exp(-((np.minimum(depth, 0) / spread) ** 2)) - 0.0184) / 0.9816, 0, 1)
        factor = push * fade * np.clip(1 + (hull + 4) / _PUSHED_MM, 0, 1)
        moved = np.argwhere((factor > 0.004) & (depth < 2 * self.spacing[1]) & (depth > -2 * spread))
        if not len(moved):
            return hu, labels
        at = tuple(moved.T)
        steps = np.array(self.spacing)
        middle = placed.center / steps - [b.start for b in box]
        source = (middle + (moved - middle) / (1 + factor[at][:, None])).T
        values = ndimage.map_coordinates(hu, source, np.float32, order=3, mode="nearest")
        nearest = tuple(np.clip(np.rint(s).astype(int), 0, n - 1) for s, n in zip(source, hu.shape, strict=True))
        moved_labels = labels[nearest]
        hu[at] = np.clip(values, hu.min(), hu.max())
        labels[at] = moved_labels
        return hu, labels

    def _room(self, hu: FloatImage, labels: npt.NDArray[np.uint8], hull: FloatImage, depth: FloatImage) -> FloatImage:
        """How far each voxel is from what a lesion may not cover, mm; narrow gaps are not grown into."""
        stride = 2 if hu.size > _MANY_VOXELS else 1
        thin = (slice(None), slice(None, None, stride), slice(None, None, stride))
        step = (self.spacing[0], self.spacing[1] * stride, self.spacing[2] * stride)
        smooth = ndimage.gaussian_filter(hu, (0, 1.2, 1.2), truncate=2.5)[thin]
        foreign = self._foreign(smooth, labels[thin], hull[thin], stride)
        room = np.full(smooth.shape, _FAR_MM, np.float32)
        if foreign.any():
            room = ndimage.distance_transform_edt(~foreign, sampling=step).astype(np.float32) - _OBSTACLE_GAP_MM
        lesions = np.isin(labels[thin], _LESION_VALUES)
        if lesions.any():
            apart = ndimage.distance_transform_edt(~lesions, sampling=step).astype(np.float32)
            room = np.minimum(room, apart - _REAL_MARGIN_MM)
        wanted = depth[thin] > 0
        if not (room[wanted] < 0).any():
            return np.full(hu.shape, _FAR_MM, np.float32)
        free = np.minimum(depth[thin], room)
        ball = _ROUNDNESS * max(float(free.max()), 1.0)
        core = free > ball
        if core.any():
            room = np.minimum(room, ball - ndimage.distance_transform_edt(~core, sampling=step).astype(np.float32))
        room = np.asarray(ndimage.gaussian_filter(room, (0, 0.8, 0.8)), np.float32)
        if stride == 1:
            return room
        lines = [np.arange(n, dtype=np.float32) for n in hu.shape]
        return interpolate(room, np.zeros(3), np.array([1.0, stride, stride]), (lines[0], lines[1], lines[2]))

    def _foreign(
        self, smooth: FloatImage, labels: npt.NDArray[np.uint8], hull: FloatImage, stride: int
    ) -> npt.NDArray[np.bool_]:
        """What is neither this kidney nor fat; vessels and fasciae are too thin to stop a lesion."""
        fat = max(_ABOVE_FAT_HU, self.floor_hu + _ABOVE_FLOOR_HU)
        foreign = (smooth > fat) | ((smooth < _AIR_HU) & (self.floor_hu < _AIR_HU)) | (labels == KIDNEY.value)
        foreign &= hull < -_KIDNEY_RIM_MM
        foreign = ndimage.gaussian_filter(foreign.astype(np.float32), (0, 1.6 / stride, 1.6 / stride)) > 0.5
        return np.asarray(foreign | (labels > max(_LESION_VALUES)))

    def _fits(self, lesion: npt.NDArray[np.bool_], depth: FloatImage, hull: FloatImage) -> bool:
        """Large enough, little cut, and on the kidney."""
        size = int(lesion.sum())
        return (
            size >= _LEAST_VOXELS and size >= _KEPT_SHARE * int((depth > 0).sum()) and bool((hull[lesion] > -1.5).any())
        )


def _soft_minimum(a: FloatImage, b: FloatImage) -> FloatImage:
    """The smaller of two, mm, with a rounded edge where they meet."""
    low, gap = np.minimum(a, b), np.abs(a - b)
    return np.asarray(low - 0.25 * np.maximum(_ROUNDED_MM - gap, 0) ** 2 / _ROUNDED_MM, np.float32)


def _mean_of_parts(fine: FloatImage, parts: int) -> FloatImage:
    if parts == 1:
        return fine
    return np.asarray(fine.reshape(-1, parts, *fine.shape[1:]).mean(axis=1), np.float32)


def _main_part(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(parts == np.bincount(parts.ravel())[1:].argmax() + 1)

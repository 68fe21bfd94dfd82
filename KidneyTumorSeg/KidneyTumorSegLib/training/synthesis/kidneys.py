"""Where kidneys are and how they lie: each with a frame of its own, so that places can be carried from one to another.

Positions are mm along (k, j, i) of a canonical scan: up, to the back, to the patient's left; voxel (0, 0, 0) at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .fields import Axes, FloatImage, interpolate

_COARSE_MM = 2.5
_SINUS_MM = 8.0  # gaps up to twice this between parts of the kidney belong to it: the sinus
_ROOM_MM = 24.0
_LEAST_ML = 2.0
_ELONGATED = 1.2  # below this ratio of extents the long axis is not told by the shape
_SHORT_MM = 60.0  # less of a kidney than this along the body does not show how it is tilted
_USUAL_HALF_LENGTH_MM = 50.0
_APART_MM = 40.0

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """A kidney's own axes.

    Attributes:
        center: mm.
        axes: rows (up along the kidney, to the back, lateral), unit vectors; of the two sides mirror images.
        half: half the kidney's extent along them, mm.
    """

    center: Vector
    axes: Vector
    half: Vector

    @classmethod
    def of(cls, points: Vector, lateral_sign: float) -> Frame:
        """From the positions (n, 3) of a kidney's voxels; lateral_sign is +1 on the patient's left, -1 on the right."""
        center = points.mean(axis=0)
        length = float(np.ptp(points[:, 0]))
        values, vectors = np.linalg.eigh(np.cov(points.T) + np.eye(3))
        up = np.array([1.0, 0.0, 0.0])
        longest = vectors[:, 2] * np.sign(vectors[0, 2] or 1.0)
        if length > _SHORT_MM and values[2] > _ELONGATED**2 * values[1] and longest[0] > 0.6:
            up = longest
        lateral = np.array([0.0, 0.0, lateral_sign])
        lateral -= up * (up @ lateral)
        lateral /= np.linalg.norm(lateral)
        back = np.cross(lateral, up) * (1 if np.cross(lateral, up)[1] > 0 else -1)
        axes = np.stack([up, back, lateral])
        half = np.maximum(np.sqrt(5 * ((points - center) @ axes.T).var(axis=0)), 8.0)
        if length <= _SHORT_MM:
            half[0] = max(half[0], _USUAL_HALF_LENGTH_MM)
        return cls(center, axes, half)

    def relative(self, place: Vector) -> Vector:
        """A position in halves of the kidney from its center: (up, back, lateral)."""
        return np.asarray(self.axes @ (place - self.center) / self.half)

    def place(self, relative: Vector) -> Vector:
        """The position of a relative place, mm."""
        return np.asarray(self.center + self.axes.T @ (relative * self.half))


@dataclass(frozen=True, eq=False)
class Kidney:
    """One kidney of a scan.

    Attributes:
        frame: its axes.
        start, step: of the coarse grid: its first voxel and its spacing, mm.
        depth_mm: on the coarse grid, how deep inside the kidney with its sinus (negative outside).
        parenchyma: on the coarse grid.
        volume_ml: of the parenchyma.
    """

    frame: Frame
    start: Vector
    step: Vector
    depth_mm: FloatImage
    parenchyma: npt.NDArray[np.bool_]
    volume_ml: float

    def depth_on(self, axes: Axes) -> FloatImage:
        """`depth_mm` on a box's voxels."""
        return interpolate(self.depth_mm, self.start, self.step, axes)

    def depth_at(self, places: Vector) -> FloatImage:
        """`depth_mm` at positions (n, 3)."""
        index = ((places - self.start) / self.step).T
        return np.asarray(ndimage.map_coordinates(self.depth_mm, index, np.float32, order=1, mode="nearest"))

    def outward(self, place: Vector) -> Vector:
        """Unit vector by the shortest way out of the kidney at a position."""
        around = place + np.concatenate([np.eye(3), -np.eye(3)]) * np.maximum(3.0, self.step)
        depth = self.depth_at(around).astype(float)
        slope = depth[3:] - depth[:3]
        size = np.linalg.norm(slope)
        return np.asarray(slope / size if size > 1e-3 else self.frame.axes[2])

    def surface(self) -> Vector:
        """Positions (n, 3) of coarse voxels at the surface, only where the scan has slices and rows."""
        shell = np.abs(self.depth_mm) < 0.6 * max(self.step)
        inner = shell & ndimage.binary_dilation(self.parenchyma, iterations=2)
        return np.asarray(np.argwhere(inner if inner.any() else self.parenchyma) * self.step + self.start)


def find_kidneys(labels: npt.NDArray[np.uint8], spacing: tuple[float, float, float]) -> tuple[Kidney, ...]:
    """The kidneys of a canonical label map; slivers are none.

    Args:
        labels: uint8 [k, j, i].
        spacing: mm along k, j and i.
    """
    strides = [max(1, round(_COARSE_MM / step)) for step in spacing]
    step = np.array(spacing) * strides
    coarse = labels[:: strides[0], :: strides[1], :: strides[2]]
    bodies, _ = ndimage.label((coarse >= 1) & (coarse <= 3), np.ones((3, 3, 3)))
    found = []
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        if ((bodies[box] == number) & (coarse[box] == 1)).sum() * np.prod(step) >= _LEAST_ML * 1000:
            found.append(_crop((bodies == number) & (coarse == 1), box, step))
    signs = _lateral_signs(found, step)
    return tuple(_kidney(body, step, sign) for body, sign in zip(found, signs, strict=True))


@dataclass(frozen=True, eq=False)
class _Body:
    """A kidney's voxels on a coarse grid with room around; a kidney that the scan's end cuts goes on beyond it."""

    mask: npt.NDArray[np.bool_]
    start: Vector
    seen: slice
    """The slices that the scan has."""

    def points(self, step: Vector) -> Vector:
        """Positions (n, 3) of the voxels that the scan has."""
        index = np.argwhere(self.mask[self.seen])
        return np.asarray((index + np.array([self.seen.start, 0, 0])) * step + self.start)


def _crop(mask: npt.NDArray[np.bool_], box: tuple[slice, ...], step: Vector) -> _Body:
    room = np.ceil(_ROOM_MM / step).astype(int)
    padded = np.pad(mask, [(room[0],) * 2, (0, 0), (0, 0)], mode="edge")
    padded = np.pad(padded, [(0, 0), (room[1],) * 2, (room[2],) * 2])
    corner = np.array([part.start for part in box])
    inner = tuple(slice(part.start, part.stop + 2 * int(r)) for part, r in zip(box, room, strict=True))
    first = max(0, int(room[0]) - box[0].start)
    return _Body(padded[inner], (corner - room) * step, slice(first, first + min(len(mask), inner[0].stop - first)))


def _lateral_signs(found: list[_Body], step: Vector) -> list[float]:
    """+1 for the patient's left. Of two the middle between them tells, of one alone its sinus, which lies medial."""
    centers = [float(body.points(step)[:, 2].mean()) for body in found]
    largest = sorted(range(len(found)), key=lambda at: -int(found[at].mask.sum()))[:2]
    if len(largest) == 2 and abs(centers[largest[0]] - centers[largest[1]]) > _APART_MM:
        middle = (centers[largest[0]] + centers[largest[1]]) / 2
        return [1.0 if center > middle else -1.0 for center in centers]
    signs = []
    for body in found:
        sinus = np.argwhere((_hull_depth(body.mask, step) > 0) & ~body.mask)
        own = np.argwhere(body.mask)[:, 2].mean()
        signs.append(1.0 if len(sinus) and sinus[:, 2].mean() < own else -1.0)
    return signs


def _kidney(body: _Body, step: Vector, lateral_sign: float) -> Kidney:
    points = body.points(step)
    volume_ml = float(len(points) * np.prod(step)) / 1000
    return Kidney(Frame.of(points, lateral_sign), body.start, step, _hull_depth(body.mask, step), body.mask, volume_ml)


def _hull_depth(mask: npt.NDArray[np.bool_], step: Vector) -> FloatImage:
    """Depth inside the kidney whose sinus is filled (closing by a ball), mm."""
    grown = ndimage.distance_transform_edt(~mask, sampling=step) <= _SINUS_MM
    shrunk = ndimage.distance_transform_edt(grown, sampling=step) - _SINUS_MM
    hull = mask | (shrunk > 0)
    inside = ndimage.distance_transform_edt(hull, sampling=step)
    outside = ndimage.distance_transform_edt(~hull, sampling=step)
    half = float(step[1:].mean()) / 2
    return np.asarray(np.where(hull, inside - half, half - outside), np.float32)

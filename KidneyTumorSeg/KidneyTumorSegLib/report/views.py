"""Which slices a picture shows, cut to the body and turned as radiologists expect.

Axial and coronal: the patient's right on the left of the picture. Sagittal: front on the left. Head on top. Slices are
those of the canonical array; in an oblique scan they are the ones nearest to the anatomical planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..measurements import Measurements
from ..volume import Grid, LabelMap, Volume, canonical

MARGIN_MM = 8.0
"""Shown around the body."""
MAX_HEIGHT_MM = 330.0
"""Of coronal and sagittal views; longer scans are cut around the focus."""
_BODY_HU = -300.0
_BODY_STEP_MM = 3.0
_STRAIGHT = 0.02
"""Direction cosines this near to those of the anatomical axes are not called oblique (about 1 degree)."""


@dataclass(frozen=True, eq=False)
class View:
    """One slice as it is drawn: x to the right, y down, both in mm.

    Attributes:
        name: "Axial", "Coronal" or "Sagittal left".
        image: values [row, column].
        labels: label values, the same shape.
        x_mm: of the columns' centers.
        y_mm: of the rows' centers.
        letters: at the left, right, top and bottom edge.
        position: world coordinate of the slice, as "S = 14 mm".
        cross_mm: (x, y) where the other two slices cross it.
    """

    name: str
    image: npt.NDArray[Any]
    labels: npt.NDArray[np.uint8]
    x_mm: npt.NDArray[np.float64]
    y_mm: npt.NDArray[np.float64]
    letters: tuple[str, str, str, str]
    position: str
    cross_mm: tuple[float, float]

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """Outer edges of the outermost pixels: left, right, bottom, top."""
        half_x, half_y = (abs(a[1] - a[0]) / 2 if a.size > 1 else 0.5 for a in (self.x_mm, self.y_mm))
        return (
            float(self.x_mm[0] - half_x), float(self.x_mm[-1] + half_x),
            float(self.y_mm[-1] + half_y), float(self.y_mm[0] - half_y),
        )  # fmt: skip

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        left, right, bottom, top = self.extent_mm
        return right - left, bottom - top


def is_oblique(grid: Grid) -> bool:
    """Whether the array's axes lie away from the anatomical ones (however they are ordered or flipped)."""
    cosines = np.abs(grid.direction)
    return bool(np.abs(cosines - np.rint(cosines)).max() > _STRAIGHT)


def three_views(volume: Volume, label_map: LabelMap, measurements: Measurements) -> tuple[View, View, View]:
    """Axial, coronal and sagittal view through the largest tumor, else the largest cyst, else the kidneys' middle.

    Args:
        volume: any orientation.
        label_map: on the volume's grid.
        measurements: of the label map.
    """
    ordered, order = canonical(volume)
    labels = order.apply(label_map.labels)
    grid = ordered.grid
    focus_lps, side = _focus(measurements, grid)
    index = np.clip(np.rint(grid.index(focus_lps)).astype(int), 0, np.array(grid.shape) - 1)
    k, j, i = (int(n) for n in index)
    (k0, k1), (j0, j1), (i0, i1) = _shown(ordered, (k, j, i), labels)
    si, sj, sk = grid.spacing
    up, back, left = (np.asarray(n * step) for n, step in (
        (-np.arange(k0, k1)[::-1], sk), (np.arange(j0, j1), sj), (np.arange(i0, i1), si),
    ))  # fmt: skip
    left_pos, back_pos, up_pos = grid.world((k, j, i))
    voxels = ordered.voxels
    return (
        View(
            "Axial", voxels[k, j0:j1, i0:i1], labels[k, j0:j1, i0:i1], left, back,
            ("R", "L", "A", "P"), _position("S", up_pos), (i * si, j * sj),
        ),
        View(
            "Coronal", voxels[k0:k1, j, i0:i1][::-1], labels[k0:k1, j, i0:i1][::-1], left, up,
            ("R", "L", "H", "F"), _position("P", back_pos), (i * si, -k * sk),
        ),
        View(
            f"Sagittal {side}".strip(), voxels[k0:k1, j0:j1, i][::-1], labels[k0:k1, j0:j1, i][::-1], back, up,
            ("A", "P", "H", "F"), _position("L", left_pos), (j * sj, -k * sk),
        ),
    )  # fmt: skip


def _focus(measurements: Measurements, grid: Grid) -> tuple[npt.NDArray[np.float64], str]:
    """World LPS (mm) of what the views go through, and its side."""
    for kind in ("tumor", "cyst"):
        of_kind = [lesion for lesion in measurements.lesions if lesion.kind == kind]
        if of_kind:
            largest = max(of_kind, key=lambda lesion: lesion.volume_ml)
            return np.array(largest.center_lps), largest.side
    if measurements.kidneys:
        middle = np.mean([kidney.center_lps for kidney in measurements.kidneys], axis=0)
        larger = max(measurements.kidneys, key=lambda kidney: kidney.volume_ml)
        return np.array([larger.center_lps[0], middle[1], middle[2]]), larger.side  # sagittal not through the spine
    return grid.world((np.array(grid.shape) - 1) / 2), ""


def _shown(
    volume: Volume, focus: tuple[int, int, int], labels: npt.NDArray[np.uint8]
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Index ranges (k, j, i) that the views show: the body with a margin, and not too much height."""
    k, sizes = focus[0], volume.voxels.shape
    si, sj, sk = volume.spacing
    high = max(1, int(MAX_HEIGHT_MM / sk))
    bottom = int(np.clip(k - high // 2, 0, max(0, sizes[0] - high)))
    body = _body(volume, k) | (labels[k] > 0)
    j_range = _range(body.any(axis=1), round(MARGIN_MM / sj))
    i_range = _range(body.any(axis=0), round(MARGIN_MM / si))
    return (bottom, min(bottom + high, sizes[0])), j_range, i_range


def _body(volume: Volume, k: int) -> npt.NDArray[np.bool_]:
    """The patient in one slice, without table and clothes: the largest body of tissue; all of the slice if not CT."""
    plane = volume.voxels[k]
    if volume.modality != "CT":
        return np.ones(plane.shape, bool)
    step_i, step_j = (max(1, round(_BODY_STEP_MM / spacing)) for spacing in volume.spacing[:2])
    tissue = ndimage.binary_opening(plane[::step_j, ::step_i] > _BODY_HU, iterations=2)
    bodies, count = ndimage.label(tissue)
    if count == 0:
        return np.ones(plane.shape, bool)
    largest = bodies == np.bincount(bodies.ravel())[1:].argmax() + 1
    return np.kron(largest, np.ones((step_j, step_i), bool))[: plane.shape[0], : plane.shape[1]]


def _range(used: npt.NDArray[np.bool_], margin: int) -> tuple[int, int]:
    places = np.flatnonzero(used)
    return max(0, int(places[0]) - margin), min(used.size, int(places[-1]) + 1 + margin)


def _position(axis: str, mm: float) -> str:
    """A world coordinate with its sign: the origin may lie anywhere, so "R 20 mm" would not mean the right side."""
    return f"{axis} = {mm:.0f} mm".replace("-0 mm", "0 mm")

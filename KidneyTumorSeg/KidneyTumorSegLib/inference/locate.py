"""The coarse pass: where the kidneys and their masses are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..progress import Progress
from ..volume import Box, Volume
from .network_pass import NetworkPass
from .prepare import working_size

_PROBABLE = 0.4
"""Below one half: a box that is a little too large costs seconds, one that is too small costs a kidney."""
_SPECK_ML = 4.0
_KIDNEY_ML = 25.0


@dataclass(frozen=True, eq=False)
class Located:
    """Where to look closely.

    Attributes:
        box: on the canonical grid.
        sure: False: no kidney was found, and the box is the whole scan.
        seen: what the locating network took for kidney or mass, bool [slices, height, width] at its own spacing.
        centers: numbers of these slices on the canonical grid.
    """

    box: Box
    sure: bool
    seen: npt.NDArray[np.bool_] | None = None
    centers: tuple[int, ...] = ()

    def seen_in(self, box: Box, volume: Volume) -> npt.NDArray[np.bool_] | None:
        """What was seen, at the voxels of a box (nearest neighbor); None if nothing was looked for or found."""
        if self.seen is None or not self.sure:
            return None
        _, height, width = self.seen.shape
        _, rows, columns = volume.grid.shape
        centers = np.array(self.centers)
        k = np.searchsorted((centers[1:] + centers[:-1]) / 2, np.arange(box.start[0], box.stop[0]))
        j = (np.arange(box.start[1], box.stop[1]) + 0.5) * height / rows
        i = (np.arange(box.start[2], box.stop[2]) + 0.5) * width / columns
        return np.asarray(self.seen[np.ix_(k, j.astype(int), i.astype(int))])


def locate(
    volume: Volume, network: NetworkPass, spacing_mm: float, step_mm: float, margin_mm: float, progress: Progress
) -> Located:
    """Find the box of kidneys and masses in a canonical volume.

    Args:
        volume: canonical.
        network: of the locating model; its first region is kidney+masses.
        spacing_mm: its working spacing in-plane.
        step_mm: about how far apart the looked-at slices are.
        margin_mm: added on every side.
        progress: the caller has begun a stage that counts `slices_to_look_at`.
    """
    si, sj, _ = volume.spacing
    _, height, width = volume.grid.shape
    size = working_size((height, width), (sj, si), spacing_mm)
    centers = slices_to_look_at(volume, step_mm)
    everything = (slice(0, height), slice(0, width))
    probability = network.probabilities(volume, centers, everything, size, progress)[:, 0]
    found = probability > _PROBABLE
    voxel_ml = (
        volume.grid.voxel_volume_ml * (len(volume.voxels) / len(centers)) * (height / size[0]) * (width / size[1])
    )
    kept = _without_specks(found, voxel_ml)
    if kept.sum() * voxel_ml < _KIDNEY_ML:
        return Located(Box.whole(volume.grid), sure=False)
    return Located(_box_of(kept, volume, centers, size, margin_mm), sure=True, seen=kept, centers=tuple(centers))


def slices_to_look_at(volume: Volume, step_mm: float) -> list[int]:
    """Slice numbers about `step_mm` apart, first and last included."""
    count = volume.grid.shape[0]
    step = max(1, round(step_mm / volume.spacing[2]))
    return sorted({*range(0, count, step), count - 1})


def _without_specks(found: npt.NDArray[np.bool_], voxel_ml: float) -> npt.NDArray[np.bool_]:
    bodies, _ = ndimage.label(found, np.ones((3, 3, 3)))
    sizes = np.bincount(bodies.ravel()) * voxel_ml
    keep = sizes >= _SPECK_ML
    keep[0] = False
    return np.asarray(keep[bodies])


def _box_of(
    kept: npt.NDArray[np.bool_], volume: Volume, centers: list[int], size: tuple[int, int], margin_mm: float
) -> Box:
    """The box of what was kept, on the canonical grid, with the margin and half a coarse step around it."""
    inside = [np.flatnonzero(kept.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    first = np.array([centers[inside[0][0]], *(inside[n][0] * volume.grid.shape[n] / size[n - 1] for n in (1, 2))])
    last = np.array(
        [centers[inside[0][-1]], *((inside[n][-1] + 1) * volume.grid.shape[n] / size[n - 1] for n in (1, 2))]
    )
    margin = margin_mm / np.array(volume.spacing[::-1])
    start, stop = np.floor(first - margin).astype(int), np.ceil(last + margin).astype(int) + 1
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])).cut_to(volume.grid)

"""The fine pass: probabilities of the regions inside a box, and the labels on the scan's own grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import CYST, KIDNEY, TUMOR
from ..checks import LesionConfidence
from ..models import ModelContract
from ..progress import Progress
from ..volume import Box, Grid, Volume
from .confidence import lesion_confidences
from .network_pass import NetworkPass
from .prepare import resample_in_plane, working_size

_SLAB = 16  # slices that are brought to full resolution at once: bounds the memory


class FinePass:
    """Probabilities in a box that may grow. A slice is never computed twice for the same rows and columns.

    Args:
        volume: canonical.
        contract: of the model.
        network: that computes.
        step_mm: slices nearer than this are thinned out.
    """

    def __init__(self, volume: Volume, contract: ModelContract, network: NetworkPass, step_mm: float) -> None:
        self._volume = volume
        self._contract = contract
        self._network = network
        self._stride = max(1, int(step_mm / volume.spacing[2] + 1e-6))
        self._window: tuple[slice, slice] | None = None
        self._size = (0, 0)
        self._slices: dict[int, npt.NDArray[np.float16]] = {}

    def slices_in(self, box: Box) -> list[int]:
        """The slice numbers that the network sees in a box: every stride-th of the scan, and the box's two ends."""
        first, behind = box.start[0], box.stop[0]
        return sorted({first, behind - 1, *(k for k in range(first, behind) if k % self._stride == 0)})

    def missing_in(self, box: Box) -> list[int]:
        """Those of them that were not computed yet."""
        known = self._slices if self._window == box.slices[1:] else {}
        return [k for k in self.slices_in(box) if k not in known]

    def run(self, box: Box, progress: Progress) -> None:
        """Compute what the box lacks; progress advances by one a slice."""
        missing = self.missing_in(box)
        window = box.slices[1:]
        if window != self._window:
            si, sj, _ = self._volume.spacing
            self._window = window
            self._size = working_size((box.shape[1], box.shape[2]), (sj, si), self._contract.input.spacing_mm)
            self._slices.clear()
        answers = self._network.probabilities(self._volume, missing, window, self._size, progress)
        self._slices.update(zip(missing, answers, strict=True))

    def smooth(self, box: Box) -> None:
        """Smooth the probabilities across slices as the contract wants it: once, when the box grows no more."""
        sigma = self._contract.decision.smooth_mm / (self._volume.spacing[2] * self._stride)
        if sigma == 0:
            return
        known = self.slices_in(box)
        probabilities = np.stack([self._slices[k] for k in known]).astype(np.float32)
        smoothed = ndimage.gaussian_filter1d(probabilities, sigma, axis=0, mode="nearest", truncate=3.0)
        self._slices.update(zip(known, smoothed.astype(np.float16), strict=True))

    def touched_walls(self, box: Box) -> tuple[tuple[bool, bool], ...]:
        """For each axis (k, j, i): does kidney or mass touch the box's first and last wall, where the scan goes on?"""
        threshold = self._contract.decision.thresholds[self._contract.regions[0]]
        inside = np.stack([self._slices[k][0] for k in self.slices_in(box)]) > threshold
        walls = []
        for axis in range(3):
            first, last = np.take(inside, 0, axis).any(), np.take(inside, -1, axis).any()
            goes_on = (box.start[axis] > 0, box.stop[axis] < self._volume.grid.shape[axis])
            walls.append((bool(first and goes_on[0]), bool(last and goes_on[1])))
        return tuple(walls)

    def labels(self, box: Box, progress: Progress) -> npt.NDArray[np.uint8]:
        """Decide at full resolution, slab by slab: labels [k, j, i] of the box.

        Probabilities are brought to the scan's voxels linearly and then compared with the thresholds; what lies
        outside an outer region is never in an inner one. Progress advances by one a slab.
        """
        out = np.zeros(box.shape, np.uint8)
        for start in range(box.start[0], box.stop[0], _SLAB):
            stop = min(start + _SLAB, box.stop[0])
            out[start - box.start[0] : stop - box.start[0]] = self._slab(box, start, stop)
            progress.advance()
        return out

    def confidences(self, box: Box, labels: npt.NDArray[np.uint8]) -> tuple[LesionConfidence, ...]:
        """How sure the network is of each lesion in these labels of the box."""
        seen = {k - box.start[0]: self._slices[k] for k in self.slices_in(box)}
        affine = self._volume.affine.copy()
        affine[:3, 3] = self._volume.grid.world(box.start)
        return tuple(lesion_confidences(labels, Grid(box.shape, affine), seen, self._contract.regions))

    @staticmethod
    def slabs_in(box: Box) -> int:
        """How many slabs `labels` will work on."""
        return -(-box.shape[0] // _SLAB)

    def _slab(self, box: Box, start: int, stop: int) -> npt.NDArray[np.uint8]:
        import torch

        known = np.array(self.slices_in(box))
        wanted = np.arange(start, stop)
        above = np.clip(np.searchsorted(known, wanted), 0, len(known) - 1)
        below = np.clip(np.where(known[above] == wanted, above, above - 1), 0, len(known) - 1)
        gap = np.maximum(known[above] - known[below], 1)
        share = ((wanted - known[below]) / gap).astype(np.float32)[:, None, None]
        inside: list[npt.NDArray[np.bool_]] = []
        for column, region in enumerate(self._contract.regions):
            low = np.stack([self._slices[known[n]][column] for n in below]).astype(np.float32)
            high = np.stack([self._slices[known[n]][column] for n in above]).astype(np.float32)
            full = resample_in_plane(torch.from_numpy(low + (high - low) * share), (box.shape[1], box.shape[2]))
            inside.append(full.numpy() > self._contract.decision.thresholds[region])
        return _labels_of(dict(zip(self._contract.regions, inside, strict=True)))


def _labels_of(inside: dict[str, npt.NDArray[np.bool_]]) -> npt.NDArray[np.uint8]:
    """Nested regions to labels: kidney where no mass is, cyst where the mass is no tumor."""
    kidney_and_masses = inside["kidney_and_masses"]
    nothing = np.zeros_like(kidney_and_masses)
    masses = inside.get("masses", nothing) & kidney_and_masses
    tumor = inside.get("tumor", nothing) & masses
    labels = np.where(kidney_and_masses, np.uint8(KIDNEY.value), np.uint8(0))
    labels[masses] = CYST.value
    labels[tumor] = TUMOR.value
    return labels

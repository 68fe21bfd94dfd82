"""A scan to learn from: canonical, and at the model's in-plane spacing."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..inference.prepare import resample_in_plane, working_size
from ..volume import canonical
from .sources import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Case:
    """One source, ready to draw samples from.

    Attributes:
        name, patient, kind, known, floor_hu, ceiling_hu: as in `Source`.
        hu: int16 [k, j, i], canonical order, in-plane at the working spacing.
        labels: uint8, same shape.
        slice_spacing_mm: between slices.
        spacing_mm: in-plane, rows and columns.
    """

    name: str
    patient: str
    kind: str
    known: frozenset[str]
    floor_hu: float
    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    slice_spacing_mm: float
    spacing_mm: float
    ceiling_hu: float = math.inf


def prepare(source: Source, spacing_mm: float) -> Case:
    """Turn a source canonical and bring it to the working spacing in-plane.

    Args:
        source: as delivered.
        spacing_mm: in-plane working spacing.
    """
    import torch

    upright, order = canonical(source.volume)
    si, sj, sk = upright.spacing
    _, height, width = upright.grid.shape
    size = working_size((height, width), (sj, si), spacing_mm)
    hu = resample_in_plane(torch.from_numpy(upright.voxels.astype(np.float32)), size).round().numpy().astype(np.int16)
    labels = _resample_labels(order.apply(source.truth.labels), size)
    logger.info("%s: %d slices of %dx%d, %s", source.name, hu.shape[0], *size, source.kind)
    return Case(
        source.name,
        source.patient,
        source.kind,
        source.known,
        source.floor_hu,
        hu,
        labels,
        sk,
        spacing_mm,
        source.ceiling_hu,
    )


def _resample_labels(labels: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Each label is resampled as an image, and the strongest wins: edges stay smooth and in place."""
    import torch

    best = torch.zeros(labels.shape[0], *size)
    winner = torch.zeros(labels.shape[0], *size, dtype=torch.uint8)
    for value in np.unique(labels):
        share = resample_in_plane(torch.from_numpy((labels == value).astype(np.float32)), size)
        better = share > best
        best[better], winner[better] = share[better], int(value)
    return winner.numpy()

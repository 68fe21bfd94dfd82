"""Small label maps with known answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from KidneyTumorSegLib.volume import Grid, LabelMap


def _label_map(labels: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> LabelMap:
    k, j, i = labels.shape
    return LabelMap(labels.astype(np.uint8), Grid((k, j, i), np.diag([*spacing, 1.0])))


@pytest.fixture(scope="session")
def label_map() -> Callable[..., LabelMap]:
    """Labels [k, j, i] as a label map; spacing along (i, j, k), default 1 mm."""
    return _label_map


def _kidney_with(*bodies: tuple[int, tuple[int, int, int], int], side: int = 40) -> np.ndarray:
    """A cube of kidney, and cubes of lesions in it: (label value, first corner, edge)."""
    labels = np.zeros((side, side, side), np.uint8)
    labels[2:-2, 2:-2, 2:-2] = 1
    for value, (k, j, i), edge in bodies:
        labels[k : k + edge, j : j + edge, i : i + edge] = value
    return labels


@pytest.fixture(scope="session")
def kidney_with() -> Callable[..., np.ndarray]:
    """Labels of a cube of kidney with cubes of lesions: each (value, corner, edge in voxels)."""
    return _kidney_with

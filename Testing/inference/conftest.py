"""A small model with random weights, and a volume that no turn leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from KidneyTumorSegLib.models import ModelFolder, read_folder
from KidneyTumorSegLib.volume import Volume


@pytest.fixture(scope="session")
def random_model(write_random_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """Three regions, no locator: the whole scan is searched."""
    return read_folder(write_random_model(tmp_path_factory.mktemp("models") / "random", sharpen=60))


@pytest.fixture
def textured_volume() -> Volume:
    """No axis of it looks like another, and nothing in it is symmetric."""
    random = np.random.default_rng(3)
    coarse = random.normal(60, 120, (6, 7, 8))
    voxels = np.kron(coarse, np.ones((3, 9, 11))).astype(np.int16)
    affine = np.diag([1.9, 2.1, 3.0, 1.0])
    affine[:3, 3] = (-50, -70, 30)
    return Volume.of(voxels, affine)

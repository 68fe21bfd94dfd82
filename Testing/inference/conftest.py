"""A small model with random weights: its answer means nothing, but it is the same wherever the same voxels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from KidneyTumorSegLib.models import ModelFolder, read_folder
from KidneyTumorSegLib.models.contract import (
    Architecture,
    Cleanup,
    Decision,
    InputContract,
    Locate,
    ModelContract,
    TrainingRecord,
)
from KidneyTumorSegLib.models.folder import write_folder
from KidneyTumorSegLib.networks import build
from KidneyTumorSegLib.volume import Volume

REGIONS = ("kidney_and_masses", "masses", "tumor")


def contract(name: str, task: str, channels: int, spacing_mm: float, locate: Locate | None) -> ModelContract:
    regions = REGIONS[:channels]
    return ModelContract(
        name=name,
        version="1",
        task=task,
        modality="CT",
        title="for tests",
        architecture=Architecture("unet_mobilenet", {"slices": 3, "channels": channels}),
        input=InputContract(spacing_mm, 1.0, 3, 3.0, (-120.0, 260.0), 32),
        regions=regions,
        decision=Decision(dict.fromkeys(regions, 0.5), Cleanup(0, 0, 0, 0, 1000)),
        locate=locate,
        weights=None,
        training=TrainingRecord((), "none", "2026-01-01", 0, 1, "from scratch", "0"),
        scores=(),
        limits=(),
        license="none",
    )


def write_random_model(path: Path, task: str, channels: int, spacing_mm: float, locate: Locate | None) -> ModelFolder:
    torch.manual_seed(5)
    network = build("unet_mobilenet", {"slices": 3, "channels": channels})
    state = {n: v.contiguous() for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    # Without training the logits are all alike; a wider last layer makes the answer a patchwork.
    state["segmentation_head.0.weight"] *= 60
    return read_folder(write_folder(path, contract(path.name, task, channels, spacing_mm, locate), state))


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """Three regions, no locator: the whole scan is searched."""
    return write_random_model(tmp_path_factory.mktemp("models") / "random", "segment", 3, 5.0, None)


@pytest.fixture
def textured_volume() -> Volume:
    """No axis of it looks like another, and nothing in it is symmetric."""
    random = np.random.default_rng(3)
    coarse = random.normal(60, 120, (6, 7, 8))
    voxels = np.kron(coarse, np.ones((3, 9, 11))).astype(np.int16)
    affine = np.diag([1.9, 2.1, 3.0, 1.0])
    affine[:3, 3] = (-50, -70, 30)
    return Volume.of(voxels, affine)

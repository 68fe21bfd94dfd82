"""What all tests share: the library on the path, as in Slicer, where the module's folder is on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "KidneyTumorSeg"))

# Nobody looks at a test's window, and a machine that runs tests may have no screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "Agg")

# Where tests run side by side, one thread each: more would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Times vary on a busy machine: an example is wrong when it is wrong, not when it is slow. The same examples every
# time: a red test can be repeated by anyone.
hypothesis.settings.register_profile("product", deadline=None, derandomize=True)
hypothesis.settings.load_profile("product")


def _write_random_model(
    path: Path, *, slices: int = 3, channels: int = 3, sharpen: float = 1.0, **changes: Any
) -> Path:
    import torch

    from KidneyTumorSegLib.anatomy import REGIONS
    from KidneyTumorSegLib.models import contract as parts
    from KidneyTumorSegLib.models.folder import write_folder
    from KidneyTumorSegLib.networks import build

    arguments = {"slices": slices, "channels": channels}
    regions = tuple(region.id for region in REGIONS[:channels])
    torch.manual_seed(5)
    network = build("unet_mobilenet", arguments)
    state = {n: v.contiguous() for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    # Without training the logits are all alike; a wider last layer makes the answer a patchwork.
    state["segmentation_head.0.weight"] *= sharpen
    contract = parts.ModelContract(
        name=path.name,
        version="1.2",
        task="segment",
        modality="CT",
        title="A tiny model for tests",
        architecture=parts.Architecture("unet_mobilenet", arguments),
        input=parts.InputContract(5.0, 1.0, slices, 3.0, (-120.0, 260.0), 32),
        regions=regions,
        decision=parts.Decision(dict.fromkeys(regions, 0.5), parts.Cleanup(0, 0, 0, 0, 0, 0, 1000)),
        locate=None,
        weights=None,
        training=parts.TrainingRecord(
            (parts.DataSource("Data of A", "CC BY 4.0", 12),), "r", "2026-01-01", 0, 1, "from scratch", "0"
        ),
        scores=(parts.Score("kidney Dice", "two held-out scans", 2, 0.91, 0.9, 0.92),),
        limits=("It has learned nothing.",),
        license="CC0",
    )
    return write_folder(path, replace(contract, **changes), state)


@pytest.fixture(scope="session")
def write_random_model() -> Callable[..., Path]:
    """Writes a small model with random weights: its answer means nothing, but is the same wherever the voxels are.

    Arguments: the folder; `slices`, `channels`, `sharpen` (widens the last layer), and fields of `ModelContract`.
    """
    return _write_random_model

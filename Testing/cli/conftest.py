"""A small scan and a small model with random weights: their answer means nothing, but all parts are real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from KidneyTumorSegLib.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs a command in this process, through the same door as the shell."""

    def run(*words: object) -> Answer:
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


def start(*words: object, **options: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "KidneyTumorSegLib.cli", *[str(word) for word in words]],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "KidneyTumorSeg")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        **options,
    )


@pytest.fixture
def started() -> Callable[..., subprocess.Popen[str]]:
    """Starts a command in a process of its own."""
    return start


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: three regions at 5 mm, no locator, random weights."""
    import torch

    from KidneyTumorSegLib.models.contract import (
        Architecture,
        Cleanup,
        DataSource,
        Decision,
        InputContract,
        ModelContract,
        Score,
        TrainingRecord,
    )
    from KidneyTumorSegLib.models.folder import write_folder
    from KidneyTumorSegLib.networks import build

    regions = ("kidney_and_masses", "masses", "tumor")
    arguments = {"slices": 3, "channels": len(regions)}
    torch.manual_seed(5)
    state = {
        name: value.contiguous()
        for name, value in build("unet_mobilenet", arguments).state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    contract = ModelContract(
        name="tiny",
        version="1.2",
        task="segment",
        modality="CT",
        title="A tiny model for tests",
        architecture=Architecture("unet_mobilenet", arguments),
        input=InputContract(5.0, 1.0, 3, 3.0, (-120.0, 260.0), 32),
        regions=regions,
        decision=Decision(dict.fromkeys(regions, 0.5), Cleanup(0, 0, 0)),
        locate=None,
        weights=None,
        training=TrainingRecord((DataSource("Data of A", "CC BY 4.0", 12),), "r", "2026-01-01", 0, 1, "scratch", "0"),
        scores=(Score("kidney Dice", "two held-out scans", 2, 0.91, 0.9, 0.92),),
        limits=("It has learned nothing.",),
        license="CC0",
    )
    return write_folder(tmp_path_factory.mktemp("models") / "tiny", contract, state)


@pytest.fixture(scope="session")
def scan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coarse CT of the standard phantom."""
    from KidneyTumorSegLib.export import write_volume
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    volume, _ = standard_phantom().scan(phantom_grid((5.0, 5.0, 8.0)))
    return write_volume(tmp_path_factory.mktemp("scan") / "scan.nii.gz", volume)

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
def tiny_model(write_random_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: three regions at 5 mm, no locator, random weights."""
    return write_random_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def scan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coarse CT of the standard phantom."""
    from KidneyTumorSegLib.export import write_volume
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    volume, _ = standard_phantom().scan(phantom_grid((5.0, 5.0, 8.0)))
    return write_volume(tmp_path_factory.mktemp("scan") / "scan.nii.gz", volume)

"""What the tests of the scene share: real MRML from `slicer-core`, and a coarse phantom."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "standins"))


@pytest.fixture
def scene():
    """An empty MRML scene with Slicer's logics behind it."""
    pytest.importorskip("slicer", reason="slicer-core is not installed: it comes with the extra 'test'.")
    from slicer_scene import the_slicer

    return the_slicer().scene


@pytest.fixture
def two(scene):
    """The module with the patient of boxes; it needs the scene."""
    import two_kidneys

    return two_kidneys


@pytest.fixture(scope="session")
def scan():
    """A coarse scan of the standard phantom and its true labels."""
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    return standard_phantom().scan(phantom_grid((4, 4, 6)))

"""Data folders as a user would have them, filled with synthetic abdomens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from KidneyTumorSegLib.export import write_segmentation, write_volume
from KidneyTumorSegLib.volume import LabelMap, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, random_phantom


def _write_abdomen(folder: Path, name: str, seed: int) -> tuple[Volume, LabelMap]:
    volume, truth = random_phantom(np.random.default_rng(seed)).scan(phantom_grid((4.0, 4.0, 8.0)))
    (folder / "ct").mkdir(exist_ok=True)
    write_volume(folder / "ct" / f"{name}_ct.nii.gz", volume)
    write_segmentation(folder / "ct" / f"{name}_seg.nii.gz", truth)
    return volume, truth


@pytest.fixture(scope="session")
def write_abdomen() -> Callable[[Path, str, int], tuple[Volume, LabelMap]]:
    """Writes `ct/NAME_ct.nii.gz` and `ct/NAME_seg.nii.gz` of a random phantom into a folder."""
    return _write_abdomen

"""A phantom that is quick to scan."""

from __future__ import annotations

import pytest

from KidneyTumorSegLib.volume import LabelMap, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom


@pytest.fixture(scope="session")
def scan() -> tuple[Volume, LabelMap]:
    """The standard phantom with noise, 4 x 4 x 5 mm."""
    return standard_phantom().scan(phantom_grid((4.0, 4.0, 5.0)))

"""Synthetic abdomens as a data set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...volume.phantom import phantom_grid, random_phantom
from .source import AIR_HU, REGION_IDS, Source


def phantom_sources(count: int, seed: int) -> Iterator[Source]:
    """Synthetic abdomens, so that the self-test on a phantom means something; never counted as patients."""
    for number in range(count):
        random = np.random.default_rng((seed, number))
        grid = phantom_grid((1.6, 1.6, 5.0), (352.0, 256.0, 200.0))
        volume, truth = random_phantom(random).scan(grid, float(random.uniform(4, 22)), seed=number)
        name = f"phantom{number}"
        yield Source(name, name, "phantom", volume, truth, REGION_IDS, AIR_HU)

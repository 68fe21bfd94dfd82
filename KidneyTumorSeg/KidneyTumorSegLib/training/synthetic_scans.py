"""Scans with synthetic lesions of known place, to measure what a model finds by size: real ones are too few for that.

They stand on scans without lesions that the model was not shown, on their own grids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..anatomy import LESIONS
from ..volume import LabelMap, Volume, canonical
from .case import prepare
from .sources import Source
from .synthesis import ShapeBank, add_lesions


def synthetic_scans(sources: Sequence[Source], bank: ShapeBank, count: int, seed: int = 0) -> Iterator[Source]:
    """Scans with lesions, the sources in turn.

    Args:
        sources: whole scans; those with lesions of their own are passed over.
        bank: shapes that the model did not learn from.
        count: how many scans.
        seed: of the lesions.

    Returns:
        One scan after the other, each a patient of its own; none where no source is free of lesions.
    """
    lesions = [lesion.value for lesion in LESIONS]
    free = [source for source in sources if not np.isin(source.truth.labels, lesions).any()]
    for number in range(count if free else 0):
        source = free[number % len(free)]
        upright, _ = canonical(source.volume)
        case, made = add_lesions(prepare(source, upright.spacing[0]), np.random.default_rng((seed, number)), bank)
        if not made or case.hu.shape != upright.grid.shape:  # pixels that are not square were brought to squares
            continue
        volume = Volume.of(case.hu, upright.grid.affine, source=source.name)
        name = f"{source.name}+{number}"
        yield replace(
            source, name=name, patient=name, kind="synthetic", volume=volume, truth=LabelMap(case.labels, volume.grid)
        )

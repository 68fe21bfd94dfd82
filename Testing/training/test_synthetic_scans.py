"""Scans with lesions of known place, to measure a model with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from KidneyTumorSegLib.training.sources import REGION_IDS, Source
from KidneyTumorSegLib.training.synthesis import ShapeBank
from KidneyTumorSegLib.training.synthetic_scans import synthetic_scans
from KidneyTumorSegLib.volume import LabelMap, Volume, canonical
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom


@pytest.fixture(scope="module")
def healthy() -> Source:
    """A phantom whose lesions count as kidney, stored from the head down."""
    volume, truth = standard_phantom().scan(phantom_grid((2.0, 2.0, 5.0)), 8.0, seed=2)
    flip = np.diag([1.0, 1.0, -1.0, 1.0])
    flip[2, 3] = len(volume.voxels) - 1
    stored = Volume.of(volume.voxels[::-1].copy(), volume.grid.affine @ flip, source="own")
    labels = (truth.labels[::-1] > 0).astype(np.uint8)
    return Source("own", "own", "abdomen", stored, LabelMap(labels, stored.grid), REGION_IDS, -1024.0)


def test_lesions_stand_where_the_labels_say_and_the_rest_of_the_scan_is_the_same(healthy: Source) -> None:
    scans = list(synthetic_scans([healthy], ShapeBank.procedural(), 3))
    assert [scan.name for scan in scans] == [f"own+{n}" for n in range(len(scans))]
    upright, order = canonical(healthy.volume)
    for scan in scans:
        assert scan.volume.grid.same_as(upright.grid)
        lesion = np.isin(scan.truth.labels, (2, 3))
        assert lesion.any()
        before = order.apply(healthy.truth.labels)
        assert not (lesion & (before == 0)).all()  # it grows on a kidney
        changed = scan.volume.voxels != upright.voxels
        assert changed[lesion].mean() > 0.9
        assert changed.mean() < 0.5


def test_the_same_seed_gives_the_same_scans(healthy: Source) -> None:
    first, second = (next(synthetic_scans([healthy], ShapeBank.procedural(), 1, seed=4)) for _ in range(2))
    assert np.array_equal(first.volume.voxels, second.volume.voxels)


def test_scans_with_lesions_of_their_own_are_passed_over(healthy: Source) -> None:
    labels = healthy.truth.labels.copy()
    labels[labels.shape[0] // 2] = np.where(labels[labels.shape[0] // 2] > 0, 2, 0)
    ill = replace(healthy, truth=LabelMap(labels, healthy.volume.grid))
    assert list(synthetic_scans([ill], ShapeBank.procedural(), 2)) == []

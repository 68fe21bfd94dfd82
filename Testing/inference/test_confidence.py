"""A lesion's confidence is the network's own mean probability over it, at its place in the world."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from KidneyTumorSegLib.inference import segment
from KidneyTumorSegLib.inference.confidence import lesion_confidences
from KidneyTumorSegLib.models import ModelFolder
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Grid, Volume

REGIONS = ("kidney_and_masses", "masses", "tumor")


def test_the_mean_is_over_the_lesion_alone_and_a_cyst_is_a_mass_that_is_no_tumor() -> None:
    labels = np.ones((4, 12, 12), np.uint8)
    labels[1:3, 2:6, 2:6] = 2
    labels[1:3, 8:10, 8:10] = 3
    probabilities = np.zeros((3, 6, 6), np.float16)  # half the resolution
    probabilities[1:, 1:3, 1:3] = [[[0.9]], [[0.75]]]
    probabilities[1:, 4, 4] = 0.8, 0.25
    affine = np.diag([2.0, 3.0, 5.0, 1.0])
    affine[:3, 3] = (-10, 20, 30)
    grid = Grid((4, 12, 12), affine)
    tumor, cyst = lesion_confidences(labels, grid, {1: probabilities}, REGIONS)
    assert (tumor.kind, cyst.kind) == ("tumor", "cyst")
    assert tumor.probability == pytest.approx(0.75)
    assert cyst.probability == pytest.approx(0.8 * 0.75, abs=1e-3)
    k, j, i = np.rint(grid.index(cyst.lps)).astype(int)
    assert labels[k, j, i] == 3


def test_a_lesion_that_no_network_slice_goes_through_has_none() -> None:
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[2, 2:4, 2:4] = 2
    slices = {0: np.ones((3, 8, 8), np.float16), 3: np.ones((3, 8, 8), np.float16)}
    assert not list(lesion_confidences(labels, Grid((4, 8, 8), np.eye(4)), slices, REGIONS))


def test_a_run_tells_it_of_every_lesion_that_is_no_speck(random_model: ModelFolder, textured_volume: Volume) -> None:
    done = segment(textured_volume, random_model, Settings(device="cpu"), Progress())
    labels, grid = done.label_map.labels, done.label_map.grid
    told = {it.kind: [] for it in done.confidences}
    for it in done.confidences:
        assert 0 < it.probability <= 1
        told[it.kind].append(np.rint(grid.index(it.lps)).astype(int))
    for kind, value in (("tumor", 2), ("cyst", 3)):
        bodies, count = ndimage.label(labels == value, np.ones((3, 3, 3)))
        numbers = [int(bodies[tuple(place)]) for place in told[kind]]
        assert 0 not in numbers
        assert len(set(numbers)) == len(numbers)
        large = {n for n in range(1, count + 1) if np.count_nonzero(bodies == n) >= 30}
        assert large
        assert large <= set(numbers)

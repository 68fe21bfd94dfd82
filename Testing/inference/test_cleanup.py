"""What cannot be true in 3D goes; what may be true stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from KidneyTumorSegLib.inference.cleanup import Labels, clean_up
from KidneyTumorSegLib.models.contract import Cleanup

RULES = Cleanup(
    located_min_share=0.3,
    kidney_min_ml=10.0,
    parenchyma_min_ml=1.0,
    minority_share=0.25,
    tumor_min_ml=0.1,
    cyst_min_ml=0.05,
    kidneys_max=2,
)
VOXEL_ML = 0.01


def labels_with(*bodies: tuple[tuple[slice, slice, slice], int]) -> np.ndarray:
    labels = np.zeros((40, 60, 60), np.uint8)
    for where, value in bodies:
        labels[where] = value
    return labels


BIG = (slice(5, 35), slice(5, 15), slice(5, 15))
BIG2 = (slice(5, 35), slice(5, 15), slice(40, 50))
THIRD = (slice(5, 35), slice(40, 48), slice(20, 28))


def test_a_kidney_with_its_masses_is_left_alone() -> None:
    labels = labels_with((BIG, 1), ((slice(10, 16), slice(5, 12), slice(5, 12)), 2))
    cleaned, notes = clean_up(labels, VOXEL_ML, RULES)
    assert np.array_equal(cleaned, labels)
    assert notes == ()


def test_a_mass_without_a_kidney_goes_and_is_said() -> None:
    labels = labels_with((BIG, 1), (BIG2, 2))
    cleaned, notes = clean_up(labels, VOXEL_ML, RULES)
    assert (cleaned[BIG] == 1).all()
    assert (cleaned[BIG2] == 0).all()
    assert "30 mL" in notes[0]


def test_a_third_body_goes_when_two_are_allowed_and_a_single_kidney_stays() -> None:
    cleaned, notes = clean_up(labels_with((BIG, 1), (BIG2, 1), (THIRD, 1)), VOXEL_ML, RULES)
    assert (cleaned[THIRD] == 0).all()
    assert len(notes) == 1
    alone, _ = clean_up(labels_with((BIG, 1)), VOXEL_ML, RULES)
    assert (alone[BIG] == 1).all()


def test_lesion_specks_become_kidney_and_kidney_specks_go() -> None:
    labels = labels_with(
        (BIG, 1), ((slice(8, 9), slice(8, 9), slice(8, 10)), 2), ((slice(0, 2), slice(55, 57), slice(55, 57)), 1)
    )
    cleaned, notes = clean_up(labels, VOXEL_ML, RULES)
    assert (cleaned[BIG] == 1).all()
    assert np.count_nonzero(cleaned) == 3000
    assert notes == ()


def test_nothing_stays_nothing() -> None:
    cleaned, notes = clean_up(labels_with(), VOXEL_ML, RULES)
    assert not cleaned.any()
    assert notes == ()


def test_the_input_is_not_changed() -> None:
    labels = labels_with((BIG2, 2))
    before = labels.copy()
    clean_up(labels, VOXEL_ML, RULES)
    assert np.array_equal(labels, before)


def test_a_body_that_the_locating_network_hardly_saw_goes() -> None:
    labels = labels_with((BIG, 1), (BIG2, 1))
    seen = np.zeros(labels.shape, bool)
    seen[BIG] = True
    seen[5:10, 5:15, 40:50] = True  # a sixth of the second body
    cleaned, notes = clean_up(labels, VOXEL_ML, RULES, seen)
    assert (cleaned[BIG] == 1).all()
    assert (cleaned[BIG2] == 0).all()
    assert "30 mL" in notes[0]
    everywhere, _ = clean_up(labels, VOXEL_ML, RULES, np.ones(labels.shape, bool))
    assert np.array_equal(everywhere, labels)


def test_a_thin_rim_of_cyst_around_a_tumor_is_tumor_and_a_cyst_beside_it_stays() -> None:
    ball, core = (slice(10, 20), slice(6, 12), slice(6, 12)), (slice(11, 20), slice(6, 12), slice(6, 12))
    rim, _ = clean_up(labels_with((BIG, 1), (ball, 3), (core, 2)), VOXEL_ML, RULES)
    assert (rim[ball] == 2).all()
    half = (slice(15, 20), slice(6, 12), slice(6, 12))
    labels = labels_with((BIG, 1), (ball, 3), (half, 2))
    beside, _ = clean_up(labels, VOXEL_ML, RULES)
    assert np.array_equal(beside, labels)


SPACING_KJI_MM = (2.0, 1.0, 1.0)
FLUID = replace(RULES, tumor_min_ml=0.0, cyst_min_ml=0.0, fluid_max_hu=20.0, fluid_max_uneven_hu=15.0)


def _called_tumor(mean_hu: float, uneven_hu: float, noise_hu: float = 12.0) -> tuple[Labels, npt.NDArray[np.int16]]:
    """A kidney with a ball on it that the network called a tumor, and its HU."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in (24, 60, 60)), indexing="ij")
    labels = np.where((k - 12) ** 2 * 4 + (j - 30) ** 2 + (i - 22) ** 2 < 20**2, np.uint8(1), np.uint8(0))
    ball = (k - 12) ** 2 * 4 + (j - 30) ** 2 + (i - 44) ** 2 < 11**2
    labels[ball] = 2
    random = np.random.default_rng(3)
    halves = np.where(j < 30, -uneven_hu, uneven_hu)
    hu = np.where(ball, mean_hu + halves, 150.0) + random.normal(0.0, noise_hu, labels.shape)
    return labels, np.rint(hu).astype(np.int16)


@pytest.mark.parametrize("mean_hu", [0.0, 12.0])
def test_a_tumor_as_dark_and_even_as_fluid_becomes_a_cyst(mean_hu: float) -> None:
    labels, hu = _called_tumor(mean_hu, 0.0)
    cleaned, _ = clean_up(labels, 0.002, FLUID, scan=(hu, SPACING_KJI_MM))
    assert np.array_equal(cleaned, np.where(labels == 2, 3, labels))


@pytest.mark.parametrize(
    ("mean_hu", "uneven_hu"),
    [(60.0, 0.0), (10.0, 40.0), (-60.0, 0.0)],
    ids=["solid", "fluid and solid parts", "fat"],
)
def test_a_tumor_that_is_no_fluid_stays_a_tumor(mean_hu: float, uneven_hu: float) -> None:
    labels, hu = _called_tumor(mean_hu, uneven_hu)
    cleaned, _ = clean_up(labels, 0.002, FLUID, scan=(hu, SPACING_KJI_MM))
    assert np.array_equal(cleaned, labels)


def test_a_model_without_the_rule_leaves_fluid_alone() -> None:
    labels, hu = _called_tumor(5.0, 0.0)
    cleaned, _ = clean_up(labels, 0.002, replace(FLUID, fluid_max_hu=0.0), scan=(hu, SPACING_KJI_MM))
    assert np.array_equal(cleaned, labels)

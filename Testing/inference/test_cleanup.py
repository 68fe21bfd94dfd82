"""What cannot be true in 3D goes; what may be true stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from KidneyTumorSegLib.inference.cleanup import Labels, clean_up
from KidneyTumorSegLib.measurements.diameter import longest_axial_diameter_mm
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
SPACING = (2.5, 2.0, 2.0)  # 0.01 mL a voxel


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
    cleaned, notes = clean_up(labels, SPACING, RULES)
    assert np.array_equal(cleaned, labels)
    assert notes == ()


def test_a_mass_without_a_kidney_goes_and_is_said() -> None:
    labels = labels_with((BIG, 1), (BIG2, 2))
    cleaned, notes = clean_up(labels, SPACING, RULES)
    assert (cleaned[BIG] == 1).all()
    assert (cleaned[BIG2] == 0).all()
    assert "30 mL" in notes[0]


def test_a_third_body_goes_when_two_are_allowed_and_a_single_kidney_stays() -> None:
    cleaned, notes = clean_up(labels_with((BIG, 1), (BIG2, 1), (THIRD, 1)), SPACING, RULES)
    assert (cleaned[THIRD] == 0).all()
    assert len(notes) == 1
    alone, _ = clean_up(labels_with((BIG, 1)), SPACING, RULES)
    assert (alone[BIG] == 1).all()


def test_lesion_specks_become_kidney_and_kidney_specks_go() -> None:
    labels = labels_with(
        (BIG, 1), ((slice(8, 9), slice(8, 9), slice(8, 10)), 2), ((slice(0, 2), slice(55, 57), slice(55, 57)), 1)
    )
    cleaned, notes = clean_up(labels, SPACING, RULES)
    assert (cleaned[BIG] == 1).all()
    assert np.count_nonzero(cleaned) == 3000
    assert notes == ()


def test_nothing_stays_nothing() -> None:
    cleaned, notes = clean_up(labels_with(), SPACING, RULES)
    assert not cleaned.any()
    assert notes == ()


def test_the_input_is_not_changed() -> None:
    labels = labels_with((BIG2, 2))
    before = labels.copy()
    clean_up(labels, SPACING, RULES)
    assert np.array_equal(labels, before)


def test_a_body_that_the_locating_network_hardly_saw_goes() -> None:
    labels = labels_with((BIG, 1), (BIG2, 1))
    seen = np.zeros(labels.shape, bool)
    seen[BIG] = True
    seen[5:10, 5:15, 40:50] = True  # a sixth of the second body
    cleaned, notes = clean_up(labels, SPACING, RULES, seen)
    assert (cleaned[BIG] == 1).all()
    assert (cleaned[BIG2] == 0).all()
    assert "30 mL" in notes[0]
    everywhere, _ = clean_up(labels, SPACING, RULES, np.ones(labels.shape, bool))
    assert np.array_equal(everywhere, labels)


def test_a_thin_rim_of_cyst_around_a_tumor_is_tumor_and_a_cyst_beside_it_stays() -> None:
    ball, core = (slice(10, 20), slice(6, 12), slice(6, 12)), (slice(11, 20), slice(6, 12), slice(6, 12))
    rim, _ = clean_up(labels_with((BIG, 1), (ball, 3), (core, 2)), SPACING, RULES)
    assert (rim[ball] == 2).all()
    half = (slice(15, 20), slice(6, 12), slice(6, 12))
    labels = labels_with((BIG, 1), (ball, 3), (half, 2))
    beside, _ = clean_up(labels, SPACING, RULES)
    assert np.array_equal(beside, labels)


FINE = (2.0, 1.0, 1.0)
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
    cleaned, _ = clean_up(labels, FINE, FLUID, hu=hu)
    assert np.array_equal(cleaned, np.where(labels == 2, 3, labels))


@pytest.mark.parametrize(
    ("mean_hu", "uneven_hu"),
    [(60.0, 0.0), (10.0, 40.0), (-60.0, 0.0)],
    ids=["solid", "fluid and solid parts", "fat"],
)
def test_a_tumor_that_is_no_fluid_stays_a_tumor(mean_hu: float, uneven_hu: float) -> None:
    labels, hu = _called_tumor(mean_hu, uneven_hu)
    cleaned, _ = clean_up(labels, FINE, FLUID, hu=hu)
    assert np.array_equal(cleaned, labels)


def test_a_model_without_the_rule_leaves_fluid_alone() -> None:
    labels, hu = _called_tumor(5.0, 0.0)
    cleaned, _ = clean_up(labels, FINE, replace(FLUID, fluid_max_hu=0.0), hu=hu)
    assert np.array_equal(cleaned, labels)


TAILS = replace(RULES, tumor_min_ml=0.0, cyst_min_ml=0.0, tail_mm=4.0)


def _ball_with_arm(arm_mm: float, value: int, spacing: tuple[float, float, float]) -> tuple[Labels, Labels]:
    """A lesion of 20 mm in a large kidney, without and with an arm of 16 mm and the given thickness along i."""
    shape = [round(60 / step) for step in spacing]
    k, j, i = np.meshgrid(*((np.arange(n) - n // 2) * d for n, d in zip(shape, spacing, strict=True)), indexing="ij")
    kidney = np.where(k**2 + j**2 + i**2 < 28**2, np.uint8(1), np.uint8(0))
    ball = np.where(k**2 + j**2 + i**2 < 10**2, np.uint8(value), kidney)
    arm = (i > 0) & (i < 26) & (np.abs(j) < arm_mm / 2) & (np.abs(k) < arm_mm / 2 + spacing[0] / 2)
    return ball, np.where(arm, np.uint8(value), ball)


@pytest.mark.parametrize("value", [2, 3], ids=["tumor", "cyst"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.8, 0.8), (2.0, 1.5, 1.5)], ids=str)
def test_a_thin_tail_goes_and_the_longest_diameter_is_right_again(
    spacing: tuple[float, float, float], value: int
) -> None:
    ball, with_tail = _ball_with_arm(2.0, value, spacing)
    cleaned, _ = clean_up(with_tail, spacing, TAILS)
    steps = ([0.0, spacing[1], 0.0], [spacing[2], 0.0, 0.0])
    before, after, right = (longest_axial_diameter_mm(labels == value, *steps) for labels in (with_tail, cleaned, ball))
    assert before > right + 10
    assert right <= after < right + TAILS.tail_mm
    assert np.array_equal(cleaned > 0, with_tail > 0)  # what is cut is kidney


def test_a_thick_part_and_a_round_lesion_keep_every_voxel() -> None:
    for thickness in (8.0, 12.0):
        ball, with_part = _ball_with_arm(thickness, 2, (1.0, 1.0, 1.0))
        for labels in (ball, with_part):
            cleaned, _ = clean_up(labels, (1.0, 1.0, 1.0), TAILS)
            assert np.array_equal(cleaned, labels)


def test_a_lesion_that_is_thin_all_over_is_not_taken_for_a_tail() -> None:
    labels = labels_with((BIG, 1), ((slice(10, 16), slice(8, 9), slice(6, 14)), 3))
    cleaned, _ = clean_up(labels, (1.0, 1.0, 1.0), replace(TAILS, kidney_min_ml=0.1, parenchyma_min_ml=0.1))
    assert np.array_equal(cleaned, labels)


def test_thin_lesions_and_thin_bridges_are_no_tails() -> None:
    """A shell around what the network missed inside, and two balls with a thin bridge."""
    k, j, i = np.meshgrid(*(np.arange(60.0) - 30 for _ in range(3)), indexing="ij")
    kidney = np.where(k**2 + j**2 + i**2 < 28**2, np.uint8(1), np.uint8(0))
    radius = np.sqrt(k**2 + j**2 + i**2)
    shell = (radius < 12) & ((radius >= 10) | (k > 4))
    left, right = (k**2 + j**2 + (i - at) ** 2 < 8**2 for at in (-14, 14))
    bridge = (np.abs(k) < 1) & (np.abs(j) < 1) & (np.abs(i) < 14)
    for lesion in (shell, left | right | bridge):
        labels = np.where(lesion, np.uint8(3), kidney)
        cleaned, _ = clean_up(labels, (1.0, 1.0, 1.0), TAILS)
        assert np.array_equal(cleaned, labels)


@pytest.mark.parametrize("least_ml", [0.3, 2.0], ids=["as large as a lesion", "smaller than a lesion"])
def test_a_nodule_at_the_end_of_a_thin_bridge_stays_if_it_has_the_size_of_a_lesion(least_ml: float) -> None:
    """A nodule of 1.15 mL beside a tumor of 22 mL: a twentieth of it, and not a tail."""
    k, j, i = np.meshgrid(*(np.arange(80.0) - 40 for _ in range(3)), indexing="ij")
    labels = np.where(k**2 + j**2 + i**2 < 38**2, np.uint8(1), np.uint8(0))
    tumor = k**2 + j**2 + (i + 12) ** 2 < 17.4**2
    nodule = k**2 + j**2 + (i - 20) ** 2 < 6.5**2
    bridge = (np.abs(k) < 1) & (np.abs(j) < 1) & (i > 0) & (i < 20)
    labels[tumor | nodule | bridge] = 2
    cleaned, _ = clean_up(labels, (1.0, 1.0, 1.0), replace(TAILS, tumor_min_ml=least_ml))
    if least_ml < 1:
        assert np.array_equal(cleaned, labels)
    else:
        assert (cleaned[nodule] == 1).all()
        assert (cleaned[tumor] == 2).all()


def test_a_model_without_the_rule_leaves_tails_alone() -> None:
    _, with_tail = _ball_with_arm(2.0, 2, (1.0, 1.0, 1.0))
    cleaned, _ = clean_up(with_tail, (1.0, 1.0, 1.0), replace(TAILS, tail_mm=0.0))
    assert np.array_equal(cleaned, with_tail)


SEEN = replace(RULES, cyst_min_contrast_hu=10.0)


def _called_cyst(cyst_hu: float, kidney_hu: float, radius: float = 10.0) -> tuple[Labels, npt.NDArray[np.int16]]:
    """A noisy kidney with a ball in it that the network called a cyst, 2 x 1 x 1 mm."""
    k, j, i = np.meshgrid(*(np.arange(n) - n // 2 for n in (24, 60, 60)), indexing="ij")
    labels = np.where(k**2 * 4 + j**2 + i**2 < 28**2, np.uint8(1), np.uint8(0))
    ball = k**2 * 4 + j**2 + i**2 < radius**2
    labels[ball] = 3
    hu = np.where(labels == 0, -100.0, np.where(ball, cyst_hu, kidney_hu))
    hu += np.random.default_rng(5).normal(0.0, 15.0, hu.shape)
    return labels, np.rint(hu).astype(np.int16)


@pytest.mark.parametrize("cyst_hu", [30.0, 26.0, 34.0])
@pytest.mark.parametrize("radius", [10.0, 3.5], ids=["20 mm", "7 mm"])
def test_a_cyst_that_nobody_can_see_is_kidney_and_that_is_said(cyst_hu: float, radius: float) -> None:
    labels, hu = _called_cyst(cyst_hu, 30.0, radius)
    cleaned, notes = clean_up(labels, FINE, SEEN, hu=hu)
    assert set(np.unique(cleaned)) == {0, 1}
    assert np.array_equal(cleaned > 0, labels > 0)
    volume = np.count_nonzero(labels == 3) * 0.002
    assert f"({volume:.1f} mL)" in notes[0]


@pytest.mark.parametrize(
    ("cyst_hu", "kidney_hu"), [(5.0, 30.0), (65.0, 30.0), (10.0, 180.0), (60.0, 120.0)],
    ids=["simple, no contrast agent", "dense, no contrast agent", "simple", "dense"],
)  # fmt: skip
@pytest.mark.parametrize("radius", [10.0, 3.5], ids=["20 mm", "7 mm"])
def test_a_cyst_that_can_be_seen_stays(cyst_hu: float, kidney_hu: float, radius: float) -> None:
    labels, hu = _called_cyst(cyst_hu, kidney_hu, radius)
    cleaned, notes = clean_up(labels, FINE, SEEN, hu=hu)
    assert np.array_equal(cleaned, labels)
    assert notes == ()


def test_a_part_of_a_mass_that_is_as_bright_as_the_kidney_stays() -> None:
    labels, hu = _called_cyst(30.0, 30.0)
    half = (labels == 3) & (np.arange(labels.shape[2]) < labels.shape[2] // 2)
    labels[half], hu[half] = 2, 90
    cleaned, notes = clean_up(labels, FINE, SEEN, hu=hu)
    assert np.array_equal(cleaned, labels)
    assert notes == ()

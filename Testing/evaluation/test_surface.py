"""Promises of evaluation.surface: the distances of the KiTS challenge, checked by hand and against the package."""

from __future__ import annotations

import builtins
import warnings
from typing import Any

import numpy as np
import pytest
import surface_distance
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from KidneyTumorSegLib.errors import EnvironmentProblem
from KidneyTumorSegLib.evaluation import surface
from KidneyTumorSegLib.evaluation.case import TARGETS
from KidneyTumorSegLib.evaluation.surface import SurfaceDistances, surface_distances

MASKS = hnp.arrays(np.bool_, (5, 6, 7))
SPACINGS = st.tuples(*[st.sampled_from([0.5, 0.78, 1.0, 3.0, 5.0])] * 3)


def box(start: tuple[int, int, int], size: tuple[int, int, int], shape: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = True
    return mask


def ball(radius_mm: float, spacing_kji: tuple[float, float, float], center_mm: float = 0.0) -> np.ndarray:
    reach = [int(16 / step) for step in spacing_kji]
    k, j, i = np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij")
    position = [n * step for n, step in zip((k, j, i), spacing_kji, strict=True)]
    return (position[0] - center_mm) ** 2 + position[1] ** 2 + position[2] ** 2 <= radius_mm**2


def theirs(reference: np.ndarray, prediction: np.ndarray, spacing: tuple[float, ...]) -> Any:
    """What the package computes; it calls SciPy by names that are going."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return surface_distance.compute_surface_distances(reference, prediction, spacing)


@settings(max_examples=60)
@given(MASKS, MASKS, SPACINGS)
def test_all_figures_equal_those_of_the_package(
    reference: np.ndarray, prediction: np.ndarray, spacing: tuple[float, float, float]
) -> None:
    assume(reference.any() and prediction.any())
    ours, judge = surface_distances(reference, prediction, spacing), theirs(reference, prediction, spacing)
    for percent in (50.0, 95.0, 100.0):
        assert ours.hausdorff_mm(percent) == pytest.approx(surface_distance.compute_robust_hausdorff(judge, percent))
    from_reference, from_prediction = surface_distance.compute_average_surface_distance(judge)
    assert ours.asd_mm == pytest.approx(from_prediction)
    assert surface_distances(prediction, reference, spacing).asd_mm == pytest.approx(from_reference)
    for target in TARGETS[:3]:
        tolerance = target.tolerance_mm
        assert tolerance is not None
        judged = surface_distance.compute_surface_dice_at_tolerance(judge, tolerance)
        assert ours.dice(tolerance) == pytest.approx(judged)


def test_a_ball_equals_the_package_too() -> None:
    spacing = (3.0, 0.8, 0.8)
    reference, prediction = ball(12.0, spacing), ball(10.0, spacing, center_mm=2.0)
    ours, judge = surface_distances(reference, prediction, spacing), theirs(reference, prediction, spacing)
    assert ours.dice(1.03) == pytest.approx(surface_distance.compute_surface_dice_at_tolerance(judge, 1.03))
    assert ours.hausdorff_mm() == pytest.approx(surface_distance.compute_robust_hausdorff(judge, 95))


@pytest.mark.parametrize(("axis", "step_mm"), [(0, 5.0), (1, 1.0), (2, 0.5)])
def test_a_cube_shifted_by_two_voxels_is_two_steps_away(axis: int, step_mm: float) -> None:
    reference = box((4, 4, 4), (8, 8, 8), (20, 20, 20))
    prediction = np.roll(reference, 2, axis)
    distances = surface_distances(reference, prediction, (5.0, 1.0, 0.5))
    assert distances.hausdorff_mm(100.0) == pytest.approx(2 * step_mm)


def test_concentric_balls_are_as_far_apart_as_their_radii_to_within_a_voxel() -> None:
    spacing = (0.5, 0.5, 0.5)  # surface elements lie on the corners of voxels: the nearest are up to a voxel nearer
    distances = surface_distances(ball(10.0, spacing), ball(13.0, spacing), spacing)
    assert distances.assd_mm == pytest.approx(3.0, abs=0.5)
    assert distances.hausdorff_mm() == pytest.approx(3.0, abs=0.5)
    assert distances.dice(1.0) == 0.0
    assert distances.dice(3.6) == 1.0
    assert distances.reference_mm2.sum() == pytest.approx(4 * np.pi * 100, rel=0.1)


def test_equal_masks_have_no_distance_at_all() -> None:
    mask = ball(9.0, (1.0, 1.0, 1.0))
    distances = surface_distances(mask, mask, (1.0, 1.0, 1.0))
    assert (distances.hausdorff_mm(100.0), distances.asd_mm, distances.assd_mm, distances.dice(0.0)) == (0, 0, 0, 1)


@settings(max_examples=40)
@given(MASKS, MASKS, SPACINGS)
def test_only_the_one_sided_distance_depends_on_which_mask_comes_first(
    one: np.ndarray, other: np.ndarray, spacing: tuple[float, float, float]
) -> None:
    assume(one.any() and other.any())
    there, back = surface_distances(one, other, spacing), surface_distances(other, one, spacing)
    assert there.hausdorff_mm() == pytest.approx(back.hausdorff_mm())
    assert there.assd_mm == pytest.approx(back.assd_mm)
    assert there.dice(1.1) == pytest.approx(back.dice(1.1))
    np.testing.assert_allclose(there.from_reference_mm, back.from_prediction_mm)


def test_the_average_distance_of_a_part_to_its_whole_differs_from_the_way_back() -> None:
    whole, part = box((2, 2, 2), (4, 4, 16), (8, 8, 20)), box((2, 2, 2), (4, 4, 4), (8, 8, 20))
    assert surface_distances(whole, part, (1, 1, 1)).asd_mm < surface_distances(part, whole, (1, 1, 1)).asd_mm - 1


def test_the_percentile_counts_area_not_surface_elements() -> None:
    distances = SurfaceDistances(np.array([0.0, 1.0, 7.0]), np.array([94.0, 2.0, 4.0]), np.zeros(1), np.ones(1))
    assert distances.hausdorff_mm(95.0) == 1.0
    assert distances.hausdorff_mm(97.0) == 7.0


def test_masks_without_a_surface_and_label_arrays_are_refused() -> None:
    full, empty = np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    with pytest.raises(ValueError, match="An empty mask has no surface"):
        surface_distances(full, empty, (1, 1, 1))
    with pytest.raises(ValueError, match="two bool arrays"):
        surface_distances(full, full.astype(np.uint8), (1, 1, 1))  # type: ignore[arg-type]


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("surface_distance"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    surface._table.cache_clear()
    mask = np.ones((2, 2, 2), bool)
    with pytest.raises(EnvironmentProblem, match="pip install surface-distance"):
        surface_distances(mask, mask, (1.7, 1.0, 1.0))

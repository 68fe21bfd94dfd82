"""Promises of evaluation.overlap: Dice by the rules of KiTS."""

from __future__ import annotations

import numpy as np
import pytest
import surface_distance
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from KidneyTumorSegLib import evaluation
from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.volume import Grid, LabelMap

MASKS = hnp.arrays(np.bool_, (3, 4, 5))
LABELS = hnp.arrays(np.uint8, (3, 4, 5), elements=st.sampled_from([0, 1, 2, 3, 13]))


def _row(*values: int) -> np.ndarray:
    return np.array(values, np.uint8).reshape(1, 1, -1)


def _map(labels: np.ndarray, spacing: float = 1.0) -> LabelMap:
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    return LabelMap(labels, Grid(shape, np.diag([spacing, spacing, spacing, 1.0])))


def test_dice_of_two_overlapping_masks_is_as_computed_by_hand() -> None:
    reference = np.array([True, True, True, False, False])
    prediction = np.array([False, True, True, True, True])
    assert evaluation.dice(reference, prediction) == pytest.approx(2 * 2 / (3 + 4))


def test_two_empty_masks_agree_fully_and_one_empty_mask_agrees_not_at_all() -> None:
    empty, full = np.zeros(4, bool), np.ones(4, bool)
    assert evaluation.dice(empty, empty) == 1.0
    assert evaluation.dice(empty, full) == 0.0
    assert evaluation.dice(full, empty) == 0.0


@settings(max_examples=50, deadline=None)
@given(MASKS, MASKS)
def test_dice_equals_the_surface_distance_package_where_that_defines_it(
    reference: np.ndarray, prediction: np.ndarray
) -> None:
    assume(reference.any() or prediction.any())
    theirs = surface_distance.compute_dice_coefficient(reference, prediction)
    assert evaluation.dice(reference, prediction) == pytest.approx(theirs)


def test_dice_refuses_label_arrays_and_different_shapes() -> None:
    with pytest.raises(ValueError, match="needs two bool arrays, these are uint8 and bool"):
        evaluation.dice(np.ones(3, np.uint8), np.ones(3, bool))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"one shape, these have \(3,\) and \(4,\)"):
        evaluation.dice(np.ones(3, bool), np.ones(4, bool))


def test_scores_of_nested_regions_and_of_labels_are_as_computed_by_hand() -> None:
    reference = _map(_row(1, 1, 2, 2, 3, 0, 0, 13), spacing=10.0)
    prediction = _map(_row(1, 2, 2, 3, 3, 1, 0, 0), spacing=10.0)
    scores = evaluation.score(reference, prediction)
    assert scores.region("kidney_and_masses").dice == pytest.approx(2 * 5 / (5 + 6))
    assert scores.region("masses").dice == pytest.approx(2 * 3 / (3 + 4))
    assert scores.region("tumor").dice == pytest.approx(2 * 1 / (2 + 2))
    assert scores.label("kidney").dice == pytest.approx(2 * 1 / (2 + 2))
    assert scores.label("cyst").dice == pytest.approx(2 * 1 / (1 + 2))
    assert scores.mean_region_dice == pytest.approx((10 / 11 + 6 / 7 + 2 / 4) / 3)
    assert scores.label("cyst").reference_ml == pytest.approx(1.0)
    assert scores.label("cyst").prediction_ml == pytest.approx(2.0)


@settings(max_examples=50, deadline=None)
@given(LABELS, LABELS)
def test_scores_agree_with_dice_of_the_plain_masks(reference: np.ndarray, prediction: np.ndarray) -> None:
    scores = evaluation.score(_map(reference), _map(prediction))
    for id_, values in (("kidney_and_masses", (1, 2, 3)), ("masses", (2, 3)), ("tumor", (2,))):
        assert scores.region(id_).dice == evaluation.dice(np.isin(reference, values), np.isin(prediction, values))


def test_a_case_without_lesions_scores_one_for_them_if_none_is_predicted() -> None:
    scores = evaluation.score(_map(_row(1, 1, 0)), _map(_row(1, 0, 0)))
    assert scores.region("masses").dice == 1.0
    assert scores.region("tumor").dice == 1.0


def test_maps_of_different_size_are_refused_with_both_sizes() -> None:
    with pytest.raises(InputError, match=r"different grids \(3 x 1 x 1 voxels against 4 x 1 x 1\)"):
        evaluation.score(_map(_row(1, 1, 0)), _map(_row(1, 1, 0, 0)))


def test_maps_of_one_size_at_another_place_are_refused() -> None:
    with pytest.raises(InputError, match="another spacing, origin or direction"):
        evaluation.score(_map(_row(1, 1, 0)), _map(_row(1, 1, 0), spacing=1.2))


def test_an_unknown_region_or_label_is_a_key_error() -> None:
    scores = evaluation.score(_map(_row(1)), _map(_row(1)))
    with pytest.raises(KeyError, match="liver"):
        scores.region("liver")
    with pytest.raises(KeyError, match="liver"):
        scores.label("liver")

"""Promises of evaluation.case: every figure of one case, with KiTS23's rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.evaluation import TARGETS, score, score_case
from KidneyTumorSegLib.volume import Grid, LabelMap

LabelMaps = Callable[..., LabelMap]
Kidney = Callable[..., np.ndarray]


def test_the_regions_their_order_and_tolerances_are_those_of_kits23() -> None:
    assert [(target.kits_name, sorted(target.labels), target.tolerance_mm) for target in TARGETS[:3]] == [
        ("kidney", [1, 2, 3], 1.0330772532390826),
        ("masses", [2, 3], 1.1328796488598762),
        ("tumor", [2], 1.1498198361434828),
    ]


def test_a_shifted_tumor_scores_as_computed_by_hand(label_map: LabelMaps, kidney_with: Kidney) -> None:
    reference = label_map(kidney_with((2, (10, 10, 10), 10)), (1.0, 1.0, 5.0))
    prediction = label_map(kidney_with((2, (10, 10, 12), 10)), (1.0, 1.0, 5.0))
    case = score_case("a", reference, prediction)
    tumor = case.target("tumor")
    assert tumor.dice == pytest.approx(0.8)
    assert tumor.iou == pytest.approx(800 / 1200)
    assert (tumor.reference_ml, tumor.prediction_ml, tumor.volume_error_ml) == pytest.approx((5.0, 5.0, 0.0))
    assert tumor.hd95_mm == pytest.approx(2.0)
    assert tumor.surface_dice is not None
    assert 0.5 < tumor.surface_dice < 0.9
    kidney = case.target("kidney_and_masses")
    assert (kidney.dice, kidney.surface_dice, kidney.hd95_mm, kidney.assd_mm) == (1.0, 1.0, 0.0, 0.0)
    assert case.mean_dice == pytest.approx((1 + 0.8 + 0.8) / 3)
    assert (case.slices, case.kind, case.patient) == (40, "scan", "a")


def test_dice_equals_the_plain_overlap_whatever_the_orientation(label_map: LabelMaps) -> None:
    random = np.random.default_rng(3)
    one, other = (random.choice([0, 1, 2, 3, 13], size=(6, 7, 8)).astype(np.uint8) for _ in range(2))
    case, plain = score_case("a", label_map(one), label_map(other)), score(label_map(one), label_map(other))
    turned = np.diag([1.0, -1.0, -1.0, 1.0])[[1, 2, 0, 3]]
    there = [LabelMap(labels, Grid((6, 7, 8), turned)) for labels in (one, other)]
    elsewhere = score_case("a", *there)
    for region in plain.regions:
        assert case.target(region.id).dice == pytest.approx(region.dice)
        assert elsewhere.target(region.id) == case.target(region.id)
    assert case.target("cyst").dice == pytest.approx(plain.label("cyst").dice)


def test_both_empty_is_one_and_one_empty_is_zero(label_map: LabelMaps, kidney_with: Kidney) -> None:
    clean, with_tumor = label_map(kidney_with()), label_map(kidney_with((2, (10, 10, 10), 8)))
    both = score_case("a", clean, clean).target("tumor")
    assert (both.dice, both.surface_dice, both.hd95_mm) == (1.0, 1.0, None)
    assert both.reason == "no distances: both empty"
    missed = score_case("a", with_tumor, clean).target("tumor")
    assert (missed.dice, missed.iou, missed.surface_dice, missed.assd_mm) == (0.0, 0.0, 0.0, None)
    assert missed.reason == "no distances: the prediction empty"
    false = score_case("a", clean, with_tumor).target("tumor")
    assert (false.dice, false.surface_dice, false.volume_error_share) == (0.0, 0.0, None)


def test_a_missing_prediction_scores_zero_and_misses_every_lesion(label_map: LabelMaps, kidney_with: Kidney) -> None:
    case = score_case("a", label_map(kidney_with((2, (10, 10, 10), 8))), None, failure="the file is missing")
    for target in ("kidney_and_masses", "masses", "tumor"):
        found = case.target(target)
        assert (found.dice, found.iou, found.surface_dice, found.hd95_mm, found.prediction_ml) == (0, 0, 0, None, None)
        assert found.reason == "the file is missing"
    assert [one.outcome for one in case.lesions] == ["missed"]
    assert case.mean_dice == 0


def test_what_a_reference_does_not_know_is_not_scored(label_map: LabelMaps, kidney_with: Kidney) -> None:
    both = label_map(kidney_with((2, (10, 10, 10), 8)))
    kidneys = score_case("a", both, both, known=frozenset({"kidney_and_masses"}))
    assert kidneys.target("kidney_and_masses").dice == 1.0
    for target in ("masses", "tumor", "cyst"):
        values = [getattr(kidneys.target(target), f.name) for f in fields(kidneys.targets[0])[1:-1]]
        assert values == [None] * len(values)
        assert kidneys.target(target).reason == "the reference does not say"
    assert kidneys.lesions == ()
    assert kidneys.mean_dice == 1.0
    kits19 = score_case("a", both, both, known=frozenset({"kidney_and_masses", "tumor"}))
    assert [kits19.target(target.id).dice for target in TARGETS] == [1.0, None, 1.0, None]


def test_one_slice_has_overlap_and_nothing_that_needs_a_volume(label_map: LabelMaps, kidney_with: Kidney) -> None:
    reference = label_map(kidney_with((2, (10, 10, 10), 8))[12:13])
    prediction = label_map(kidney_with((2, (10, 10, 12), 8))[12:13])
    case = score_case("a", reference, prediction)
    tumor = case.target("tumor")
    assert tumor.dice == pytest.approx(0.75)
    assert (tumor.surface_dice, tumor.hd95_mm, tumor.asd_mm) == (None, None, None)
    assert tumor.reason == "a single slice has no surface"
    assert (case.slices, case.kind, case.lesions) == (1, "slice", ())


def test_different_grids_are_refused_by_name(label_map: LabelMaps, kidney_with: Kidney) -> None:
    labels = kidney_with()
    with pytest.raises(InputError, match=r"prediction of case_7 lie on different grids \(40 x 40 x 40 voxels against"):
        score_case("case_7", label_map(labels), label_map(labels[:39]))
    with pytest.raises(InputError, match=r"of case_7 lie .*another spacing, origin or direction"):
        score_case("case_7", label_map(labels), label_map(labels, (1.0, 1.0, 1.5)))
    turned = LabelMap(labels, Grid((40, 40, 40), np.diag([-1.0, 1.0, 1.0, 1.0])))
    with pytest.raises(InputError, match="another spacing, origin or direction"):
        score_case("case_7", label_map(labels), turned)


def test_the_picture_shows_the_slice_with_the_largest_disagreement(label_map: LabelMaps, kidney_with: Kidney) -> None:
    reference, prediction = kidney_with(), kidney_with()
    prediction[30, 5:20, 5:20] = 2
    shot = score_case("a", label_map(reference), label_map(prediction)).snapshot
    assert shot is not None
    assert shot.slice_number == (31, 40)
    upside_down = Grid((40, 40, 40), np.diag([1.0, 1.0, -1.0, 1.0]))
    shot = score_case("a", LabelMap(reference, upside_down), LabelMap(prediction, upside_down)).snapshot
    assert shot is not None
    assert shot.slice_number == (10, 40)
    assert (shot.prediction == 2).sum() == 225


def two_kidneys(shift: int) -> np.ndarray:
    """512 x 512 x 300 voxels of 0.8 x 0.8 x 1 mm: two kidneys of usual size, a tumor of 5 cm on one."""
    labels = np.zeros((300, 512, 512), np.uint8)
    for left in (170, 340):
        for value, radii, center in ((1, (55, 32, 36), (150, 260, left)), (2, (25, 31, 31), (175, 250 + shift, left))):
            if value == 1 or left == 340:
                k, j, i = (np.arange(n) - c for n, c in zip(labels.shape, center, strict=True))
                radius = (k[:, None, None] / radii[0]) ** 2 + (j[:, None] / radii[1]) ** 2 + (i / radii[2]) ** 2
                labels[radius < 1] = value
    return labels


def test_a_whole_scan_is_scored_within_seconds(label_map: LabelMaps) -> None:
    one, other = (label_map(two_kidneys(shift), (0.8, 0.8, 1.0)) for shift in (0, 4))
    started = time.process_time()
    case = score_case("a", one, other)
    seconds = time.process_time() - started
    assert case.target("tumor").dice == pytest.approx(0.9, abs=0.05)
    assert case.target("tumor").hd95_mm == pytest.approx(3.0, abs=0.4)
    assert seconds < 8.0, "about 2 s on an idle machine"

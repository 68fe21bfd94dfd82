"""Promises of evaluation.lesions and .detection: which lesions were found, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from KidneyTumorSegLib.evaluation import Figure, Lesion, score_detection
from KidneyTumorSegLib.evaluation.lesions import SIZES, detect
from KidneyTumorSegLib.volume import LabelMap

TUMOR, CYST = 2, 3
Kidney = Callable[..., np.ndarray]


def outcomes(lesions: tuple[Lesion, ...], of: str, kind: str) -> list[str]:
    return [one.outcome for one in lesions if one.of == of and one.kind == kind]


def test_a_lesion_that_overlaps_enough_is_found_with_its_iou(kidney_with: Kidney) -> None:
    reference, prediction = kidney_with((TUMOR, (8, 8, 8), 10)), kidney_with((TUMOR, (8, 8, 13), 10))
    true, predicted = detect(reference, prediction, 0.001)
    assert (true.outcome, predicted.outcome) == ("found", "true")
    assert true.iou == pytest.approx(500 / 1500)
    assert true.volume_ml == pytest.approx(1.0)


def test_an_overlap_of_a_tenth_or_less_is_not_found(kidney_with: Kidney) -> None:
    reference = kidney_with((TUMOR, (8, 8, 8), 10))
    below = kidney_with((TUMOR, (8, 8, 17), 10))  # 100 of 1900 voxels
    lesions = detect(reference, below, 0.001)
    assert outcomes(lesions, "reference", "tumor") == ["missed"]
    assert outcomes(lesions, "prediction", "tumor") == ["false"]


def test_matching_is_one_to_one_and_the_best_pair_wins(kidney_with: Kidney) -> None:
    reference = kidney_with((TUMOR, (4, 4, 4), 12))
    prediction = kidney_with((TUMOR, (4, 4, 4), 7), (TUMOR, (4, 12, 4), 6), (TUMOR, (11, 4, 12), 5))
    lesions = detect(reference, prediction, 0.001)
    assert outcomes(lesions, "reference", "tumor") == ["found"]
    assert sorted(outcomes(lesions, "prediction", "tumor")) == ["false", "false", "true"]
    assert lesions[0].iou == pytest.approx(343 / 1728)


def test_lesions_that_touch_by_a_corner_are_one() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[1:5, 1:5, 1:5] = labels[5:9, 5:9, 5:9] = TUMOR
    assert len(detect(labels, np.zeros_like(labels), 0.001)) == 1


def test_specks_below_thirty_cubic_millimeters_count_on_neither_side(kidney_with: Kidney) -> None:
    speck, counted = kidney_with((CYST, (8, 8, 8), 3)), kidney_with((CYST, (8, 8, 8), 4))
    assert detect(speck, speck, 0.001) == ()
    lesions = detect(speck, counted, 0.001)
    assert [one.outcome for one in lesions] == ["on a lesion too small to count"]
    assert outcomes(detect(counted, speck, 0.001), "reference", "cyst") == ["missed"]


def test_a_lesion_of_exactly_thirty_cubic_millimeters_counts() -> None:
    labels = np.zeros((3, 4, 8), np.uint8)
    labels[:, :2, :5] = TUMOR
    assert len(detect(labels, labels, 0.001)) == 2


def test_a_tumor_called_a_cyst_is_told_from_one_that_was_overlooked(kidney_with: Kidney) -> None:
    reference = kidney_with((TUMOR, (6, 6, 6), 8), (TUMOR, (24, 24, 24), 8))
    prediction = kidney_with((CYST, (6, 6, 6), 8))
    lesions = detect(reference, prediction, 0.001)
    assert sorted(outcomes(lesions, "reference", "tumor")) == ["missed", "other class"]
    assert outcomes(lesions, "prediction", "cyst") == ["other class"]


def test_an_own_match_comes_before_one_across_the_classes(kidney_with: Kidney) -> None:
    reference = kidney_with((TUMOR, (6, 6, 6), 10))
    prediction = kidney_with((CYST, (6, 6, 6), 10))
    prediction[6:16, 6:16, 13:16] = TUMOR
    lesions = detect(reference, prediction, 0.001)
    assert outcomes(lesions, "reference", "tumor") == ["found"]
    assert outcomes(lesions, "prediction", "cyst") == ["false"]


@pytest.mark.parametrize(
    ("diameter_mm", "size"),
    [(9.9, "<1 cm"), (10.1, "1-2 cm"), (19.9, "1-2 cm"), (20.1, "2-4 cm"), (39.9, "2-4 cm"), (40.1, "4-7 cm"),
     (69.9, "4-7 cm"), (70.1, ">7 cm")],
)  # fmt: skip
def test_size_is_the_diameter_of_a_ball_of_the_same_volume(diameter_mm: float, size: str) -> None:
    lesion = Lesion("reference", "tumor", 1, np.pi / 6 * diameter_mm**3 / 1000, "missed", 0.0)
    assert lesion.diameter_mm == pytest.approx(diameter_mm)
    assert lesion.size == size


def by_key(figures: tuple[Figure, ...]) -> dict[str, Figure]:
    return {figure.key: figure for figure in figures}


def test_found_and_false_lesions_are_counted_over_scans_by_size(
    kidney_with: Kidney, label_map: Callable[..., LabelMap]
) -> None:
    small, large = (TUMOR, (4, 4, 4), 6), (TUMOR, (20, 20, 20), 14)  # 7 and 17 mm
    invented = (CYST, (4, 30, 4), 5)
    triples = [
        ("a", kidney_with(small, large), kidney_with(large)),
        ("b", kidney_with(small), kidney_with(small, invented)),
        ("c", kidney_with(large), kidney_with((CYST, (20, 20, 20), 14))),
        ("d", kidney_with(), kidney_with()),
    ]
    found = by_key(score_detection(((name, label_map(r), label_map(p)) for name, r, p in triples), "synthetic"))
    assert (found["tumor.found"].value, found["tumor.found"].cases) == (0.5, 4)
    assert found["tumor.found <1 cm"].value == 0.5
    assert found["tumor.found 1-2 cm"].value == 0.5
    assert "tumor.found 2-4 cm" not in found
    assert found["tumor.found as mass"].value == 0.75
    assert found["tumor.false"].value == 0
    assert (found["cyst.false"].value, found["cyst.false"].cases) == (0.5, 4)
    assert found["cyst.false <1 cm"].value == 0.25
    assert found["cyst.false other class"].value == 0.25
    assert sum(found[f"cyst.false {size}"].value or 0 for size in SIZES) == found["cyst.false"].value
    assert found["tumor.found"].on == "synthetic"


def test_strictly_found_needs_more_than_half(kidney_with: Kidney, label_map: Callable[..., LabelMap]) -> None:
    reference, prediction = kidney_with((TUMOR, (8, 8, 8), 10)), kidney_with((TUMOR, (8, 8, 12), 10))
    found = by_key(score_detection([("a", label_map(reference), label_map(prediction))], "x"))
    assert (found["tumor.found"].value, found["tumor.found strictly"].value) == (1.0, 0.0)

"""Synthetic lesions are what they say they are, stand where lesions stand, and leave the rest of the scan alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from KidneyTumorSegLib.training.case import Case, prepare
from KidneyTumorSegLib.training.sources import REGION_IDS, Source
from KidneyTumorSegLib.training.synthesis import ShapeBank, SyntheticLesion, add_lesions
from KidneyTumorSegLib.training.synthesis.scan_noise import measure_noise
from KidneyTumorSegLib.volume import LabelMap
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

NOISE_HU = 10.0


@pytest.fixture(scope="module")
def healthy() -> Case:
    """Two kidneys of one brightness in fat, no lesion."""
    volume, truth = standard_phantom().scan(phantom_grid((1.6, 1.6, 4.0), (260.0, 190.0, 180.0)), NOISE_HU, seed=3)
    labels = (truth.labels > 0).astype(np.uint8)
    source = Source("own", "own", "abdomen", volume, LabelMap(labels, volume.grid), REGION_IDS, -1024.0)
    return prepare(source, 1.6)


@pytest.fixture(scope="module")
def made(healthy: Case) -> list[tuple[Case, tuple[SyntheticLesion, ...]]]:
    """Twelve scans with lesions."""
    return [add_lesions(healthy, np.random.default_rng(seed), ShapeBank.procedural()) for seed in range(12)]


def _voxel_ml(case: Case) -> float:
    return case.slice_spacing_mm * case.spacing_mm**2 / 1000


def test_lesions_are_made_of_both_kinds_and_many_sizes(made: list[tuple[Case, tuple[SyntheticLesion, ...]]]) -> None:
    lesions = [lesion for _, found in made for lesion in found]
    assert len(lesions) >= 12
    assert {lesion.kind for lesion in lesions} == {"tumor", "cyst"}
    assert min(lesion.diameter_mm for lesion in lesions) < 15
    assert max(lesion.diameter_mm for lesion in lesions) > 30


def test_volume_and_brightness_are_those_of_the_label(
    healthy: Case, made: list[tuple[Case, tuple[SyntheticLesion, ...]]]
) -> None:
    for case, lesions in made:
        for kind, value in (("tumor", 2), ("cyst", 3)):
            told = sum(lesion.volume_ml for lesion in lesions if lesion.kind == kind)
            assert told == pytest.approx(float((case.labels == value).sum()) * _voxel_ml(case), rel=0.02, abs=0.02)
        if len(lesions) == 1:
            inside = case.hu[np.isin(case.labels, (2, 3))]
            assert lesions[0].mean_hu == pytest.approx(float(inside.mean()), abs=2)
            ball_ml = np.pi / 6 * lesions[0].diameter_mm ** 3 / 1000
            assert lesions[0].volume_ml == pytest.approx(ball_ml, rel=0.05)


def test_every_lesion_grows_on_a_kidney(made: list[tuple[Case, tuple[SyntheticLesion, ...]]]) -> None:
    for case, _ in made:
        bodies, count = ndimage.label(np.isin(case.labels, (2, 3)), np.ones((3, 3, 3)))
        near = ndimage.binary_dilation(case.labels == 1, np.ones((3, 3, 3)), iterations=2)
        for number in range(1, count + 1):
            assert (near & (bodies == number)).any()


def test_simple_cysts_are_as_dark_as_water_and_tumors_are_not(
    made: list[tuple[Case, tuple[SyntheticLesion, ...]]],
) -> None:
    cysts = [one for _, found in made for one in found if one.texture == "simple cyst" and one.diameter_mm > 15]
    solid = [one for _, found in made for one in found if one.texture == "solid" and one.diameter_mm > 15]
    assert all(-15 < one.mean_hu < 40 for one in cysts)
    assert all(one.mean_hu > 15 for one in solid)
    assert cysts or solid


def test_the_noise_inside_is_that_of_the_scan(
    healthy: Case, made: list[tuple[Case, tuple[SyntheticLesion, ...]]]
) -> None:
    measured = measure_noise(healthy.hu, healthy.floor_hu)
    assert measured.level_hu == pytest.approx(NOISE_HU, rel=0.25)
    spreads = []
    for case, _ in made:
        inner = ndimage.binary_erosion(case.labels == 3, np.ones((1, 3, 3)), iterations=3)
        steps = np.diff(case.hu.astype(float), axis=2)[inner[:, :, 1:] & inner[:, :, :-1]]
        if steps.size > 200:
            spreads.append(float(steps.std()))
    inside_kidney = ndimage.binary_erosion(healthy.labels == 1, np.ones((1, 3, 3)), iterations=3)
    usual = float(np.diff(healthy.hu.astype(float), axis=2)[inside_kidney[:, :, 1:] & inside_kidney[:, :, :-1]].std())
    assert spreads, "no cyst was large enough to measure"
    assert np.median(spreads) == pytest.approx(usual, rel=0.3)


def test_far_from_the_lesions_nothing_changes(
    healthy: Case, made: list[tuple[Case, tuple[SyntheticLesion, ...]]]
) -> None:
    for case, lesions in made:
        largest = max((lesion.diameter_mm for lesion in lesions), default=0.0)
        reach = round((largest + 30) / case.spacing_mm)
        near = ndimage.distance_transform_edt(
            ~np.isin(case.labels, (2, 3)), (case.slice_spacing_mm, case.spacing_mm, case.spacing_mm)
        )
        far = near > reach * case.spacing_mm
        assert np.array_equal(case.hu[far], healthy.hu[far])
        assert np.array_equal(case.labels[far], healthy.labels[far])


def test_the_same_seed_gives_the_same_lesions(healthy: Case) -> None:
    (first, _), (second, _) = (add_lesions(healthy, np.random.default_rng(7), ShapeBank.procedural()) for _ in range(2))
    assert np.array_equal(first.hu, second.hu)
    assert np.array_equal(first.labels, second.labels)


def test_real_lesions_are_left_alone(healthy: Case) -> None:
    labels = healthy.labels.copy()
    k, j, i = (int(n) for n in np.argwhere(labels == 1)[len(np.argwhere(labels == 1)) // 2])
    ball = np.zeros(labels.shape, bool)
    ball[k - 1 : k + 2, j - 5 : j + 6, i - 5 : i + 6] = True
    labels[ball] = 2
    hu = np.where(ball, np.int16(60), healthy.hu)
    real = replace(healthy, labels=labels, hu=hu)
    for seed in range(4):
        case, _ = add_lesions(real, np.random.default_rng(seed), ShapeBank.procedural())
        assert (case.labels[ball] == 2).all()
        assert np.array_equal(case.hu[ball], hu[ball])


def test_what_was_cut_off_in_the_source_stays_cut_off(healthy: Case) -> None:
    cut = replace(healthy, hu=np.clip(healthy.hu, 0, None), floor_hu=0.0)
    for seed in range(3):
        case, _ = add_lesions(cut, np.random.default_rng(seed), ShapeBank.procedural())
        assert case.hu.min() == 0


def test_a_scan_without_kidneys_stays_as_it_is(healthy: Case) -> None:
    empty = replace(healthy, labels=np.zeros_like(healthy.labels))
    case, lesions = add_lesions(empty, np.random.default_rng(1), ShapeBank.procedural())
    assert case is empty
    assert lesions == ()


def test_a_shape_is_taken_from_a_label_map_to_the_same_side_and_place(tmp_path: Path) -> None:
    """A lesion on the outer side of one patient's left kidney lies on an outer side here too."""
    labels = np.zeros((120, 80, 90), np.uint8)  # [x, y, z] along right-anterior-superior
    for x in (30, 90):
        grid = np.ogrid[:120, :80, :90]
        inside = ((grid[0] - x) / 16) ** 2 + ((grid[1] - 40) / 16) ** 2 + ((grid[2] - 45) / 34) ** 2 < 1
        labels[inside] = 1
    outer = ((grid[0] - 14) / 8) ** 2 + ((grid[1] - 40) / 8) ** 2 + ((grid[2] - 45) / 8) ** 2 < 1
    labels[outer] = 2
    file = tmp_path / "maps.npz"
    np.savez(file, case_00007=labels, case_00007_affine=np.diag([1.5, 1.5, 1.5, 1.0]))
    bank = ShapeBank.from_label_maps(file)
    (pattern,) = bank.patterns
    assert bank.patients == 1
    assert pattern.kind == "tumor"
    assert pattern.diameter_mm == pytest.approx(2 * 8 * 1.5, rel=0.05)
    assert pattern.place is not None
    assert pattern.place[2] > 0.5  # lateral
    assert abs(pattern.place[0]) < 0.2  # neither high nor low
    assert ShapeBank.from_label_maps(file, exclude=frozenset({"kits_00007"})).patterns == ()
    assert ShapeBank.from_label_maps(file, only=frozenset({"kits_00008"})).patterns == ()

"""Another contrast phase moves what enhances to where that phase has it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from KidneyTumorSegLib.training.case import Case, prepare
from KidneyTumorSegLib.training.phase_table import CORTEX_HU, Phase
from KidneyTumorSegLib.training.phases import change_phase, guess_phase
from KidneyTumorSegLib.training.sources import Source
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

NOISE_HU = 9.0


@pytest.fixture(scope="module")
def case() -> Case:
    """The standard phantom with noise: kidneys, tumor, cyst, muscle, vessels, fat."""
    volume, truth = standard_phantom().scan(phantom_grid((2.0, 2.0, 6.0), (240.0, 190.0, 190.0)), NOISE_HU, seed=1)
    known = frozenset({"kidney_and_masses", "masses", "tumor"})
    return prepare(Source("phantom", "phantom", "abdomen", volume, truth, known, -1024.0), 2.0)


def _inner(case: Case, label: int) -> np.ndarray:
    """Voxels of a label, away from its border in-plane."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_erosion(case.labels == label, np.ones((1, 3, 3)), iterations=2))


@pytest.mark.parametrize("phase", Phase)
def test_the_kidneys_come_to_lie_where_the_phase_has_them(case: Case, phase: Phase) -> None:
    for seed in range(3):
        changed = change_phase(case, np.random.default_rng((seed, 7)), phase)
        low, high = CORTEX_HU[phase]
        cortex = (case.labels == 1) & (_depth_mm(case) > 3) & (_depth_mm(case) < 5)
        # One kidney may lag behind, so the brighter half speaks.
        assert low - 15 <= np.percentile(changed.hu[cortex], 75) <= high + 20


def _depth_mm(case: Case) -> np.ndarray:
    from scipy import ndimage

    spacing = (case.slice_spacing_mm, case.spacing_mm, case.spacing_mm)
    return np.asarray(ndimage.distance_transform_edt(np.isin(case.labels, (1, 2, 3)), spacing))


def test_cortex_is_brighter_than_medulla_in_the_corticomedullary_phase_only(case: Case) -> None:
    deep, kidney = _depth_mm(case) > 10, _inner(case, 1)
    gaps = {}
    for phase in Phase:
        hu = change_phase(case, np.random.default_rng(11), phase).hu
        gaps[phase] = float(np.median(hu[kidney & ~deep]) - np.median(hu[kidney & deep]))
    assert gaps[Phase.CORTICOMEDULLARY] > 30
    assert all(abs(gap) < 22 for phase, gap in gaps.items() if phase is not Phase.CORTICOMEDULLARY)


def test_the_phase_that_was_made_is_recognized(case: Case) -> None:
    for phase in (Phase.NON_CONTRAST, Phase.CORTICOMEDULLARY):
        assert guess_phase(change_phase(case, np.random.default_rng(2), phase)) is phase


def test_noise_stays_as_it_was(case: Case) -> None:
    kidney = _inner(case, 1)
    plain = change_phase(case, np.random.default_rng(3), Phase.NON_CONTRAST)

    def spread(hu: np.ndarray) -> float:
        steps = np.diff(hu.astype(float), axis=2)
        return float(steps[(kidney[:, :, 1:] & kidney[:, :, :-1])].std())

    assert spread(plain.hu) == pytest.approx(spread(case.hu), rel=0.25)


def test_what_does_not_enhance_keeps_its_values(case: Case) -> None:
    with_bone, bone = _with_bone(case)
    for phase in (Phase.NON_CONTRAST, Phase.EXCRETORY):
        changed = change_phase(with_bone, np.random.default_rng(4), phase)
        cyst = _inner(case, 3)
        assert abs(float(changed.hu[cyst].mean() - case.hu[cyst].mean())) < 3
        fat_and_air = (case.hu < -60) & ~_near_bright(with_bone)
        assert np.array_equal(changed.hu[fat_and_air], case.hu[fat_and_air])
        assert np.array_equal(changed.hu[bone], with_bone.hu[bone])
        assert changed.labels is case.labels


def _with_bone(case: Case) -> tuple[Case, np.ndarray]:
    """A column with a hard rim and marrow as bright as an enhanced organ, and where it is."""
    hu = case.hu.copy()
    height, width = hu.shape[1:]
    rows, columns = np.ogrid[:height, :width]
    radius = np.hypot(rows - (height // 2 + 24), columns - width // 2)
    hu[:, radius < 11] = 600
    hu[:, radius < 8] += -420 + np.random.default_rng(1).integers(-20, 20, hu[:, radius < 8].shape).astype(np.int16)
    return replace(case, hu=hu), np.broadcast_to(radius < 9, hu.shape)


def _near_bright(case: Case) -> np.ndarray:
    """Where a voxel may be filled in part by something that enhances."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(case.hu > 60, np.ones((3, 3, 3)), iterations=3))


def test_the_same_seed_gives_the_same_scan(case: Case) -> None:
    first, second = (change_phase(case, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.hu, second.hu)
    assert not np.array_equal(first.hu, case.hu)


def test_a_scan_without_kidneys_stays_as_it_is(case: Case) -> None:
    empty = replace(case, labels=np.zeros_like(case.labels))
    assert change_phase(empty, np.random.default_rng(6)) is empty
    assert guess_phase(empty) is None


def test_what_was_cut_off_in_the_source_stays_cut_off(case: Case) -> None:
    cut = replace(case, hu=np.clip(case.hu, 0, None), floor_hu=0.0)
    changed = change_phase(cut, np.random.default_rng(8), Phase.NON_CONTRAST)
    assert changed.hu.min() == 0
    assert np.array_equal(changed.hu == 0, cut.hu == 0) or changed.hu[cut.hu == 0].max() == 0

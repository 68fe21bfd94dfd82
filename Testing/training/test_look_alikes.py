"""Look-alikes: what they must leave alone, and what they must be called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from KidneyTumorSegLib.training import look_alikes
from KidneyTumorSegLib.training.bodies import Scan
from KidneyTumorSegLib.training.case import Case
from KidneyTumorSegLib.training.look_alikes import add_look_alike
from KidneyTumorSegLib.training.synthesis.kidneys import Kidney, find_kidneys

SPACING = (4.0, 2.0, 2.0)
ORGANS = frozenset({"kidney_and_masses", "masses", "tumor", "spleen", "liver", "gallbladder", "adrenal_glands"})
MASSES = ("adrenal mass", "bowel loop", "splenule", "lymph node", "liver lobe", "gallbladder")
NAMED = {"adrenal mass": {19, 20}, "splenule": {10}, "gallbladder": {11}, "liver lobe": {10, 13}}


def _ball(center: tuple[float, float, float], radii: tuple[float, float, float]) -> npt.NDArray[np.bool_]:
    k, j, i = np.meshgrid(*(np.arange(n) * s for n, s in zip((44, 80, 120), SPACING, strict=True)), indexing="ij")
    a, b, c = ((x - m) / r for x, m, r in zip((k, j, i), center, radii, strict=True))
    return np.asarray(a**2 + b**2 + c**2 < 1)


@pytest.fixture(scope="module")
def case() -> Case:
    """Two kidneys in fat, the right one (low i) with a tumor, the left with a cyst, and a spine of bone."""
    random = np.random.default_rng(0)
    hu = np.full((44, 80, 120), -100.0)
    labels = np.zeros(hu.shape, np.uint8)
    for middle, lesion in ((65.0, 2), (175.0, 3)):
        body = _ball((85, 90, middle), (50, 26, 24))
        hu[body], labels[body] = 140, 1
        mass = _ball((70, 112, middle), (14, 14, 14))
        hu[mass], labels[mass] = (80 if lesion == 2 else 5), lesion
    hu[_ball((85, 110, 120), (500, 18, 16))] = 400
    hu += random.normal(0, 10, hu.shape)
    return Case("x", "x", "abdomen", ORGANS, -250.0, hu.astype(np.int16), labels, SPACING[0], SPACING[1])


def _made(case: Case, name: str, seed: int, side: int | None = None) -> Case | None:
    """One kind of look-alike; side 0 the right kidney, 1 the left."""
    random = np.random.default_rng(seed)
    kidneys = sorted(find_kidneys(case.labels, SPACING), key=lambda one: float(one.frame.center[2]))
    scan = Scan.of(case, tuple(kidneys), random)
    kidney: Kidney = kidneys[seed % 2 if side is None else side]
    if not look_alikes._KINDS[name][0](scan, kidney):
        assert np.array_equal(scan.hu, case.hu), f"{name} gave up and left traces"
        return None
    return replace(case, hu=scan.hu, labels=scan.labels)


def _all(case: Case, name: str, seeds: int = 6) -> list[Case]:
    found = [made for seed in range(seeds) if (made := _made(case, name, seed)) is not None]
    assert found, f"{name} found no room in six tries"
    return found


@pytest.mark.parametrize("name", MASSES)
def test_a_mass_beside_the_kidney_is_never_called_kidney_tumor_or_cyst(case: Case, name: str) -> None:
    for made in _all(case, name):
        was, own = np.isin(case.labels, (1, 2, 3)), np.isin(made.labels, (1, 2, 3))
        assert np.array_equal(own, was)
        assert np.array_equal(made.hu[was], case.hu[was])
        changed = made.hu != case.hu
        assert 50 < changed.sum() < 0.2 * changed.size
        assert set(np.unique(made.labels)) - {0, 1, 2, 3} <= NAMED.get(name, set())


@pytest.mark.parametrize(("name", "values"), NAMED.items())
def test_an_organ_is_labeled_only_where_the_case_knows_it(case: Case, name: str, values: set[int]) -> None:
    assert any(np.isin(made.labels, list(values)).any() for made in _all(case, name))
    ignorant = replace(case, known=frozenset({"kidney_and_masses", "masses", "tumor"}))
    assert all(made.labels.max() <= 3 for made in _all(ignorant, name))


@pytest.mark.parametrize("side", [0, 1])
def test_a_removed_kidney_leaves_nothing_of_itself_on_its_side(case: Case, side: int) -> None:
    once = [made for seed in range(8) if (made := _made(case, "kidney absent", seed, side)) is not None]
    assert len(once) == 8
    own, other = (slice(0, 60), slice(60, None)) if side == 0 else (slice(60, None), slice(0, 60))
    both = 0
    for made in once:
        assert not np.isin(made.labels[..., own], (1, 2, 3)).any()
        gone = np.isin(case.labels[..., own], (1, 2, 3))
        assert (made.hu[..., own][gone] < 90).mean() > 0.8, "it still looks like a kidney"
        if not made.labels[..., other].any():
            both += 1
            continue
        assert np.array_equal(made.labels[..., other], case.labels[..., other])
        assert np.array_equal(made.hu[..., other], case.hu[..., other])
    assert both < len(once)


def test_a_dilated_collecting_system_takes_from_the_kidney_and_spares_lesions(case: Case) -> None:
    for made in _all(case, "hydronephrosis"):
        fluid = (case.labels == 1) & (made.labels == 0)
        assert fluid.sum() * np.prod(SPACING) > 1000
        assert -10 < np.quantile(made.hu[fluid], 0.3) < 40  # the rest is partial volume
        lesions = case.labels >= 2
        assert np.array_equal(made.labels >= 2, lesions)
        assert np.array_equal(made.hu[lesions], case.hu[lesions])
        assert np.isin(made.labels[made.labels != case.labels], (0,)).all()


def test_bone_stays_bone(case: Case) -> None:
    bone = _ball((85, 110, 120), (500, 14, 12))
    for seed in range(12):
        made = add_look_alike(case, np.random.default_rng(seed))
        assert np.array_equal(made.hu[bone], case.hu[bone])


def test_the_same_seed_gives_the_same_case_and_leaves_the_given_one_alone(case: Case) -> None:
    hu, labels = case.hu.copy(), case.labels.copy()
    for seed in range(6):
        one, other = (add_look_alike(case, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one.hu, other.hu)
        assert np.array_equal(one.labels, other.labels)
    assert np.array_equal(case.hu, hu)
    assert np.array_equal(case.labels, labels)


@pytest.mark.parametrize("floor", [-110.0, 0.0])
def test_nothing_falls_below_the_floor(case: Case, floor: float) -> None:
    cut = replace(case, hu=np.maximum(case.hu, int(floor)).astype(np.int16), floor_hu=floor)
    for seed in range(8):
        made = add_look_alike(cut, np.random.default_rng(seed))
        assert made.hu.min() >= floor
        assert made.hu.max() <= cut.hu.max()


def test_a_case_without_kidneys_is_returned_as_it_is(case: Case) -> None:
    empty = replace(case, labels=np.zeros_like(case.labels))
    assert add_look_alike(empty, np.random.default_rng(0)) is empty


def test_one_slice_is_enough(case: Case) -> None:
    thin = replace(case, hu=case.hu[20:21].copy(), labels=case.labels[20:21].copy())
    for seed in range(8):
        assert add_look_alike(thin, np.random.default_rng(seed)).hu.shape == thin.hu.shape

"""Promises of measurements: known mm and mL come out, and left is the patient's left in any orientation."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from KidneyTumorSegLib.measurements import Kidney, Lesion, Measurements, Quantity, body_midline_l_mm, headline, measure
from KidneyTumorSegLib.measurements.measure import LESION_MIN_ML
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

ORDERS = [
    Reorder(axes, flips)  # type: ignore[arg-type]
    for axes in permutations(range(3))
    for flips in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
]
COARSE = phantom_grid((4.0, 4.0, 6.0))


@pytest.fixture(scope="module")
def phantom_map() -> LabelMap:
    return standard_phantom().scan(COARSE, noise_hu=0)[1]


@pytest.fixture(scope="module")
def phantom_measures(phantom_map: LabelMap) -> Measurements:
    return measure(phantom_map)


def _turned_grid(spacing: tuple[float, float, float], degrees: float, shape: tuple[int, int, int]) -> Grid:
    """A grid around the world's origin, turned about two axes."""
    a, b = np.deg2rad(degrees), np.deg2rad(degrees * 0.6)
    about_s = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_l = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_s @ about_l @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return Grid(shape, affine)


def _balls(grid: Grid, *balls: tuple[int, tuple[float, float, float], tuple[float, float, float]]) -> LabelMap:
    """Axis-aligned ellipsoids (label, center LPS, radii), painted in order."""
    k, j, i = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
    lps = grid.world(np.stack([k, j, i], axis=-1))
    labels = np.zeros(grid.shape, np.uint8)
    for label, center, radii in balls:
        labels[(((lps - np.array(center)) / np.array(radii)) ** 2).sum(axis=-1) <= 1] = label
    return LabelMap(labels, grid)


def _box_grid(spacing: tuple[float, float, float] = (3.0, 3.0, 4.0)) -> Grid:
    return _turned_grid(spacing, 0.0, (40, 50, 90))


LEFT = (1, (70.0, 0.0, 0.0), (25.0, 25.0, 50.0))
RIGHT = (1, (-70.0, 0.0, 0.0), (25.0, 25.0, 50.0))
BALL_ML = 4 / 3 * np.pi * 25 * 25 * 50 / 1000


def test_the_phantom_has_two_kidneys_a_36_mm_tumor_left_and_a_28_mm_cyst_right(phantom_map: LabelMap) -> None:
    fine = standard_phantom().scan(phantom_grid((2.0, 2.0, 3.0)), noise_hu=0)[1]
    found = measure(fine)
    assert [kidney.side for kidney in found.kidneys] == ["left", "right"]
    tumor, cyst = found.lesions
    assert (tumor.kind, tumor.side, tumor.number) == ("tumor", "left", 1)
    assert (cyst.kind, cyst.side, cyst.number) == ("cyst", "right", 1)
    assert tumor.diameter_mm == pytest.approx(36.0, abs=1.5)
    assert cyst.diameter_mm == pytest.approx(28.0, abs=1.5)
    assert tumor.volume_ml == pytest.approx(4 / 3 * np.pi * 1.8**3, rel=0.03)
    assert cyst.volume_ml == pytest.approx(4 / 3 * np.pi * 1.4**3, rel=0.03)
    assert np.linalg.norm(np.subtract(tumor.center_lps, (90.0, 38.0, 14.0))) < 2.5
    assert headline(found) == f"2 kidneys, 1 tumor {tumor.diameter_mm:.0f} mm left, 1 cyst"


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_all_48_axis_orders_and_flips_measure_the_same(
    order: Reorder, phantom_map: LabelMap, phantom_measures: Measurements
) -> None:
    turned = measure(LabelMap(order.apply(phantom_map.labels), order.apply_to_grid(phantom_map.grid)))
    assert headline(turned) == headline(phantom_measures)
    for one, other in zip(turned.quantities, phantom_measures.quantities, strict=True):
        assert (one.key, one.value) == (other.key, pytest.approx(other.value))
    for one, other in zip(turned.lesions, phantom_measures.lesions, strict=True):
        assert (one.kind, one.side, one.number) == (other.kind, other.side, other.number)
        assert one.diameter_mm == pytest.approx(other.diameter_mm)
        assert one.center_lps == pytest.approx(other.center_lps, abs=COARSE.spacing[2])  # ties of the nearest voxel


@pytest.mark.parametrize("degrees", [0.0, 12.0, 30.0])
@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.0), (0.7, 0.7, 5.0), (1.0, 0.6, 1.5)])
def test_a_ball_of_known_size_is_measured_in_mm_and_ml_on_straight_and_oblique_grids(
    degrees: float, spacing: tuple[float, float, float]
) -> None:
    extent = 60.0
    grid = _turned_grid(spacing, degrees, tuple(int(extent / step) + 1 for step in spacing[::-1]))  # type: ignore[arg-type]
    (tumor,) = measure(_balls(grid, (2, (0, 0, 0), (20.0, 20.0, 20.0)))).lesions
    assert tumor.diameter_mm == pytest.approx(40.0, abs=1.0)
    assert tumor.volume_ml == pytest.approx(4 / 3 * np.pi * 8, rel=0.02)
    assert np.linalg.norm(tumor.center_lps) < max(spacing)


def test_the_diameter_is_axial_even_if_the_lesion_is_longer_from_head_to_foot_and_the_scan_is_coronal() -> None:
    tall = _balls(_turned_grid((1.0, 1.0, 1.0), 0.0, (90, 50, 50)), (2, (0, 0, 0), (12.0, 18.0, 40.0)))
    coronal = Reorder((1, 0, 2), (1,))
    stored = LabelMap(coronal.apply(tall.labels), coronal.apply_to_grid(tall.grid))
    assert measure(stored).lesions[0].diameter_mm == pytest.approx(36.0, abs=1.0)


def test_the_longest_diameter_lies_along_any_direction_of_the_plane() -> None:
    grid = Grid((1, 40, 40), np.diag([1.0, 1.0, 20.0, 1.0]))
    labels = np.zeros(grid.shape, np.uint8)
    labels[0, np.arange(30), np.arange(30)] = 2
    assert measure(LabelMap(labels, grid)).lesions[0].diameter_mm == pytest.approx(29 * np.sqrt(2), abs=0.3)


def test_one_voxel_is_as_long_as_its_longer_side_and_two_are_longer() -> None:
    grid = Grid((3, 5, 5), np.diag([4.0, 3.0, 5.0, 1.0]))
    labels = np.zeros(grid.shape, np.uint8)
    labels[1, 1, 1] = 2
    assert measure(LabelMap(labels.copy(), grid)).lesions[0].diameter_mm == pytest.approx(4.0)
    labels[1, 1, 2] = 2
    assert measure(LabelMap(labels, grid)).lesions[0].diameter_mm == pytest.approx(5.0)


def test_the_diameter_of_balls_is_right_on_average_whatever_the_spacing() -> None:
    random = np.random.default_rng(0)
    errors_in_voxels = []
    for spacing, true_mm in product((0.8, 1.5, 2.0), (12.0, 25.0)):
        for _ in range(6):
            n = int(true_mm / spacing) + 4
            grid = Grid((n, n, n), np.diag([spacing, spacing, spacing, 1.0]))
            center = (n - 1) / 2 * spacing + random.uniform(-0.5, 0.5, 3) * spacing
            ball = _balls(grid, (2, tuple(center), (true_mm / 2,) * 3))
            errors_in_voxels.append((measure(ball).lesions[0].diameter_mm - true_mm) / spacing)
    assert abs(np.mean(errors_in_voxels)) < 0.15
    assert np.abs(errors_in_voxels).max() < 0.7


def test_an_empty_label_map_finds_no_kidney_and_says_why_there_is_no_value() -> None:
    found = measure(LabelMap(np.zeros((4, 5, 6), np.uint8), Grid((4, 5, 6), np.eye(4))))
    assert headline(found) == "No kidney found"
    assert found.kidneys == found.lesions == ()
    kidney = found.quantity("kidney_volume_ml")
    assert (kidney.value, kidney.reason) == (None, "No kidney was found.")
    assert found.quantity("tumor_volume_ml").value == 0.0
    assert str(found.quantity("tumor_largest_diameter_mm")).endswith("not known. No tumor was found.")


def test_two_kidneys_without_lesions_are_said_in_words() -> None:
    found = measure(_balls(_box_grid(), LEFT, RIGHT))
    assert headline(found) == "2 kidneys, no tumor and no cyst found"
    assert found.quantity("kidney_left_volume_ml").value == pytest.approx(BALL_ML, rel=0.03)
    assert found.quantity("kidney_volume_ml").value == pytest.approx(2 * BALL_ML, rel=0.03)
    assert "two kidneys' positions" in found.sides_note


def test_both_kidneys_in_one_half_of_the_scan_still_are_a_left_and_a_right_one() -> None:
    grid = _box_grid()
    shifted = grid.affine.copy()
    shifted[0, 3] += 150.0
    labels = _balls(grid, LEFT, RIGHT).labels
    found = measure(LabelMap(labels, Grid(grid.shape, shifted)))
    assert [kidney.center_lps[0] > 150 for kidney in found.kidneys] == [True, False]
    assert [kidney.side for kidney in found.kidneys] == ["left", "right"]


@pytest.mark.parametrize(("body", "side"), [(LEFT, "left"), (RIGHT, "right")])
def test_a_single_kidney_gets_its_side_from_the_middle_of_the_scan_and_that_is_said(
    body: tuple[int, tuple[float, float, float], tuple[float, float, float]], side: str
) -> None:
    found = measure(_balls(_box_grid(), body))
    assert [kidney.side for kidney in found.kidneys] == [side]
    assert found.sides_note == "Left and right were told by the middle of the scan."
    assert headline(found) == f"1 kidney ({side}), no tumor and no cyst found"
    other = "right" if side == "left" else "left"
    missing = found.quantity(f"kidney_{other}_volume_ml")
    assert (missing.value, missing.reason) == (None, f"No kidney was found on the {other}.")


def test_a_single_kidney_in_a_cropped_scan_gets_its_side_from_the_given_midline() -> None:
    found = measure(_balls(_box_grid(), RIGHT), body_midline_l_mm=-140.0)
    assert [kidney.side for kidney in found.kidneys] == ["left"]
    assert found.sides_note == "Left and right were told by the midline of the body."
    assert found.sides_sure


def test_a_single_kidney_near_the_assumed_midline_is_named_with_a_doubt() -> None:
    found = measure(_balls(_box_grid(), RIGHT), body_midline_l_mm=-80.0)
    assert found.sides_note == "The only kidney lies near the midline of the body: check its side."
    assert not found.sides_sure


@pytest.mark.parametrize("order", [Reorder((0, 1, 2), ()), Reorder((2, 0, 1), (0, 2))], ids=str)
def test_the_midline_of_the_body_is_found_in_a_ct_that_shows_more_of_one_side(order: Reorder) -> None:
    grid = phantom_grid((8.0, 8.0, 12.0))
    ct = standard_phantom().scan(grid)[0]
    air = np.full((*grid.shape[:2], 20), -1000, np.int16)
    wide = np.concatenate([ct.voxels, air], axis=2)  # 160 mm more to the left: the scan's middle is 80 mm off
    volume = Volume(order.apply(wide), order.apply_to_grid(Grid(wide.shape, grid.affine)))
    assert body_midline_l_mm(volume) == pytest.approx(0.0, abs=6.0)


def test_the_midline_is_the_same_number_in_every_stored_order() -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    straight = phantom_grid((2.3, 2.3, 7.0))  # each third voxel is looked at: not the same ones from both ends
    grid = Grid(straight.shape, turn @ straight.affine)
    ct = standard_phantom().scan(grid)[0]
    expected = body_midline_l_mm(ct)
    for order in ORDERS:
        stored = Volume(order.apply(ct.voxels), order.apply_to_grid(grid))
        assert body_midline_l_mm(stored) == expected, order


def test_no_midline_is_told_for_an_mr_or_for_air() -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    air = np.full(grid.shape, -1000, np.int16)
    assert body_midline_l_mm(Volume(air, grid)) is None
    assert body_midline_l_mm(Volume(air + 2000, grid, "MR")) is None


def test_a_kidney_in_two_pieces_is_one_kidney() -> None:
    upper, lower = (1, (70.0, 0.0, 35.0), (20.0, 20.0, 25.0)), (1, (58.0, 0.0, -35.0), (20.0, 20.0, 25.0))
    found = measure(_balls(_box_grid(), upper, lower))
    assert [kidney.side for kidney in found.kidneys] == ["left"]
    both = measure(_balls(_box_grid(), upper, lower, RIGHT))
    assert [kidney.side for kidney in both.kidneys] == ["left", "right"]
    assert both.kidneys[0].volume_ml == pytest.approx(2 * 4 / 3 * np.pi * 10, rel=0.03)


def test_a_horseshoe_kidney_is_parted_at_its_isthmus() -> None:
    isthmus = (1, (0.0, 0.0, -35.0), (60.0, 8.0, 8.0))
    found = measure(_balls(_box_grid(), LEFT, RIGHT, isthmus))
    left, right = found.kidneys
    assert left.volume_ml == pytest.approx(right.volume_ml, rel=0.1)
    assert left.center_lps[0] > 50 > -50 > right.center_lps[0]
    assert "one connected body" in found.sides_note


def test_a_single_kidney_lying_across_is_not_cut_in_two() -> None:
    across, sinus = (1, (15.0, 0.0, 0.0), (55.0, 25.0, 25.0)), (0, (15.0, -10.0, 0.0), (20.0, 18.0, 12.0))
    found = measure(_balls(_box_grid(), across, sinus))
    assert len(found.kidneys) == 1


def test_slivers_of_the_kidney_label_are_no_kidney() -> None:
    found = measure(_balls(_box_grid(), LEFT, (1, (-70.0, 0, 0), (6.0, 6.0, 6.0))))
    assert [kidney.side for kidney in found.kidneys] == ["left"]


def test_a_lesion_is_on_the_side_of_the_nearest_kidney_even_across_the_midline() -> None:
    found = measure(_balls(_box_grid(), LEFT, RIGHT, (2, (14.0, 0.0, 0.0), (34.0, 30.0, 30.0))))
    assert [(lesion.kind, lesion.side) for lesion in found.lesions] == [("tumor", "left")]


def test_a_lesion_far_from_the_only_kidney_is_on_the_side_where_it_lies() -> None:
    found = measure(_balls(_box_grid(), LEFT, (2, (-70.0, 0.0, 0.0), (30.0, 30.0, 30.0))))
    assert [(lesion.kind, lesion.side) for lesion in found.lesions] == [("tumor", "right")]
    assert headline(found).startswith("1 kidney (left), 1 tumor")


def test_lesions_are_numbered_by_size_within_kind_and_side() -> None:
    found = measure(
        _balls(
            _box_grid(),
            LEFT,
            RIGHT,
            (2, (95.0, 0.0, 30.0), (10.0, 10.0, 12.0)),
            (2, (95.0, 0.0, -30.0), (15.0, 15.0, 15.0)),
            (3, (-95.0, 0.0, 30.0), (10.0, 10.0, 12.0)),
            (2, (-95.0, 0.0, -30.0), (12.0, 12.0, 12.0)),
        )
    )
    titles = [lesion.title for lesion in found.lesions]
    assert titles == ["Tumor 1 left", "Tumor 2 left", "Tumor 1 right", "Cyst 1 right"]
    assert found.lesions[0].center_lps[2] < 0
    largest = f"{found.lesions[0].diameter_mm:.0f}"
    assert headline(found) == f"2 kidneys, 3 tumors (largest {largest} mm left), 1 cyst"


def test_specks_count_in_the_volume_but_are_not_listed() -> None:
    grid = _box_grid((1.0, 1.0, 1.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[5:15, 5:15, 5:15] = 2
    labels[25:28, 25:28, 25:28] = 2
    assert 27 / 1000 < LESION_MIN_ML < 1.0
    found = measure(LabelMap(labels, grid))
    assert len(found.lesions) == 1
    assert found.quantity("tumor_volume_ml").value == pytest.approx(1.027)


def test_labels_of_other_organs_are_ignored(phantom_map: LabelMap, phantom_measures: Measurements) -> None:
    labels = phantom_map.labels.copy()
    labels[(labels == 0) & (np.arange(labels.shape[2]) > 80)] = 13
    assert measure(LabelMap(labels, phantom_map.grid)).quantities == phantom_measures.quantities


def test_every_key_ends_in_its_unit_and_a_missing_value_has_a_reason(phantom_measures: Measurements) -> None:
    empty = measure(LabelMap(np.zeros((2, 2, 2), np.uint8), Grid((2, 2, 2), np.eye(4))))
    for quantity in (*phantom_measures.quantities, *empty.quantities):
        assert quantity.key.endswith("_" + quantity.unit.lower())
        assert (quantity.value is None) == bool(quantity.reason)
    with pytest.raises(KeyError, match="spleen_volume_ml"):
        empty.quantity("spleen_volume_ml")


def test_the_headline_has_its_three_states() -> None:
    kidneys = (Kidney("left", 180.0, (70.0, 0.0, 0.0)), Kidney("right", 170.0, (-70.0, 0.0, 0.0)))
    tumor = Lesion("tumor", "left", 1, 28.0, 38.2, (80.0, 0.0, 0.0))
    cyst = replace(tumor, kind="cyst", side="right")
    assert headline(Measurements((), (), ())) == "No kidney found"
    assert headline(Measurements((), kidneys, ())) == "2 kidneys, no tumor and no cyst found"
    assert headline(Measurements((), kidneys, (tumor, cyst, cyst))) == "2 kidneys, 1 tumor 38 mm left, 2 cysts"


@pytest.mark.parametrize(
    ("value", "text"), [(183.4, "183 mL"), (9.96, "10 mL"), (7.24, "7.2 mL"), (0.994, "0.99 mL"), (0.0, "0 mL")]
)
def test_volumes_are_printed_with_as_many_digits_as_they_deserve(value: float, text: str) -> None:
    assert str(Quantity("x_ml", "X", value, "mL")) == f"X: {text}"


def test_all_48_orders_are_different() -> None:
    assert len({(order.axes, order.flips) for order in ORDERS}) == 48

"""A label map is parted into the kidneys and lesions that were measured, and no voxel is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from KidneyTumorSegLib.measurements import measure
from KidneyTumorSegLib.measurements.bodies import part_bodies
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder
from KidneyTumorSegLib.volume.phantom import phantom_grid, random_phantom

ORDERS = [
    Reorder(axes, tuple(a for a in range(3) if flips[a]))
    for axes in permutations(range(3))
    for flips in product((False, True), repeat=3)
]


def boxes(*parts, shape=(14, 14, 50), spacing=(2.0, 2.0, 2.5)) -> LabelMap:
    labels = np.zeros(shape, np.uint8)
    for box, value in parts:
        labels[box] = value
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-step * (n - 1) / 2 for step, n in zip(spacing, shape[::-1], strict=True)]
    return LabelMap(labels, Grid(shape, affine))


LEFT, RIGHT = (np.s_[2:12, 2:12, 36:46], 1), (np.s_[2:12, 2:12, 4:14], 1)


def told(label_map: LabelMap):
    return part_bodies(label_map, measure(label_map))


@pytest.mark.parametrize("order", ORDERS)
def test_every_body_is_the_lesion_that_was_measured_in_every_storage_order(order):
    plain = boxes(LEFT, RIGHT, (np.s_[4:9, 4:9, 42:48], 2), (np.s_[2:5, 9:13, 5:8], 2), (np.s_[6:9, 10:13, 38:41], 3))
    label_map = LabelMap(order.apply(plain.labels), order.apply_to_grid(plain.grid))
    found, measured = told(label_map), measure(label_map)
    assert [(b.structure.id, b.side, b.number) for b in found.bodies] == [
        ("kidney", "left", None),
        ("kidney", "right", None),
        ("tumor", "left", 1),
        ("tumor", "right", 1),
        ("cyst", "left", 1),
    ]
    volume = label_map.grid.voxel_volume_ml
    for number, body in enumerate(found.bodies, start=1):
        assert found.numbers[body.inside] == number
        voxels = int((found.numbers == number).sum())
        if body.number:
            (lesion,) = [one for one in measured.lesions if (one.kind, one.side) == (body.structure.id, body.side)]
            assert voxels * volume == pytest.approx(lesion.volume_ml)
        else:
            assert voxels * volume == pytest.approx(measured.quantity(f"kidney_{body.side}_volume_ml").value)


@given(st.integers(0, 50))
def test_no_voxel_is_lost_and_none_changes_its_structure(seed):
    _, label_map = random_phantom(np.random.default_rng(seed)).scan(phantom_grid((6, 6, 8)), 0.0)
    found = told(label_map)
    values = np.array([0, *(body.structure.value for body in found.bodies)], np.uint8)
    assert np.array_equal(found.mapped(values), label_map.labels)


def test_what_is_too_small_to_be_listed_comes_together_without_a_side():
    speck, sliver = np.s_[11:12, 3:4, 10:11], np.s_[12:14, 13:14, 20:22]
    found = told(boxes(LEFT, (speck, 2), (np.s_[0:1, 0:1, 0:1], 2), (sliver, 1), (np.s_[4:9, 4:9, 42:48], 2)))
    assert [(b.structure.id, b.side, b.number) for b in found.bodies] == [
        ("kidney", "left", None),
        ("kidney", None, None),
        ("tumor", "left", 1),
        ("tumor", None, None),
    ]
    assert int((found.numbers == 4).sum()) == 2


def test_bridged_kidneys_are_cut_where_they_were_measured():
    horseshoe = boxes(LEFT, RIGHT, (np.s_[2:4, 6:8, 14:36], 1))
    found, measured = told(horseshoe), measure(horseshoe)
    assert [body.side for body in found.bodies] == ["left", "right"]
    for number, kidney in enumerate(measured.kidneys, start=1):
        assert (found.numbers == number).sum() * horseshoe.grid.voxel_volume_ml == pytest.approx(kidney.volume_ml)


@pytest.mark.parametrize("midline", [-60.0, 60.0])
def test_a_single_kidney_has_the_side_that_its_measurement_has(midline):
    one = boxes(LEFT)
    measured = measure(one, midline)
    (body,) = part_bodies(one, measured).bodies
    assert body.side == measured.kidneys[0].side == ("left" if midline < 40 else "right")


def test_nothing_labeled_has_no_bodies():
    found = told(boxes())
    assert found.bodies == ()
    assert not found.numbers.any()
    assert not found.mapped(np.zeros(1, np.uint8)).any()


def test_measurements_of_another_label_map_are_refused():
    with_tumor = boxes(LEFT, (np.s_[4:9, 4:9, 42:48], 2), (np.s_[0:1, 0:1, 0:1], 2))
    without = boxes(LEFT, (np.s_[0:1, 0:1, 0:1], 2))
    with pytest.raises(ValueError, match="have a tumor where the label map has none"):
        part_bodies(without, measure(with_tumor))
    with pytest.raises(ValueError, match="have a left kidney where the label map has none"):
        part_bodies(boxes(RIGHT), replace(measure(boxes(LEFT)), lesions=()))

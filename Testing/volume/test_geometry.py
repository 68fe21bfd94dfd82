"""Promises of grids and reorders, on any grid that hypothesis can think of."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from KidneyTumorSegLib.volume import Grid, Reorder, Volume, canonical

ORDERS = [
    (axes, tuple(axis for axis in range(3) if turned[axis]))
    for axes in permutations(range(3))
    for turned in product((False, True), repeat=3)
]

shapes = st.tuples(*[st.integers(1, 6)] * 3)
steps = st.floats(0.1, 20.0)
places = st.floats(-2000.0, 2000.0)


@st.composite
def grids(draw: st.DrawFn, largest_turn_deg: float = 180.0) -> Grid:
    """Right-angled grids in any direction, left-handed ones too."""
    turn = draw(st.tuples(*[st.floats(-largest_turn_deg, largest_turn_deg)] * 3))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ np.diag(
        draw(st.tuples(steps, steps, steps))
    )
    affine[:3, 3] = draw(st.tuples(places, places, places))
    if draw(st.booleans()):
        affine[:3, 0] *= -1
    return Grid(draw(shapes), affine)


def _numbered(grid: Grid) -> Volume:
    return Volume(np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape), grid)


def _where(volume: Volume) -> np.ndarray:
    """World position of voxel number n, in row n."""
    places = volume.grid.world(np.argwhere(np.ones(volume.grid.shape)))
    return places[np.argsort(volume.voxels, axis=None)]


@given(grids(), st.tuples(*[st.floats(-100, 100)] * 3))
def test_world_and_index_undo_each_other(grid: Grid, kji: tuple[float, float, float]) -> None:
    assert np.allclose(grid.index(grid.world(kji)), kji, atol=1e-6)


@given(grids())
def test_spacing_direction_and_origin_make_the_affine(grid: Grid) -> None:
    affine = np.eye(4)
    affine[:3, :3] = grid.direction * np.array(grid.spacing)
    affine[:3, 3] = grid.origin
    assert np.allclose(affine, grid.affine)
    assert grid.voxel_volume_ml == pytest.approx(np.prod(grid.spacing) / 1000)


@given(grids())
def test_a_grid_is_the_same_as_itself_and_not_as_a_shifted_one(grid: Grid) -> None:
    moved = grid.affine.copy()
    moved[0, 3] += 0.01
    assert grid.same_as(Grid(grid.shape, grid.affine))
    assert not grid.same_as(Grid(grid.shape, moved))
    assert not grid.same_as(Grid((grid.shape[0] + 1, *grid.shape[1:]), grid.affine))


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_each_of_the_48_orders_is_undone_exactly(axes: tuple[int, int, int], flips: tuple[int, ...]) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    order = Reorder(axes, flips)
    assert np.array_equal(order.undo(order.apply(array)), array)
    assert np.array_equal(order.apply(order.undo(order.apply(array))), order.apply(array))


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_each_of_the_48_orders_leaves_every_voxel_in_its_place(
    axes: tuple[int, int, int], flips: tuple[int, ...]
) -> None:
    affine = np.diag([0.7, 0.9, 2.5, 1.0])
    affine[:3, 3] = [12.0, -7.0, 33.0]
    stored = _numbered(Grid((2, 3, 4), affine))
    order = Reorder(axes, flips)
    moved = Volume(np.ascontiguousarray(order.apply(stored.voxels)), order.apply_to_grid(stored.grid))
    assert np.allclose(_where(moved), _where(stored), atol=1e-9)
    back, _ = canonical(moved)  # whatever the order was, canonical finds the one we began with
    assert np.array_equal(back.voxels, stored.voxels)
    assert back.grid.same_as(stored.grid)


@given(grids())
def test_canonical_moves_no_voxel_and_is_undone(grid: Grid) -> None:
    volume = _numbered(grid)
    turned, order = canonical(volume)
    assert np.array_equal(order.undo(turned.voxels), volume.voxels)
    assert np.allclose(_where(turned), _where(volume), atol=1e-6)
    assert np.shares_memory(turned.voxels, volume.voxels)


@given(grids(largest_turn_deg=20.0))
def test_canonical_axes_point_left_back_and_up(grid: Grid) -> None:
    direction = canonical(_numbered(grid))[0].grid.direction
    assert (np.diag(direction) > 0.5).all()
    assert np.abs(direction).argmax(axis=0).tolist() == [0, 1, 2]


def test_grids_and_volumes_cannot_be_changed() -> None:
    voxels = np.zeros((2, 2, 2), np.int16)
    volume = Volume.of(voxels, np.eye(4))
    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 2
    assert voxels.flags.writeable

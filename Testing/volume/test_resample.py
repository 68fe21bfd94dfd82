"""Resampling: a linear ramp stays the same ramp."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.volume.resample import even_stack, placed_slice


@pytest.mark.parametrize("offset", [(0.0, 0.0), (2.0, 1.0), (1.25, 0.5)])
def test_a_placed_slice_lies_at_its_offset(offset: tuple[float, float]) -> None:
    j, i = np.mgrid[:6, :7]
    placed = placed_slice((10 * j + i).astype(np.int16), offset, (10, 9), fill=-1024.0)
    to_j, to_i = np.mgrid[:10, :9]
    expected = 10 * (to_j - offset[0]) + (to_i - offset[1])
    inside = (to_j >= offset[0]) & (to_j <= offset[0] + 5) & (to_i >= offset[1]) & (to_i <= offset[1] + 6)
    assert np.allclose(placed[inside], expected[inside], atol=1e-3)
    outside = (to_j <= offset[0] - 1) | (to_j >= offset[0] + 6) | (to_i <= offset[1] - 1)
    assert (placed[outside] == -1024).all()


def test_an_even_stack_follows_the_ramp_between_uneven_slices() -> None:
    depths = np.array([0.0, 1.0, 4.0, 5.0, 9.0])
    voxels = (100 * depths).astype(np.int16)[:, None, None] * np.ones((1, 2, 2), np.int16)
    wanted = np.linspace(0, 9, 19)
    result = even_stack(voxels, depths, wanted)
    assert result.dtype == np.int16
    assert np.array_equal(result[:, 0, 0], np.rint(100 * wanted))


def test_a_slice_that_is_met_is_kept_to_the_last_bit() -> None:
    voxels = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    depths = np.array([0.0, 1.0, 3.0, 4.0])
    result = even_stack(voxels, depths, np.arange(5.0))
    assert np.array_equal(result[[0, 1, 3, 4]], voxels)
    assert np.allclose(result[2], (voxels[1] + voxels[2]) / 2)

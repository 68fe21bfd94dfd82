"""What the quick search saw, carried over to the scan's own voxels."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.inference.locate import Located
from KidneyTumorSegLib.volume import Box, Volume


@pytest.fixture
def scan() -> Volume:
    return Volume.of(np.zeros((11, 8, 6), np.int16), np.diag([1.0, 1.0, 1.0, 1.0]))


def test_each_voxel_takes_what_was_seen_at_the_place_nearest_to_it(scan: Volume) -> None:
    """Slices 0, 6 and 10 were looked at, at half the resolution; something was seen in the middle one."""
    seen = np.zeros((3, 4, 3), bool)
    seen[1, 2, 1] = True
    found = Located(Box.whole(scan.grid), sure=True, seen=seen, centers=(0, 6, 10)).seen_in(Box.whole(scan.grid), scan)
    assert found is not None
    assert [np.unique(places).tolist() for places in np.nonzero(found)] == [[4, 5, 6, 7, 8], [4, 5], [2, 3]]


def test_a_box_takes_its_own_part(scan: Volume) -> None:
    seen = np.random.default_rng(1).random((3, 4, 3)) > 0.5
    located = Located(Box.whole(scan.grid), sure=True, seen=seen, centers=(0, 6, 10))
    box = Box((3, 2, 1), (9, 7, 5))
    whole, part = located.seen_in(Box.whole(scan.grid), scan), located.seen_in(box, scan)
    assert whole is not None
    assert part is not None
    assert np.array_equal(part, whole[box.slices])


def test_a_scan_of_one_slice_and_a_search_that_found_nothing() -> None:
    scan = Volume.of(np.zeros((1, 8, 6), np.int16), np.eye(4))
    everything = Box.whole(scan.grid)
    seen = np.ones((1, 4, 3), bool)
    found = Located(everything, sure=True, seen=seen, centers=(0,)).seen_in(everything, scan)
    assert found is not None
    assert found.all()
    assert Located(everything, sure=False, seen=seen, centers=(0,)).seen_in(everything, scan) is None

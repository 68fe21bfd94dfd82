"""Numbers of lesions stay the same when the scan is segmented again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from KidneyTumorSegLib.scene.numbering import stable_numbers


@pytest.mark.parametrize(
    ("overlap", "old", "new", "expected"),
    [
        ([], [], 3, (1, 2, 3)),  # nothing before: by order
        ([[0, 9], [5, 0]], [1, 2], 2, (2, 1)),  # sizes have changed places
        ([[9, 4]], [1], 2, (1, 2)),  # one lesion fell in two: the larger part keeps it
        ([[4], [9]], [1, 2], 1, (2,)),  # two grew together: that with most voxels
        ([[0], [0]], [1, 4], 1, (5,)),  # a new one never takes the number of one that is gone
        ([[7, 0, 0]], [3], 3, (3, 4, 5)),
        ([[3, 3]], [1], 2, (1, 2)),  # equal shares: the first
        ([[0, 1], [0, 8]], [1, 2], 2, (3, 2)),  # an old lesion's number is given once
    ],
)
def test_numbers_follow_the_voxels(overlap, old, new, expected):
    assert stable_numbers(overlap, old, new) == expected


@given(of_numpy.arrays(np.int64, st.tuples(st.integers(0, 5), st.integers(0, 5)), elements=st.integers(0, 4)))
def test_each_number_is_given_once_and_the_best_match_always_keeps_its_own(overlap):
    old = [2 * n + 1 for n in range(overlap.shape[0])]
    numbers = stable_numbers(overlap, old, overlap.shape[1])
    assert len(set(numbers)) == len(numbers)
    for column, number in enumerate(numbers):
        if number in old:
            assert overlap[old.index(number), column] > 0
        else:
            assert number > max([0, *old])
    if overlap.size and overlap.max():
        row, column = np.unravel_index(np.argmax(overlap), overlap.shape)
        assert numbers[column] == old[row]

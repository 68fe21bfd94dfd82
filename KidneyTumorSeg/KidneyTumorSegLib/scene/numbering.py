"""Numbers of lesions that stay the same when the scan is segmented again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def stable_numbers(overlap: npt.ArrayLike, old_numbers: Sequence[int], new_count: int) -> tuple[int, ...]:
    """A number for each new lesion of one kind and side.

    Each old number goes to the new lesion that shares most voxels with the old one; the pair with the most voxels in
    common comes first, and equal ones go by order. A new lesion without an old one gets the next number that was never
    used: a number does not come to mean another lesion.

    Args:
        overlap: voxels in common, [old, new].
        old_numbers: of the old lesions, in the order of the rows; also of those that are no more.
        new_count: how many new lesions there are.
    """
    common = np.asarray(overlap, dtype=np.int64).reshape(len(old_numbers), new_count)
    numbers = [0] * new_count
    used_rows: set[int] = set()
    for place in np.argsort(-common, axis=None, kind="stable"):
        row, column = divmod(int(place), new_count)
        if common[row, column] == 0:
            break
        if row not in used_rows and numbers[column] == 0:
            numbers[column] = old_numbers[row]
            used_rows.add(row)
    following = max([0, *old_numbers]) + 1
    for column, number in enumerate(numbers):
        if number == 0:
            numbers[column] = following
            following += 1
    return tuple(numbers)

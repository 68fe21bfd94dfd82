"""What of a new result is left out because hand work on the earlier one says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..measurements.bodies import Bodies
from .edits import drawn_bodies, reference_lattice
from .geometry import ijk_to_local_ras
from .masks import Index, Mask
from .segment_names import name_of_id, structure_in

_MOSTLY = 0.5
"""A body of which this share lies in segments that stay is the same thing under another name."""
_SAME_LATTICE_MM = 1e-3


def bodies_drawn_by_hand(found: Bodies, staying: Mapping[str, Mask], segmentation_node: Any) -> set[int]:
    """Numbers of the bodies that segments which stay hold already.

    Args:
        found: of the new result.
        staying: by segment ID, where it is on the CT's grid.
        segmentation_node: with these segments.
    """
    count = len(found.bodies) + 1
    whole = np.bincount(found.numbers[found.box].ravel(), minlength=count)
    inside_any = np.zeros(count, np.int64)
    held: set[int] = set()
    for segment_id, part in staying.items():
        inside = np.bincount(part.read(found.numbers), minlength=count)
        inside_any += inside
        structure = structure_in(segmentation_node, segment_id)
        held |= {int(n) for n in np.flatnonzero(inside) if n and found.bodies[n - 1].structure is structure}
    return held | {int(n) for n in np.flatnonzero(inside_any > _MOSTLY * whole) if n}


def bodies_erased_by_hand(
    found: Bodies, staying: Mapping[str, Mask], segmentation_node: Any, volume_node: Any, drawn_anew: set[str]
) -> set[int]:
    """Numbers of the bodies that the AI drew before and that the user erased as a whole.

    Args:
        found, staying, segmentation_node: as above.
        volume_node: the CT.
        drawn_anew: IDs of the segments that nobody edited.
    """
    if not on_lattice_of(segmentation_node, volume_node):
        return set()
    erased: set[int] = set()
    for segment_id, places in drawn_bodies(segmentation_node).items():
        name = name_of_id(segment_id)
        for at in () if segment_id in drawn_anew or name is None else places:
            number = body_at(found, at)
            same = number and found.bodies[number - 1].structure is name.structure
            if same and not any(part.holds(at) for part in staying.values()):
                erased.add(number)
    return erased


def on_lattice_of(segmentation_node: Any, volume_node: Any) -> bool:
    """Whether the reference geometry of a segmentation is the CT's grid, so that their array positions are the same."""
    lattice = reference_lattice(segmentation_node)
    return lattice is not None and bool(np.abs(lattice - ijk_to_local_ras(volume_node)).max() < _SAME_LATTICE_MM)


def body_at(found: Bodies, at: Index) -> int:
    """The number of the body at an array position of the CT's grid; 0 if there is none, or no such position."""
    inside = all(0 <= n < size for n, size in zip(at, found.numbers.shape, strict=True))
    return int(found.numbers[at]) if inside else 0

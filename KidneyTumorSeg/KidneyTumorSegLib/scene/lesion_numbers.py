"""Names for the kidneys and lesions of a result: lesions that an earlier segmentation holds keep their numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..anatomy import LESIONS, Structure
from ..measurements import Lesion, Measurements
from ..measurements.bodies import Bodies, Body
from ..measurements.quantities import SIDES, Side
from .edits import drawn_bodies
from .leave_out import body_at, on_lattice_of
from .masks import Index, segment_ids, segment_part
from .numbering import stable_numbers
from .segment_names import SegmentName, add_segment, name_of_id, name_of_segment
from .volume_node import node_grid

_TOO_SMALL = "too small to list"


def names_of_bodies(found: Bodies, detail: str, earlier: Any, volume_node: Any) -> tuple[SegmentName, ...]:
    """The segment for each body.

    Args:
        found: of the new result.
        detail: "classes": one segment for each structure; "lesions": one for each kidney and each lesion.
        earlier: segmentation node with lesions of the same CT, or None.
        volume_node: the CT.
    """
    if detail == "classes":
        return tuple(SegmentName(body.structure) for body in found.bodies)
    names = {body: _unnumbered(body) for body in found.bodies}
    for structure in LESIONS:
        for side in SIDES:
            lesions = [body for body in found.bodies if body.structure is structure and body.side == side]
            numbers = _numbers(found, lesions, structure, side, earlier, volume_node)
            names.update({body: SegmentName(structure, side, n) for body, n in zip(lesions, numbers, strict=True)})
    return tuple(names[body] for body in found.bodies)


def renumbered(measurements: Measurements, segmentation_node: Any, volume_node: Any) -> Measurements:
    """Measurements of a segmentation whose lesions are numbered as its segments are.

    A lesion has the number of the segment of its kind and side in which its center lies. Others, and further bodies of
    one segment, get the next numbers that no segment has. Without segments for each lesion nothing changes.

    Args:
        measurements: of `label_map_from_node(segmentation_node, volume_node)`.
        segmentation_node: vtkMRMLSegmentationNode.
        volume_node: the CT.
    """
    lesions: list[Lesion] = []
    for structure in LESIONS:
        for side in SIDES:
            same = [one for one in measurements.lesions if (one.kind, one.side) == (structure.id, side)]
            lesions += _as_segments(
                same, _numbered_segments(segmentation_node, structure, side), segmentation_node, volume_node
            )
    return replace(measurements, lesions=tuple(lesions))


def new_lesion_segment(segmentation_node: Any, structure: Structure, side: Side) -> str:
    """An empty segment for one more lesion of a side, under a number that was never used there ("tumor_left_2")."""
    taken = _known_numbers(segmentation_node, structure, side)
    return add_segment(segmentation_node, SegmentName(structure, side, max(taken, default=0) + 1))


def _unnumbered(body: Body) -> SegmentName:
    return SegmentName(body.structure, body.side) if body.side else SegmentName(body.structure, note=_TOO_SMALL)


def _numbers(
    found: Bodies, lesions: list[Body], structure: Structure, side: str, earlier: Any, volume_node: Any
) -> tuple[int, ...]:
    if earlier is None:
        return stable_numbers([], [], len(lesions))
    there = _numbered_segments(earlier, structure, side)
    same_grid = on_lattice_of(earlier, volume_node)
    known = _known_numbers(earlier, structure, side)
    gone = {n: places if same_grid else () for n, places in known.items() if n not in there}
    columns = [found.bodies.index(body) + 1 for body in lesions]
    rows = []
    for segment_id in there.values():
        inside = segment_part(earlier, segment_id, volume_node).read(found.numbers)
        rows.append(np.bincount(inside, minlength=len(found.bodies) + 1)[columns])
    for places in gone.values():  # deleted: one voxel of it is known
        rows.append(np.array([sum(body_at(found, at) == column for at in places) for column in columns]))
    return stable_numbers(rows, [*there, *gone], len(lesions))


def _numbered_segments(segmentation_node: Any, structure: Structure, side: str) -> dict[int, str]:
    """The IDs of the segments of single lesions, by number."""
    found: dict[int, str] = {}
    for segment_id in segment_ids(segmentation_node):
        name = name_of_id(segment_id)
        if name is not None and (name.structure, name.side) == (structure, side) and name.number:
            found.setdefault(name.number, segment_id)
    return found


def _known_numbers(segmentation_node: Any, structure: Structure, side: str) -> dict[int, tuple[Index, ...]]:
    """All numbers that lesions have or had here, with a voxel of the reference lattice inside each of the AI's."""
    segmentation = segmentation_node.GetSegmentation()
    named = [(name_of_segment(one, segmentation.GetSegment(one)), ()) for one in segment_ids(segmentation_node)]
    named += [(name_of_id(one), at) for one, at in drawn_bodies(segmentation_node).items()]
    return {
        name.number: places
        for name, places in named
        if name is not None and name.number and (name.structure, name.side) == (structure, side)
    }


def _as_segments(
    lesions: list[Lesion], segments: dict[int, str], segmentation_node: Any, volume_node: Any
) -> list[Lesion]:
    """Lesions of one kind and side with the numbers of their segments, in the order of these."""
    if not segments:
        return lesions
    grid = node_grid(volume_node)
    left = {number: segment_part(segmentation_node, one, volume_node) for number, one in segments.items()}
    following = max(segments) + 1
    numbered = []
    for lesion in lesions:
        k, j, i = (int(n) for n in np.rint(grid.index(lesion.center_lps)))
        number = next((n for n, part in left.items() if part.holds((k, j, i))), 0)
        left.pop(number, None)
        if not number:
            number, following = following, following + 1
        numbered.append(replace(lesion, number=number))
    return sorted(numbered, key=lambda lesion: lesion.number)

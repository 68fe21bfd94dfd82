"""Segments to put a lesion or kidney tissue into: the one that there is, or a new one under the product's names."""

from __future__ import annotations

from typing import Any

from ..anatomy import Structure
from ..measurements.quantities import Side
from .edits import drawn_bodies
from .masks import segment_ids
from .segment_names import TERMINOLOGY_TAG, SegmentName, name_of_id, segments_of


def is_one_lesion(segment_id: str) -> bool:
    """Whether a segment is one lesion's own ("tumor_left_1")."""
    name = name_of_id(segment_id)
    return name is not None and name.number > 0


def side_in_id(segment_id: str) -> Side | None:
    """The side that a segment's ID names ("tumor_left_1": left), or None."""
    name = name_of_id(segment_id)
    if name is None or not name.side:
        return None
    return "left" if name.side == "left" else "right"


def class_segment(segmentation_node: Any, structure: Structure, side: Side) -> str:
    """The segment of a structure on a side, else of the whole structure; made if there is none."""
    there = [one for one in segments_of(segmentation_node, structure) if not is_one_lesion(one)]
    for wanted in (f"{structure.id}_{side}", structure.id, *(one for one in there if side_in_id(one) is None)):
        if wanted in there:
            return wanted
    by_side = any(side_in_id(one) for one in segment_ids(segmentation_node))
    return add_segment(segmentation_node, SegmentName(structure, side if by_side else ""))


def new_lesion_segment(segmentation_node: Any, structure: Structure, side: Side) -> str:
    """An empty segment for one more lesion of a side, under a number that was never used there ("tumor_left_2")."""
    known = (*segment_ids(segmentation_node), *drawn_bodies(segmentation_node))
    names = [name for name in map(name_of_id, known) if name is not None]
    taken = [name.number for name in names if (name.structure, name.side) == (structure, side)]
    return add_segment(segmentation_node, SegmentName(structure, side, max(taken, default=0) + 1))


def add_segment(segmentation_node: Any, called: SegmentName) -> str:
    """An empty segment under this name; its ID, which differs from the name's if that is taken."""
    segmentation = segmentation_node.GetSegmentation()
    segment_id = str(segmentation.AddEmptySegment(called.id, called.name, called.color_fraction))
    segmentation.GetSegment(segment_id).SetTag(TERMINOLOGY_TAG, called.terminology_entry)
    return segment_id

"""Which structure a segment holds, told by its ID, code or name; and segments made for one."""

from __future__ import annotations

import re
from typing import Any

import vtk

from ..anatomy import STRUCTURES, Structure
from ..measurements.quantities import Side
from .segment_voxels import segment_ids

_TERMINOLOGY_TAG = "TerminologyEntry"
_ID = re.compile(r"(?P<kind>[a-z]+?)(_(?P<side>left|right))?(_(?P<number>\d+))?")
_NAME = re.compile(r"((left|right) )?(?P<kind>[a-z]+?)( \d+)?")


def structure_of(segmentation_node: Any, segment_id: str) -> Structure | None:
    """The structure that a segment holds: by its ID ("tumor_left_1"), else its code, else its name. None: another."""
    by_name = {structure.id: structure for structure in STRUCTURES}
    match = _ID.fullmatch(segment_id)
    if match and match["kind"] in by_name:
        return by_name[match["kind"]]
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    entry = vtk.reference("")
    if segment.GetTag(_TERMINOLOGY_TAG, entry):
        fields = str(entry).split("~")
        for structure in STRUCTURES:
            if len(fields) > 2 and fields[2].split("^")[:2] == [structure.type.scheme, structure.type.value]:
                return structure
    match = _NAME.fullmatch(segment.GetName().strip().lower())
    return by_name.get(match["kind"]) if match else None


def segments_of(segmentation_node: Any, structure: Structure) -> tuple[str, ...]:
    """The IDs of all segments that hold a structure."""
    return tuple(one for one in segment_ids(segmentation_node) if structure_of(segmentation_node, one) is structure)


def side_in_id(segment_id: str) -> Side | None:
    """The side that a segment's ID names ("tumor_left_1": left), or None."""
    match = _ID.fullmatch(segment_id)
    if match is None or match["side"] is None:
        return None
    return "left" if match["side"] == "left" else "right"


def is_one_lesion(segment_id: str) -> bool:
    """Whether a segment is one lesion's own ("tumor_left_1")."""
    match = _ID.fullmatch(segment_id)
    return match is not None and match["number"] is not None


def class_segment(segmentation_node: Any, structure: Structure, side: Side) -> str:
    """The segment of a structure on a side, or of the whole structure; made if there is none."""
    ids = segment_ids(segmentation_node)
    for wanted in (f"{structure.id}_{side}", structure.id):
        if wanted in ids:
            return wanted
    found = [one for one in segments_of(segmentation_node, structure) if not is_one_lesion(one)]
    if found:
        return found[0]
    if any(side_in_id(one) for one in ids):
        return _add(segmentation_node, structure, f"{structure.id}_{side}", f"{side} {structure.name}")
    return _add(segmentation_node, structure, structure.id, structure.name)


def new_lesion_segment(segmentation_node: Any, structure: Structure, side: Side) -> str:
    """An empty segment for one more lesion of a side, under the next free number ("tumor_left_2")."""
    start = f"{structure.id}_{side}_"
    taken = [int(one[len(start) :]) for one in segment_ids(segmentation_node) if re.fullmatch(rf"{start}\d+", one)]
    number = max(taken, default=0) + 1
    return _add(segmentation_node, structure, f"{start}{number}", f"{side} {structure.name} {number}")


def _add(segmentation_node: Any, structure: Structure, segment_id: str, name: str) -> str:
    segmentation = segmentation_node.GetSegmentation()
    segment_id = segmentation.AddEmptySegment(segment_id, name, structure.color_fraction)
    segmentation.GetSegment(segment_id).SetTag(_TERMINOLOGY_TAG, structure.terminology_entry)
    return str(segment_id)

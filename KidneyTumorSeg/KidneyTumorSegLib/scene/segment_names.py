"""What a segment is, told by its code, its ID and its name; how the product's own segments are called; new ones."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..anatomy import CYST, STRUCTURES, TUMOR, Structure
from .masks import TERMINOLOGY_TAG, segment_ids, tag_of

if TYPE_CHECKING:  # SciPy comes with it, and the panel opens without
    from ..measurements.quantities import Side

ADDED = "_added"
"""End of the ID of a segment that takes what may not go into a segment that was edited by hand."""

_IDS = "|".join(structure.id for structure in STRUCTURES)
_ID = re.compile(rf"({_IDS})(?:_(left|right))?(?:_(\d+))?(?:{ADDED}(?:_\d+)?)?")
_NAME = re.compile(rf"(?:(left|right) )?({_IDS})(?: (left|right))?(?: (\d+))?(?: (left|right))?")
_BY_ID = {structure.id: structure for structure in STRUCTURES}
_SHADES = (0.0, 0.35, -0.3, 0.6, -0.5)
"""How far lesions 1, 2, ... are turned to white (+) or black (-), so that neighbors can be told apart."""


@dataclass(frozen=True)
class SegmentName:
    """How one of the product's segments is called.

    Attributes:
        structure: what it holds.
        side: "left", "right", or "" for a whole class.
        number: of a lesion; 0 for kidneys and whole classes.
        ending: of the ID.
        note: words after the name.
    """

    structure: Structure
    side: str = ""
    number: int = 0
    ending: str = ""
    note: str = ""

    @property
    def id(self) -> str:
        """The segment's ID: "tumor_left_1"."""
        return "_".join(filter(None, (self.structure.id, self.side, str(self.number or "")))) + self.ending

    @property
    def name(self) -> str:
        """The segment's name: "left tumor 1"."""
        words = (self.side, self.structure.name, str(self.number or ""), f"({self.note})" if self.note else "")
        return " ".join(filter(None, words))

    @property
    def terminology_entry(self) -> str:
        """The `TerminologyEntry` tag, with the side."""
        return self.structure.terminology_entry_on(self.side)

    @property
    def color_fraction(self) -> tuple[float, float, float]:
        """The structure's color, lighter or darker by the number; three fractions 0..1."""
        shade = _SHADES[(self.number - 1) % len(_SHADES)] if self.number else 0.0
        to = 1.0 if shade > 0 else 0.0
        red, green, blue = (one + (to - one) * abs(shade) for one in self.structure.color_fraction)
        return red, green, blue

    def added(self, count: int) -> SegmentName:
        """The name of a further segment for the same thing, beside one that is not to be touched."""
        return replace(self, ending=ADDED + (f"_{count}" if count > 1 else ""), note="added")

    def beside(self, taken: Container[str]) -> SegmentName:
        """This name, or that of a further segment if its ID is taken."""
        called, count = self, 0
        while called.id in taken:
            count += 1
            called = self.added(count)
        return called


def structure_of(segment_id: str, segment: Any) -> Structure | None:
    """What a segment holds, or None if it is nothing of ours.

    The code counts first where it is one of ours, for it is what a user changes who makes a tumor a cyst; a mass or
    cyst of another organ is none of ours. Then the ID counts, then the name ("tumor", "left tumor 2", "kidney left").
    """
    fields = tag_of(segment, TERMINOLOGY_TAG).split("~")
    scheme, value = [*(fields[2].split("^") if len(fields) > 2 else ()), "", ""][:2]
    for structure in STRUCTURES:
        if (scheme, value) == (structure.type.scheme, structure.type.value):
            return structure if _is_of_kidney(structure, fields) else None
    named = name_of_segment(segment_id, segment)
    return None if named is None else named.structure


def structure_in(segmentation_node: Any, segment_id: str) -> Structure | None:
    """What one of a node's segments holds, or None."""
    return structure_of(segment_id, segmentation_node.GetSegmentation().GetSegment(segment_id))


def segments_of(segmentation_node: Any, structure: Structure) -> tuple[str, ...]:
    """The IDs of all segments that hold a structure, in their order."""
    return tuple(one for one in segment_ids(segmentation_node) if structure_in(segmentation_node, one) is structure)


def name_of_id(segment_id: str) -> SegmentName | None:
    """What one of the product's own IDs says; None for others."""
    match = _ID.fullmatch(segment_id)
    if match is None:
        return None
    return SegmentName(_BY_ID[match[1]], match[2] or "", int(match[3] or 0))


def name_of_segment(segment_id: str, segment: Any) -> SegmentName | None:
    """Structure, side and number as ID and name of a segment tell them; None if neither does."""
    return name_of_id(segment_id) or _name_of_words(segment.GetName())


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


def add_segment(segmentation_node: Any, called: SegmentName) -> str:
    """An empty segment under this name; its ID, which differs from the name's if that is taken."""
    segmentation = segmentation_node.GetSegmentation()
    segment_id = str(segmentation.AddEmptySegment(called.id, called.name, called.color_fraction))
    segmentation.GetSegment(segment_id).SetTag(TERMINOLOGY_TAG, called.terminology_entry)
    return segment_id


def lesion_title(kind: str, side: str) -> str:
    """What people read of a lesion: "Left tumor"."""
    titles = {
        (TUMOR.id, "left"): _("Left tumor"),
        (TUMOR.id, "right"): _("Right tumor"),
        (CYST.id, "left"): _("Left cyst"),
        (CYST.id, "right"): _("Right cyst"),
    }
    return titles[kind, side]


def _name_of_words(text: str) -> SegmentName | None:
    match = _NAME.fullmatch(" ".join(text.lower().split()))
    if match is None:
        return None
    return SegmentName(_BY_ID[match[2]], match[1] or match[3] or match[5] or "", int(match[4] or 0))


def _is_of_kidney(structure: Structure, fields: list[str]) -> bool:
    """Whether the region, where one is told, is that of the structure."""
    region = fields[5].split("^")[:2] if len(fields) > 5 else ["", ""]
    if structure.region is None or not region[-1]:
        return True
    return region == [structure.region.scheme, structure.region.value]

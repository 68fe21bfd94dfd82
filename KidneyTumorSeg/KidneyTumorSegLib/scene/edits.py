"""Which segments the AI drew, and which of those were changed by hand since.

Each segment that the AI drew carries tags, which Slicer keeps in `.seg.nrrd` files, in scenes and in its own undo
history:

- `KidneyTumorSeg.Source`: `ai`;
- `KidneyTumorSeg.Digest`: what the mask was: SHA-256 of the segment's ID, the mask's box on the lattice of the
  segmentation's reference geometry, and the bits in it. Cropping, shared layers, label values, saving, moving under a
  transform and display change none of these; one painted voxel does.
- `KidneyTumorSeg.Meaning`: what it was called and which code it had: a segment that was renamed or given another
  code was corrected by hand too. Not part of it: the color.
- `KidneyTumorSeg.Volume`: its volume as the AI drew it, mL, so that it can be told how much a correction changed.
- `KidneyTumorSeg.Drawn`: the IDs of all segments that the AI drew into this node, with one voxel of each of their
  bodies, so that a segment or a body that was deleted by hand is known, and is not drawn again unasked.

A copy of a segment under another ID counts as changed by hand: what is not surely the AI's is protected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from .geometry import image_to_ras
from .masks import (
    BINARY_LABELMAP,
    TERMINOLOGY_TAG,
    Index,
    cropped_mask,
    lattice_offset,
    segment_ids,
    tag_of,
    voxels_of,
)

DIGEST_TAG = "KidneyTumorSeg.Digest"
SOURCE_TAG = "KidneyTumorSeg.Source"
MEANING_TAG = "KidneyTumorSeg.Meaning"
VOLUME_TAG = "KidneyTumorSeg.Volume"
DRAWN_TAG = "KidneyTumorSeg.Drawn"
_AI = "ai"
_EMPTY = "empty"

Bodies = Mapping[str, tuple[Index, ...]]
"""By segment ID, one voxel (k, j, i) of the reference lattice inside each of its bodies."""


def stamp(
    segmentation_node: Any, ids: Iterable[str], bodies: Bodies | None = None, forget: Collection[str] = ()
) -> None:
    """Note that these segments are as the AI drew them.

    Args:
        segmentation_node: vtkMRMLSegmentationNode.
        ids: of its segments.
        bodies: where their bodies lie, to know later which of them were erased by hand.
        forget: IDs that the AI drew before and that need not be remembered any more.
    """
    ids = tuple(ids)
    boxes = _Boxes()
    drawn = {one: places for one, places in drawn_bodies(segmentation_node).items() if one not in forget}
    drawn.update({one: (bodies or {}).get(one, ()) for one in ids})
    for one in ids:
        segment = segmentation_node.GetSegmentation().GetSegment(one)
        segment.SetTag(SOURCE_TAG, _AI)
        segment.SetTag(DIGEST_TAG, _digest(segmentation_node, one, boxes))
        segment.SetTag(MEANING_TAG, _meaning(segment))
        segment.SetTag(VOLUME_TAG, f"{_volume_ml(segmentation_node, one):.3f}")
    _write_drawn(segmentation_node, drawn)


def is_ai(segmentation_node: Any, segment_id: str) -> bool:
    """Whether the AI drew this segment, edited since or not."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    return segment is not None and tag_of(segment, SOURCE_TAG) == _AI


def edited_segments(segmentation_node: Any) -> tuple[str, ...]:
    """The IDs of the AI's segments that are not as the AI drew them: painted, erased, renamed or given another code."""
    boxes = _Boxes()
    return tuple(
        one
        for one in segment_ids(segmentation_node)
        if is_ai(segmentation_node, one) and _is_edited(segmentation_node, one, boxes)
    )


def fingerprint(segmentation_node: Any) -> str:
    """SHA-256, in hex, of what all segments cover, are called and mean, in their order.

    Painting, erasing, adding, removing, renaming, giving another code and reordering change it; how a segmentation is
    stored, shown or moved does not.
    """
    boxes = _Boxes()
    text = hashlib.sha256()
    for one in segment_ids(segmentation_node):
        segment = segmentation_node.GetSegmentation().GetSegment(one)
        text.update(f"{one}\n{_meaning(segment)}{_digest(segmentation_node, one, boxes)}".encode())
    return text.hexdigest()


def removed_segments(segmentation_node: Any) -> tuple[str, ...]:
    """The IDs of the AI's segments that were deleted; known as long as one of the AI's segments is left."""
    left = set(segment_ids(segmentation_node))
    return tuple(one for one in drawn_bodies(segmentation_node) if one not in left)


def volumes_ml(segmentation_node: Any, segment_id: str) -> tuple[float | None, float]:
    """A segment's volume as the AI drew it (None: it is not told), and as it is now, mL."""
    drawn = tag_of(segmentation_node.GetSegmentation().GetSegment(segment_id), VOLUME_TAG)
    return float(drawn) if drawn else None, _volume_ml(segmentation_node, segment_id)


def has_edits(segmentation_node: Any) -> bool:
    """Whether hand work on the AI's segments would be lost if they were drawn anew."""
    return bool(removed_segments(segmentation_node) or edited_segments(segmentation_node))


def drawn_bodies(segmentation_node: Any) -> dict[str, tuple[Index, ...]]:
    """All segments that the AI drew into this node, deleted ones too, and one voxel of each of their bodies."""
    for one in segment_ids(segmentation_node):
        text = tag_of(segmentation_node.GetSegmentation().GetSegment(one), DRAWN_TAG)
        if text:
            return dict(_read_drawn(part) for part in text.split(";"))
    return {}


def reference_lattice(segmentation_node: Any) -> npt.NDArray[np.float64] | None:
    """ijk to local RAS, 4x4, of the segmentation's reference geometry; None if it has none."""
    text = segmentation_node.GetSegmentation().GetConversionParameter("Reference image geometry")
    image = slicer.vtkOrientedImageData()
    if not text or not slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image, False):
        return None
    return image_to_ras(image)


class _Boxes:
    """The boxes of all labels of an image, found in one pass for all the segments that share it."""

    def __init__(self) -> None:
        self._of_image: dict[int, tuple[Any, list[tuple[slice, slice, slice] | None]]] = {}

    def box(self, image: Any, voxels: npt.NDArray[Any], value: int) -> tuple[slice, slice, slice] | None:
        """Where a label lies; None if no voxel has it."""
        from scipy import ndimage

        if id(image) not in self._of_image:
            whole = voxels if voxels.dtype.kind in "iu" else voxels.astype(np.int32)
            self._of_image[id(image)] = image, ndimage.find_objects(whole)
        _, found = self._of_image[id(image)]
        return found[value - 1] if 1 <= value <= len(found) else None


def _is_edited(segmentation_node: Any, segment_id: str, boxes: _Boxes) -> bool:
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if tag_of(segment, MEANING_TAG) != _meaning(segment):
        return True
    return tag_of(segment, DIGEST_TAG) != _digest(segmentation_node, segment_id, boxes)


def _digest(segmentation_node: Any, segment_id: str, boxes: _Boxes) -> str:
    """SHA-256 of what the segment covers, in hex."""
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.GetSourceRepresentationName() != BINARY_LABELMAP:
        return "no label map"  # a surface has become the truth
    segment = segmentation.GetSegment(segment_id)
    image = segment.GetRepresentation(BINARY_LABELMAP)
    voxels = voxels_of(image)
    box = None if voxels is None else boxes.box(image, voxels, segment.GetLabelValue())
    text = hashlib.sha256(segment_id.encode())
    if voxels is None or box is None:
        text.update(_EMPTY.encode())
        return text.hexdigest()
    mask = voxels[box] == segment.GetLabelValue()
    first = tuple(at + part.start for at, part in zip(_first_voxel(segmentation_node, image), box, strict=True))
    text.update(f"{first} {mask.shape}".encode())
    text.update(np.packbits(mask).tobytes())
    return text.hexdigest()


def _volume_ml(segmentation_node: Any, segment_id: str) -> float:
    mask = cropped_mask(segmentation_node, segment_id)
    return 0.0 if mask is None else mask.volume_ml


def _first_voxel(segmentation_node: Any, image: Any) -> Index:
    """Where the image begins on the reference lattice; on its own, if it is not on that one."""
    lattice = reference_lattice(segmentation_node)
    offset = None if lattice is None else lattice_offset(image, lattice)
    if offset is not None:
        return offset
    extent = image.GetExtent()
    return extent[4], extent[2], extent[0]


def _meaning(segment: Any) -> str:
    """Digest of a segment's name and of the value of its type's code."""
    fields = tag_of(segment, TERMINOLOGY_TAG).split("~")
    code = "^".join(fields[2].split("^")[:2]) if len(fields) > 2 else ""
    return hashlib.sha256(f"{segment.GetName()}\n{code}".encode()).hexdigest()[:16]


def _write_drawn(segmentation_node: Any, drawn: Bodies) -> None:
    text = ";".join(f"{one}@{'+'.join('.'.join(map(str, at)) for at in places)}" for one, places in drawn.items())
    for one in segment_ids(segmentation_node):
        if is_ai(segmentation_node, one):
            segmentation_node.GetSegmentation().GetSegment(one).SetTag(DRAWN_TAG, text)


def _read_drawn(text: str) -> tuple[str, tuple[Index, ...]]:
    one, _, places = text.partition("@")
    indices = []
    for place in filter(None, places.split("+")):
        k, j, i = (int(n) for n in place.split("."))
        indices.append((k, j, i))
    return one, tuple(indices)

"""Corrections by one click on the lesion at a place: call it something else, remove it, part it from its neighbor.

A lesion here is a 26-connected body of one segment that holds tumors or cysts: of the one segment of its class, or of
its own segment where each lesion has one. Bodies are looked for, and changed, on the segment's own lattice, so that
every orientation, also under a transform, is exact; only their box is touched, as Slicer's Segment Editor does it.

Distances and volumes are those before the segmentation's parent transform: the same, unless it stretches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from ..anatomy import KIDNEY, LESIONS, STRUCTURES, Structure
from ..errors import InputError, UsageError
from ..measurements.quantities import Side, format_value
from .geometry import from_world
from .lesion_numbers import new_lesion_segment
from .masks import Mask, cropped_mask, erase, paint
from .neck import part_at_neck
from .segment_names import ADDED, class_segment, is_one_lesion, lesion_title, segments_of
from .segmentation_node import refuse_surfaces
from .sides_in_scene import side_of
from .undo import Done, UndoPoint

World = tuple[float, float, float]
REACH_MM = 5.0
"""A click this near to a lesion means the lesion."""
NOTHING = "nothing"
_TARGETS = {structure.id: structure for structure in STRUCTURES}


@dataclass(frozen=True, eq=False)
class FoundLesion:
    """The lesion at a place.

    Attributes:
        segment_id: of the segment that it belongs to.
        structure: tumor or cyst.
        mask: its voxels.
        whole: whether it is all that its segment holds.
        seed: index (k, j, i) in the mask of the voxel nearest to the place.
    """

    segment_id: str
    structure: Structure
    mask: Mask
    whole: bool
    seed: tuple[int, int, int]


def relabel(segmentation_node: Any, volume_node: Any, position_lps: World, to: str, *, editor: Any = None) -> Done:
    """Make the lesion at a place a tumor, a cyst or kidney tissue, or remove it.

    Where each lesion has its own segment the lesion gets a new one of its new kind, and its old one goes when it is
    empty. Where a class has one segment the voxels move to the other class's, and an empty segment stays.

    Args:
        segmentation_node: to change.
        volume_node: the CT; its midline tells the side of a single kidney.
        position_lps: world LPS, mm; the nearest lesion within 5 mm is meant.
        to: "tumor", "cyst", "kidney" or "nothing".
        editor: the embedded qMRMLSegmentEditorWidget, if any: its Undo button then takes the change back too.

    Raises:
        InputError: there is no lesion, or it is that already; or the segmentation is made of surfaces.
        UsageError: another word for `to`.
    """
    if to != NOTHING and to not in _TARGETS:
        text = _("'{word}' is nothing that a lesion can be made. Use tumor, cyst, kidney or nothing.")
        raise UsageError(text.format(word=to))
    refuse_surfaces(segmentation_node)
    lesion = lesion_at(segmentation_node, position_lps)
    if to == lesion.structure.id:
        text = _("This is a {kind} already. Choose something else, or another lesion.")
        raise InputError(text.format(kind=to))
    side = side_of(segmentation_node, volume_node, lesion.segment_id, lesion.mask)
    point = UndoPoint(segmentation_node, editor)
    changed: list[str] = []
    with point.change():
        erase(segmentation_node, lesion.segment_id, lesion.mask)
        if to != NOTHING:
            changed.append(_target(segmentation_node, lesion, _TARGETS[to], side))
            paint(segmentation_node, changed[0], lesion.mask)
        if lesion.whole and _goes_when_empty(lesion.segment_id):
            segmentation_node.GetSegmentation().RemoveSegment(lesion.segment_id)
        else:
            changed.append(lesion.segment_id)
    outcomes = {NOTHING: _("{lesion}, was removed."), KIDNEY.id: _("{lesion}, is now kidney tissue.")}
    sentence = outcomes.get(to, _("{lesion}, is now a {kind}."))
    return Done(sentence.format(lesion=_title(lesion, side), kind=to), tuple(changed), point)


def split(segmentation_node: Any, volume_node: Any, position_lps: World, *, editor: Any = None) -> Done:
    """Part the lesion at a place from the one that it grew together with, at the neck between them.

    A layer one voxel thick between the two is cleared (or becomes kidney, where kidney lies around it): only so do
    they stay two lesions in every table, report and file. Where each lesion has its own segment, the part at the place
    gets a new one; where a class has one segment, both stay in it.

    Args:
        segmentation_node: to change.
        volume_node: the CT; its midline tells the side of a single kidney.
        position_lps: world LPS, mm; the nearest lesion within 5 mm is meant.
        editor: as above.

    Raises:
        InputError: there is no lesion, or it has no neck; or the segmentation is made of surfaces.
    """
    refuse_surfaces(segmentation_node)
    lesion = lesion_at(segmentation_node, position_lps)
    parts = part_at_neck(lesion.mask.voxels, lesion.mask.spacing, lesion.seed)
    side = side_of(segmentation_node, volume_node, lesion.segment_id, lesion.mask)
    if parts is None:
        text = _(
            "{lesion}, has no neck at which it could be parted. Cut it in the Segment Editor with Erase or Scissors."
        )
        raise InputError(text.format(lesion=_title(lesion, side)))
    part, rest, gap = (
        Mask(voxels, lesion.mask.start, lesion.mask.ijk_to_ras) for voxels in (parts.part, parts.rest, parts.gap)
    )
    point = UndoPoint(segmentation_node, editor)
    changed = [lesion.segment_id]
    with point.change():
        erase(segmentation_node, lesion.segment_id, gap)
        if is_one_lesion(lesion.segment_id):
            erase(segmentation_node, lesion.segment_id, part)
            changed.append(new_lesion_segment(segmentation_node, lesion.structure, side))
            paint(segmentation_node, changed[-1], part)
        kidney = _kidney_around(segmentation_node, lesion.mask, gap)
        if kidney is not None:
            changed.append(kidney)
            paint(segmentation_node, kidney, gap)
    if kidney is None:
        text = _("{lesion}, is now two: {part} mL at the crosshair and {rest} mL; {gap} mL between them was cleared.")
    else:
        text = _(
            "{lesion}, is now two: {part} mL at the crosshair and {rest} mL; "
            "{gap} mL between them is now kidney tissue."
        )
    volumes = {name: format_value(mask.volume_ml) for name, mask in (("part", part), ("rest", rest), ("gap", gap))}
    return Done(text.format(lesion=_title(lesion, side), **volumes), tuple(changed), point)


def lesion_at(segmentation_node: Any, position_lps: World) -> FoundLesion:
    """The lesion at a place, world LPS in mm, or the nearest within 5 mm; of equally near ones a tumor before a cyst.

    Raises:
        InputError: there is none.
    """
    from scipy import ndimage

    parent = segmentation_node.GetParentTransformNode()
    place = from_world(parent).TransformPoint(-position_lps[0], -position_lps[1], position_lps[2])
    best: tuple[float, str, Structure, Mask, tuple[int, int, int]] | None = None
    for structure in LESIONS:
        for segment_id in segments_of(segmentation_node, structure):
            mask = cropped_mask(segmentation_node, segment_id)
            found = None if mask is None else _nearest(mask, place)
            if mask is not None and found is not None and (best is None or found[0] < best[0]):
                best = (found[0], segment_id, structure, mask, found[1])
    if best is None:
        raise InputError(
            _("There is no tumor or cyst at the crosshair. Place it on one: hold Shift and move the mouse over it.")
        )
    _away, segment_id, structure, mask, seed = best
    bodies, count = ndimage.label(mask.voxels, np.ones((3, 3, 3)))
    body = Mask(bodies == bodies[seed], mask.start, mask.ijk_to_ras).cropped()
    assert body is not None
    k, j, i = (at + first - start for at, first, start in zip(seed, mask.start, body.start, strict=True))
    return FoundLesion(segment_id, structure, body, count == 1, (k, j, i))


def _nearest(mask: Mask, place: tuple[float, ...]) -> tuple[float, tuple[int, int, int]] | None:
    """Distance (mm) and index of the mask's voxel nearest to a place (RAS before the transform), if it is in reach.

    Measured to the voxel's faces, so that thick slices reach as far as they are seen; 0 inside of it.
    """
    center = mask.index(place)
    reach = np.ceil(REACH_MM / np.array(mask.spacing)) + 1
    low = np.clip(np.floor(center - reach), 0, mask.voxels.shape).astype(int)
    high = np.clip(np.ceil(center + reach) + 1, 0, mask.voxels.shape).astype(int)
    near = np.argwhere(mask.voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]) + low
    if not near.size:
        return None
    beyond_faces = np.maximum(np.abs(near - center) - 0.5, 0.0)
    away = np.linalg.norm(beyond_faces * mask.spacing, axis=1)
    n = int(away.argmin())
    k, j, i = (int(at) for at in near[n])
    return (float(away[n]), (k, j, i)) if away[n] <= REACH_MM else None


def _target(segmentation_node: Any, lesion: FoundLesion, structure: Structure, side: Side) -> str:
    """The segment that the lesion's voxels go to."""
    if structure is not KIDNEY and is_one_lesion(lesion.segment_id):
        return new_lesion_segment(segmentation_node, structure, side)
    return class_segment(segmentation_node, structure, side)


def _goes_when_empty(segment_id: str) -> bool:
    """A lesion's own segment, and one beside a corrected one; the segment of a class stays, to draw in."""
    return is_one_lesion(segment_id) or ADDED in segment_id


def _kidney_around(segmentation_node: Any, body: Mask, gap: Mask) -> str | None:
    """The kidney segment that holds more than half of what lies around the gap outside the lesion, if one does."""
    from scipy import ndimage

    padded = np.pad(gap.voxels, 1)
    ring = ndimage.binary_dilation(padded, np.ones((3, 3, 3), bool)) & ~np.pad(body.voxels, 1)
    places = np.argwhere(ring) - 1
    for segment_id in segments_of(segmentation_node, KIDNEY):
        kidney = cropped_mask(segmentation_node, segment_id)
        if kidney is None or not len(places):
            continue
        at = np.rint(kidney.index(body.ras(places))).astype(int)
        inside = ((at >= 0) & (at < kidney.voxels.shape)).all(axis=1)
        if 2 * np.count_nonzero(kidney.voxels[tuple(at[inside].T)]) > len(places):
            return segment_id
    return None


def _title(lesion: FoundLesion, side: Side) -> str:
    return f"{lesion_title(lesion.structure.id, side)}, {format_value(lesion.mask.volume_ml)} mL"

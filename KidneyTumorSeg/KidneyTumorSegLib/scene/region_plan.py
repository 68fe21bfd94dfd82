"""What a new result changes inside a region, segment by segment, and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from ..anatomy import KIDNEY, STRUCTURES
from ..measurements import body_midline_l_mm, measure
from ..measurements.bodies import Bodies, part_bodies
from ..measurements.quantities import format_value
from ..volume import LabelMap
from .edits import edited_segments, is_ai, stamp
from .leave_out import bodies_drawn_by_hand, bodies_erased_by_hand, on_lattice_of
from .lesion_numbers import names_of_bodies
from .masks import BoolArray, Index, Mask, cropped_mask, erase, paint, segment_ids, segment_part
from .segment_names import SegmentName, add_segment, is_one_lesion, side_in_id, structure_in
from .segmentation_node import label_map_from_node
from .volume_node import volume_from_node


@dataclass(frozen=True, eq=False)
class RegionPlan:
    """What changes.

    Attributes:
        erased: by segment ID, voxels that it loses.
        painted: by segment ID, voxels that it gets.
        new: names of the segments that are not there yet, by ID.
        stamped: by segment ID, one voxel of each kidney or lesion in it: what is then as the AI drew it.
        emptied: IDs of single lesions' segments that are left without a voxel, and go.
        sentence: what is done, in words.
    """

    erased: dict[str, Mask]
    painted: dict[str, Mask]
    new: dict[str, SegmentName]
    stamped: dict[str, tuple[Index, ...]]
    emptied: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, eq=False)
class _Told:
    """Kidneys and lesions with the new result inside the region and the old one outside, and their segments' names."""

    found: Bodies
    names: tuple[SegmentName, ...]


def plan_region(
    segmentation_node: Any, volume_node: Any, label_map: LabelMap, region: Mask, overwrite_edited: bool
) -> RegionPlan:
    """Compare a new result with what a segmentation has inside a region.

    Lesions are told and named on the whole scan (new inside, old outside), so that one that goes on outside of the
    region keeps its segment.

    Args:
        segmentation_node: as it is now.
        volume_node: the CT.
        label_map: the new result, on the CT's grid.
        region: voxels of the CT's lattice.
        overwrite_edited: also corrected segments and deleted lesions.
    """
    box = region.box
    edited = edited_segments(segmentation_node)
    ours = [one for one in segment_ids(segmentation_node) if structure_in(segmentation_node, one) is not None]
    anew = [one for one in ours if is_ai(segmentation_node, one) and (overwrite_edited or one not in edited)]
    staying = {one: segment_part(segmentation_node, one, volume_node) for one in ours if one not in anew}
    told = _told(segmentation_node, volume_node, label_map, region)
    out = bodies_drawn_by_hand(told.found, staying, segmentation_node)
    if not overwrite_edited:
        out |= bodies_erased_by_hand(told.found, staying, segmentation_node, volume_node, set(anew))
    numbers = np.where(region.voxels, told.found.numbers[box], 0)
    numbers[np.isin(numbers, list(out))] = 0
    for part in staying.values():
        numbers[part.within(box)] = 0
    called = {n: name.beside(staying) for n, name in enumerate(told.names, start=1) if n not in out}
    before = {one: segment_part(segmentation_node, one, volume_node).within(box) & region.voxels for one in anew}
    after = {one: np.zeros_like(region.voxels) for one in anew}
    for n in np.unique(numbers[numbers > 0]).tolist():
        mask = after.setdefault(called[n].id, np.zeros_like(region.voxels))
        mask |= numbers == n
    new = {name.id: name for name in called.values() if name.id in after and name.id not in anew}
    inside: dict[str, tuple[Index, ...]] = {}
    if on_lattice_of(segmentation_node, volume_node):
        for n, name in called.items():
            at = told.found.bodies[n - 1].inside
            inside[name.id] = inside.get(name.id, ()) + (() if at is None else (at,))
    kept = [segmentation_node.GetSegmentation().GetSegment(one).GetName() for one in edited if one in staying]
    erased = {one: before[one] & ~after[one] for one in anew}
    painted = {one: mask & ~before[one] if one in before else mask for one, mask in after.items()}
    return RegionPlan(
        _masks(erased, region),
        _masks(painted, region),
        new,
        {one: inside.get(one, ()) for one in after if one not in edited},
        tuple(one for one in anew if is_one_lesion(one) and _is_emptied(segmentation_node, one, erased, painted)),
        _sentence(after, called, segmentation_node, label_map.grid.voxel_volume_ml, kept),
    )


def draw_plan(segmentation_node: Any, plan: RegionPlan) -> tuple[str, ...]:
    """Change the segmentation; the IDs of the segments that changed and are there."""
    for segment_id, mask in plan.erased.items():
        erase(segmentation_node, segment_id, mask)
    for segment_id, mask in plan.painted.items():
        if segment_id in plan.new:
            add_segment(segmentation_node, plan.new[segment_id])
        paint(segmentation_node, segment_id, mask)
    changed = [one for one in segment_ids(segmentation_node) if one in plan.erased or one in plan.painted]
    left = [one for one in changed if one not in plan.emptied]
    for segment_id in plan.emptied:
        segmentation_node.GetSegmentation().RemoveSegment(segment_id)
    fresh = {one: plan.stamped[one] for one in left if one in plan.stamped}
    stamp(segmentation_node, fresh, fresh, plan.emptied)
    return tuple(left)


def _told(segmentation_node: Any, volume_node: Any, label_map: LabelMap, region: Mask) -> _Told:
    box = region.box
    labels = label_map_from_node(segmentation_node, volume_node).labels.copy()
    labels[box] = np.where(region.voxels, label_map.labels[box], labels[box])
    whole = LabelMap(labels, label_map.grid)
    found = part_bodies(whole, measure(whole, body_midline_l_mm(volume_from_node(volume_node))))
    by_lesion = any(side_in_id(one) for one in segment_ids(segmentation_node))
    detail = "lesions" if by_lesion else "classes"
    names = names_of_bodies(found, detail, segmentation_node, volume_node)
    return _Told(found, tuple(_as_drawn(name, segment_ids(segmentation_node)) for name in names))


def _as_drawn(name: SegmentName, there: tuple[str, ...]) -> SegmentName:
    """The name, or that of both kidneys' segment where lesions have segments of their own and kidneys have not."""
    both = SegmentName(name.structure)
    return both if name.structure is KIDNEY and name.id not in there and both.id in there else name


def _masks(voxels: dict[str, BoolArray], region: Mask) -> dict[str, Mask]:
    """Those with any voxel, each in its own smallest box."""
    cropped = {one: Mask(mask, region.start, region.ijk_to_ras).cropped() for one, mask in voxels.items()}
    return {one: mask for one, mask in cropped.items() if mask is not None}


def _is_emptied(
    segmentation_node: Any, segment_id: str, erased: dict[str, BoolArray], painted: dict[str, BoolArray]
) -> bool:
    whole = cropped_mask(segmentation_node, segment_id)
    has = 0 if whole is None else int(np.count_nonzero(whole.voxels))
    return bool(not painted[segment_id].any() and int(np.count_nonzero(erased[segment_id])) == has)


def _sentence(
    after: dict[str, BoolArray],
    called: dict[int, SegmentName],
    segmentation_node: Any,
    voxel_ml: float,
    kept: list[str],
) -> str:
    """What the region holds now, and what was kept."""
    structures = {name.id: name.structure for name in called.values()}
    volumes = dict.fromkeys(STRUCTURES, 0.0)
    for segment_id, mask in after.items():
        structure = structures.get(segment_id) or structure_in(segmentation_node, segment_id)
        if structure is not None:
            volumes[structure] += int(np.count_nonzero(mask)) * voxel_ml
    some, none = _("{structure} {volume} mL"), _("no {structure}")
    words = [(some if ml else none).format(structure=s.name, volume=format_value(ml)) for s, ml in volumes.items()]
    sentence = _("Drawn anew inside the region: {volumes}.").format(volumes=", ".join(words))
    if not kept:
        return sentence
    return " ".join([sentence, _("Kept as corrected by hand: {names}.").format(names=", ".join(kept))])

"""A run's result into the scene: as a new segmentation, in place of an earlier one, or added to it.

Hand work is never lost unasked. In an earlier segmentation the AI's segments are known, and so are those of them that
were edited by hand (`edits`). On "replace":

- the AI's segments that nobody edited are drawn anew, and go where the new result has nothing for them;
- an edited one stays exactly as it is. A kidney or lesion of the new result that shares a voxel with an edited segment
  of its structure is the same thing, and is left out: the user's drawing of it is final. So is one that lies mostly in
  edited segments of another structure (a tumor that was made a cyst);
- what the user deleted, or erased as a whole, is not drawn again;
- no new voxel goes into a segment that stays, if that is a kidney, a tumor or a cyst; what would have the ID of such a
  segment gets one of its own (`..._added`);
- the user's own segments are never touched. Those of other structures (a ureter) may overlap, as Slicer allows.

On "merge" everything stays, and what is new is added where no segment is at all: to the AI's segment of that name if
nobody edited it, else to one of its own (`..._added`). What the user deleted, or erased as a whole, is not new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import slicer
from slicer.i18n import tr as _

from ..anatomy import STRUCTURES, Structure
from ..checks import LesionConfidence
from ..errors import InputError, UsageError
from ..measurements import Measurements
from ..measurements.bodies import Bodies, part_bodies
from ..volume import LabelMap
from .confidences import keep_confidences
from .edits import drawn_bodies, edited_segments, is_ai, removed_segments, stamp
from .leave_out import bodies_drawn_by_hand, bodies_erased_by_hand, on_lattice_of
from .lesion_numbers import names_of_bodies
from .masks import CLOSED_SURFACE, Index, segment_ids, segment_part, shared_image
from .segment_names import SegmentName, structure_in
from .segmentation_node import new_segmentation_node, put_segment, refuse_moved_volume, refuse_unfit
from .undo import UndoPoint, undone_on_error

How = Literal["new", "replace", "merge"]
Detail = Literal["classes", "lesions"]
RECORD_ATTRIBUTE = "KidneyTumorSeg.RunRecord"


@dataclass(frozen=True, eq=False)
class Placed:
    """Where a result is in the scene.

    Attributes:
        node: the vtkMRMLSegmentationNode.
        kept: names of the AI's segments that were edited by hand and stay as they were.
        left_out_ml: volume of the new result that is left out because of hand work, mL; on "merge" of deleted lesions.
        before: takes the change back (`before.restore()`); None for a new node.
    """

    node: Any
    kept: tuple[str, ...] = ()
    left_out_ml: float = 0.0
    before: UndoPoint | None = None


@dataclass
class _Plan:
    """What is to be drawn into one segment: bodies of the result, and what it holds already."""

    called: SegmentName
    bodies: list[int] = field(default_factory=list)
    grows: bool = False


def place_result(
    label_map: LabelMap,
    measurements: Measurements,
    volume_node: Any,
    *,
    how: How = "new",
    detail: Detail = "classes",
    target: Any = None,
    overwrite_edited: bool = False,
    record_json: str = "",
    confidences: Iterable[LesionConfidence] = (),
    editor: Any = None,
) -> Placed:
    """Put a run's result into the scene. On any error the scene is as it was.

    Args:
        label_map: on the CT's grid.
        measurements: of this label map.
        volume_node: the CT.
        how: a new node, or what happens to the target (see above).
        detail: one segment for each class, or one for each kidney and each lesion; what is too small to be listed
            then comes together in the segment of its class.
        target: an earlier segmentation of this CT. Lesions that it holds keep their numbers, also in a new node.
        overwrite_edited: on "replace", draw the AI's segments anew although they were edited by hand.
        record_json: the run's record, kept with the node.
        confidences: what the network told of its lesions, kept with the node.
        editor: the embedded qMRMLSegmentEditorWidget, if any: its Undo button then takes the change back too.

    Raises:
        InputError: the CT was changed meanwhile; or the target is not there, lies under another transform, or is
            made of surfaces.
        UsageError: another word for `how` or `detail`.
    """
    if how not in ("new", "replace", "merge") or detail not in ("classes", "lesions"):
        text = _(
            "A result cannot be placed as '{how}' with '{detail}'. Use new, replace or merge, with classes or lesions."
        )
        raise UsageError(text.format(how=how, detail=detail))
    refuse_moved_volume(label_map, volume_node)
    if how != "new":
        refuse_target(target, volume_node)
    found = part_bodies(label_map, measurements)
    names = names_of_bodies(found, detail, target, volume_node)
    if how == "new":
        with undone_on_error():
            node = new_segmentation_node(volume_node)
            plans = _plans(node, names, range(1, len(names) + 1), (), grow=False)
            _add_empty(plans, node, STRUCTURES)
            _draw(node, volume_node, found.numbers, found, plans, ())
            _keep_record(node, record_json)
            keep_confidences(node, confidences)
        return Placed(node)
    edited = () if how == "replace" and overwrite_edited else edited_segments(target)
    kept = tuple(target.GetSegmentation().GetSegment(one).GetName() for one in edited)
    before = UndoPoint(target, editor)
    with undone_on_error(), before.change():
        has_surfaces = target.GetSegmentation().ContainsRepresentation(CLOSED_SURFACE)
        left_out = 0
        if how == "replace":
            left_out = _replace(target, volume_node, found, names, edited, overwrite_edited=overwrite_edited)
        else:
            left_out = _merge(target, volume_node, found, names, edited)
        if has_surfaces:
            target.GetSegmentation().RemoveRepresentation(CLOSED_SURFACE)
            target.CreateClosedSurfaceRepresentation()
        _keep_record(target, record_json)
        keep_confidences(target, confidences)
    return Placed(target, kept, left_out * label_map.grid.voxel_volume_ml, before)


def _replace(
    target: Any,
    volume_node: Any,
    found: Bodies,
    names: tuple[SegmentName, ...],
    edited: tuple[str, ...],
    *,
    overwrite_edited: bool,
) -> int:
    """Draw the AI's unedited segments anew; the number of voxels that found no place."""
    anew = {one for one in segment_ids(target) if is_ai(target, one) and one not in edited}
    staying = {one: segment_part(target, one, volume_node) for one in _of_ours(target) if one not in anew}
    out = bodies_drawn_by_hand(found, staying, target)
    gone = removed_segments(target)
    forget = anew | set(gone if overwrite_edited else ())
    if not overwrite_edited:
        out |= bodies_erased_by_hand(found, staying, target, volume_node, anew)
    numbers = _without(found, out)
    for part in staying.values():
        part.write(numbers, 0)
    plans = _plans(target, names, _present(numbers[found.box]), anew, grow=False)
    held = {structure_in(target, one) for one in staying}
    _add_empty(plans, target, [one for one in STRUCTURES if one not in held and one.id not in set(gone) - forget])
    _clear(target, anew)
    _draw(target, volume_node, numbers, found, plans, forget)
    for one in anew - set(plans):
        target.GetSegmentation().RemoveSegment(one)
    return int(np.count_nonzero(found.numbers[found.box]) - np.count_nonzero(numbers[found.box]))


def _merge(
    target: Any, volume_node: Any, found: Bodies, names: tuple[SegmentName, ...], edited: tuple[str, ...]
) -> int:
    """Add what is new where no segment is; the number of voxels of what was deleted by hand and is left out."""
    there = {one: segment_part(target, one, volume_node) for one in segment_ids(target)}
    numbers = _without(found, bodies_erased_by_hand(found, there, target, volume_node, set()))
    left_out = int(np.count_nonzero(found.numbers[found.box]) - np.count_nonzero(numbers[found.box]))
    for part in there.values():
        part.write(numbers, 0)
    may_grow = {one for one in segment_ids(target) if is_ai(target, one) and one not in edited}
    _draw(
        target,
        volume_node,
        numbers,
        found,
        _plans(target, names, _present(numbers[found.box]), may_grow, grow=True),
        (),
    )
    return left_out


def _plans(
    node: Any, names: tuple[SegmentName, ...], bodies: Iterable[int], ours: Collection[str], *, grow: bool
) -> dict[str, _Plan]:
    """By segment ID, what is drawn; segments that are there and not in `ours` are left alone.

    `grow`: those in `ours` keep what they hold.
    """
    there = set(segment_ids(node)) - set(ours)
    plans: dict[str, _Plan] = {}
    for number in bodies:
        called = names[number - 1].beside(there)
        plan = plans.setdefault(called.id, _Plan(called, grows=grow and called.id in ours))
        plan.bodies.append(number)
    return plans


def _add_empty(plans: dict[str, _Plan], node: Any, structures: Iterable[Structure]) -> None:
    """A structure of which nothing was found has an empty segment, to draw in."""
    for structure in structures:
        if not any(plan.called.structure is structure for plan in plans.values()):
            plans[structure.id] = _Plan(SegmentName(structure))


def _draw(
    node: Any,
    volume_node: Any,
    numbers: npt.NDArray[np.uint16],
    found: Bodies,
    plans: dict[str, _Plan],
    forget: Collection[str],
) -> None:
    """Draw bodies into segments that share one image, and note that they are the AI's."""
    if not plans:
        return
    values = _label_values(plans)
    of_body = np.zeros(len(found.bodies) + 1, np.uint8 if max(values.values()) < 256 else np.int16)
    for segment_id, plan in plans.items():
        of_body[plan.bodies] = values[segment_id]
    labels = np.zeros(numbers.shape, of_body.dtype)
    labels[found.box] = of_body[numbers[found.box]]
    known = drawn_bodies(node)
    inside: dict[str, tuple[Index, ...]] = {}
    grown = [one for one, plan in plans.items() if plan.grows]
    for segment_id in grown:
        segment_part(node, segment_id, volume_node).write(labels, values[segment_id])
    _clear(node, grown)
    image = shared_image(labels, volume_node)
    keeps_places = on_lattice_of(node, volume_node)
    for segment_id, plan in plans.items():
        put_segment(node, segment_id, plan.called, image, values[segment_id])
        places = [found.bodies[number - 1].inside for number in plan.bodies]
        new = tuple(at for at in places if keeps_places and at is not None and numbers[at])
        inside[segment_id] = (known.get(segment_id, ()) if segment_id in grown else ()) + new
    stamp(node, plans, inside, forget)


def _label_values(plans: dict[str, _Plan]) -> dict[str, int]:
    """Whole classes have their structure's value, others follow."""
    of_class = {structure.id: structure.value for structure in STRUCTURES}
    following = max(of_class.values()) + 1
    others = [segment_id for segment_id in plans if segment_id not in of_class]
    return {
        **{segment_id: of_class[segment_id] for segment_id in plans if segment_id in of_class},
        **{segment_id: following + n for n, segment_id in enumerate(others)},
    }


def _clear(node: Any, ids: Iterable[str]) -> None:
    """Take segments out of images that they share with others; the others keep their voxels."""
    segmentation = node.GetSegmentation()
    for segment_id in ids:
        sharing: list[str] = []  # asked so, for Slicer 5.12's IsSharedBinaryLabelmap says the opposite
        segmentation.GetSegmentIDsSharingBinaryLabelmapRepresentation(segment_id, sharing, False)
        if sharing:
            segmentation.ClearSegment(segment_id)


def _without(found: Bodies, out: Collection[int]) -> npt.NDArray[np.uint16]:
    """The numbers of the bodies, but for those left out."""
    kept = np.arange(len(found.bodies) + 1, dtype=np.uint16)
    kept[list(out)] = 0
    return found.mapped(kept)


def _present(numbers: npt.NDArray[np.uint16]) -> tuple[int, ...]:
    return tuple(int(n) for n in np.unique(numbers[numbers != 0]))


def _of_ours(node: Any) -> tuple[str, ...]:
    """The IDs of all segments that are a kidney, a tumor or a cyst, whoever drew them."""
    return tuple(one for one in segment_ids(node) if structure_in(node, one) is not None or is_ai(node, one))


def _keep_record(node: Any, record_json: str) -> None:
    if record_json:
        node.SetAttribute(RECORD_ATTRIBUTE, record_json)


def refuse_target(target: Any, volume_node: Any) -> None:
    """Check that a result can replace, or be merged into, a segmentation.

    Raises:
        InputError: it is not there, lies under another transform, or is made of surfaces.
    """
    if target is None or not slicer.mrmlScene.IsNodePresent(target):
        raise InputError(
            _("There is no segmentation to change. Choose one, or place the result as a new segmentation.")
        )
    refuse_unfit(target, volume_node, _("Or place the result as a new segmentation."))

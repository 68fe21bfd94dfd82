"""A run's result into the scene, and what the panel says about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..pipeline import Result
    from ..scene.results import Detail, How

Place = Callable[["Result", Any], "Shown"]
"""From a result and its volume node to what is shown."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A result in the scene.

    Attributes:
        node: the vtkMRMLSegmentationNode.
        remarks: sentences for the user.
        undo: takes the change of an older node back; None where there is nothing to take back.
    """

    node: Any
    remarks: tuple[str, ...] = ()
    undo: Callable[[], None] | None = None


def place_whole(
    how: How = "new", detail: Detail = "classes", target: Any = None, overwrite_edited: bool = False, editor: Any = None
) -> Place:
    """How to place a whole result; the arguments are those of `scene.results.place_result`."""

    def place(result: Result, volume_node: Any) -> Shown:
        from ..scene.results import place_result  # SciPy comes with it, and the panel opens without

        placed = place_result(
            result.label_map,
            result.measurements,
            volume_node,
            how=how,
            detail=detail,
            target=target,
            overwrite_edited=overwrite_edited,
            record_json=result.record.to_json(),
            confidences=result.confidences,
            editor=editor,
        )
        undo = placed.before.restore if placed.before is not None else None
        return Shown(placed.node, _remarks(placed.kept, placed.left_out_ml), undo)

    return place


def place_in_region(target: Any, region: Any, overwrite_edited: bool, editor: Any = None) -> Place:
    """How to place a result in one region only; the arguments are those of `scene.region.replace_in_region`."""

    def place(result: Result, volume_node: Any) -> Shown:
        from ..scene.region import replace_in_region

        labels, sure = result.label_map, result.confidences
        done = replace_in_region(target, volume_node, labels, region, overwrite_edited, confidences=sure, editor=editor)
        return Shown(target, (done.sentence,), done.undo)

    return place


def _remarks(kept: tuple[str, ...], left_out_ml: float) -> tuple[str, ...]:
    remarks = []
    if kept:
        remarks.append(_("Kept as edited by hand: {names}.").format(names=", ".join(kept)))
    if left_out_ml > 0:
        text = _("{volume:.1f} mL of the new result were left out, because your edits say otherwise there.")
        remarks.append(text.format(volume=left_out_ml))
    return tuple(remarks)

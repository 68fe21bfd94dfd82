"""From the panel's choices to a run: with which settings, and where its result goes. Asks before edits are replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..errors import UsageError
from ..settings import Settings
from .case import volume_of
from .placing import Place, place_in_region, place_whole

Plan = tuple[Settings, Place]


def whole_run(chosen: Any, settings: Settings, editor: Any = None) -> Plan:
    """A run of the whole CT. A segmentation of another CT is never replaced: then the result is a new one.

    Args:
        chosen: the parameter node.
        settings: of the run.
        editor: the embedded qMRMLSegmentEditorWidget, or None.

    Raises:
        InputError: the result would not fit into the chosen segmentation.
    """
    from ..scene.results import refuse_target  # SciPy comes with it, and the panel opens without

    target = chosen.outputSegmentation if _is_of(chosen.outputSegmentation, chosen.inputVolume) else None
    how = chosen.resultChoice if target is not None else "new"
    if how != "new":
        refuse_target(target, chosen.inputVolume)
    overwrite = how == "replace" and not keeps_edits(target)
    return settings, place_whole(how, "lesions" if chosen.lesionSegments else "classes", target, overwrite, editor)


def region_run(chosen: Any, settings: Settings, editor: Any = None) -> Plan:
    """A run inside the chosen region, whose result goes nowhere else.

    Raises:
        UsageError: no CT, region or segmentation is chosen, or a segmentation of another CT.
        InputError: the result would not fit into the chosen segmentation, or the region is outside of the CT.
    """
    from ..scene.region import refuse_other_voxels, region_box_mm, region_in_scan
    from ..scene.segmentation_node import refuse_unfit

    target, region = chosen.outputSegmentation, chosen.region
    if None in (target, region, chosen.inputVolume):
        raise UsageError(_("Choose a CT, a segmentation under Result and a region, then try again."))
    if volume_of(target) not in (None, chosen.inputVolume):
        text = _("'{name}' is a segmentation of '{scan}'. Choose that CT as the input volume, then try again.")
        raise UsageError(text.format(name=target.GetName(), scan=volume_of(target).GetName()))
    refuse_unfit(target, chosen.inputVolume)
    refuse_other_voxels(target, chosen.inputVolume)
    region_in_scan(region, chosen.inputVolume)
    where = replace(settings, box_mm=region_box_mm(region, chosen.inputVolume))
    return where, place_in_region(target, region, not keeps_edits(target), editor)


def _is_of(segmentation_node: Any, volume_node: Any) -> bool:
    """Whether a segmentation was made on a CT; one from a file does not tell, and lies on the CT's voxels if it was."""
    from ..scene.leave_out import on_lattice_of

    if segmentation_node is None:
        return False
    told = volume_of(segmentation_node)
    return told is volume_node if told is not None else on_lattice_of(segmentation_node, volume_node)


def place_region(chosen: Any) -> None:
    """Make a region around the kidneys that were found, and choose it."""
    from ..scene.region import roi_over

    target = chosen.outputSegmentation
    chosen.region = roi_over(target, volume_of(target) or chosen.inputVolume)


def keeps_edits(segmentation_node: Any) -> bool:
    """Whether segments that were edited by hand stay; the user is asked if there are any."""
    from ..scene.edits import edited_segments

    segmentation = segmentation_node.GetSegmentation()
    names = [segmentation.GetSegment(it).GetName() for it in edited_segments(segmentation_node)]
    if not names:
        return True
    question = _(
        "Edited by hand: {names}. Keep these segments as they are? Yes keeps them. "
        "No lets the new result replace them; Undo brings them back."
    )
    return bool(slicer.util.confirmYesNoDisplay(question.format(names=", ".join(names))))

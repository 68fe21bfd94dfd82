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
    """
    target = chosen.outputSegmentation
    how = chosen.resultChoice if target is not None and volume_of(target) is chosen.inputVolume else "new"
    overwrite = how == "replace" and not keeps_edits(target)
    return settings, place_whole(how, "lesions" if chosen.lesionSegments else "classes", target, overwrite, editor)


def region_run(chosen: Any, settings: Settings, editor: Any = None) -> Plan:
    """A run inside the chosen region, whose result goes nowhere else.

    Raises:
        UsageError: no region or no segmentation is chosen.
    """
    from ..scene.region import region_box_mm

    target, region = chosen.outputSegmentation, chosen.region
    if target is None or region is None:
        raise UsageError(_("Choose a segmentation under Result and a region, then try again."))
    where = replace(settings, box_mm=region_box_mm(region, chosen.inputVolume))
    return where, place_in_region(target, region, not keeps_edits(target), editor)


def place_region(chosen: Any) -> None:
    """Make a region around the kidneys that were found, and choose it."""
    from ..scene.region import roi_over

    chosen.region = roi_over(chosen.outputSegmentation, chosen.inputVolume)


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

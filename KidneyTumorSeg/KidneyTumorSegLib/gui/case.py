"""What the panel's lower half is about: one CT, one segmentation of it, and what both give when measured now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import InputError

if TYPE_CHECKING:
    from ..checks import Finding
    from ..measurements import Measurements
    from ..volume import LabelMap, Volume

_QUIET_MS = 700
"""So long after the last stroke the numbers are brought up to date: measuring while one paints would stutter."""


@dataclass(frozen=True, eq=False)
class Case:
    """A CT with a segmentation, measured.

    Attributes:
        volume_node, segmentation_node: vtkMRMLScalarVolumeNode and vtkMRMLSegmentationNode.
        volume: the CT.
        label_map: of the segmentation as it is now, on the CT's grid.
        measurements: of the label map.
        findings: doubts about this label map.
        from_model: whether the model drew any of its segments.
        edited: names of the segments that the model drew and somebody changed or deleted since, and of added ones;
            with how the volume changed.
        outside_ml: volume that lies outside of the CT, and is not measured.
    """

    volume_node: Any
    segmentation_node: Any
    volume: Volume
    label_map: LabelMap
    measurements: Measurements
    findings: tuple[Finding, ...]
    from_model: bool
    edited: tuple[str, ...]
    outside_ml: float


def read_case(volume_node: Any, segmentation_node: Any) -> Case | None:
    """Measure a segmentation; None if there is no CT or no segmentation.

    Raises:
        InputError: the CT cannot be used, or the segmentation holds nothing of a kidney, or nothing that is in the CT.
    """
    from ..checks import check_result
    from ..measurements import body_midline_l_mm, measure
    from ..scene.edits import is_ai
    from ..scene.lesion_numbers import renumbered
    from ..scene.masks import segment_ids
    from ..scene.segmentation_node import label_map_from_node, outside_ml
    from ..scene.volume_node import volume_from_node

    if volume_node is None or segmentation_node is None:
        return None
    volume = volume_from_node(volume_node)
    label_map = label_map_from_node(segmentation_node, volume_node)
    outside = outside_ml(segmentation_node, volume_node)
    if outside and not label_map.labels.any():
        text = _("'{name}' lies outside of '{scan}'. Choose the CT that it was made on as the input volume.")
        raise InputError(text.format(name=segmentation_node.GetName(), scan=volume_node.GetName()))
    from_model = any(is_ai(segmentation_node, one) for one in segment_ids(segmentation_node))
    edited = _hand_work(segmentation_node)
    measured = renumbered(measure(label_map, body_midline_l_mm(volume)), segmentation_node, volume_node)
    findings = check_result(volume, label_map)
    return Case(volume_node, segmentation_node, volume, label_map, measured, findings, from_model, edited, outside)


def _hand_work(segmentation_node: Any) -> tuple[str, ...]:
    """Names of kidneys, tumors and cysts that are not as the model drew them, and by how much."""
    from ..scene.edits import edited_segments, is_ai, removed_segments, volumes_ml
    from ..scene.masks import segment_ids
    from ..scene.segment_names import name_of_id, structure_in

    segmentation = segmentation_node.GetSegmentation()
    names = {one: segmentation.GetSegment(one).GetName() for one in segment_ids(segmentation_node)}
    added = [one for one in names if structure_in(segmentation_node, one) and not is_ai(segmentation_node, one)]
    deleted = [getattr(name_of_id(one), "name", one) for one in removed_segments(segmentation_node)]
    return (
        *(_with_change(names[one], *volumes_ml(segmentation_node, one)) for one in edited_segments(segmentation_node)),
        *(_("{name} (added)").format(name=names[one]) for one in added),
        *(_("{name} (deleted)").format(name=name) for name in deleted),
    )


def _with_change(name: str, drawn_ml: float | None, now_ml: float) -> str:
    """A segment's name, and its volume before and after where that differs."""
    from ..measurements.quantities import format_value

    if drawn_ml is None or format_value(drawn_ml) == format_value(now_ml):
        return name
    text = _("{name} ({drawn} mL as drawn, {now} mL now)")
    return text.format(name=name, drawn=format_value(drawn_ml), now=format_value(now_ml))


def volume_of(segmentation_node: Any) -> Any:
    """The CT that a segmentation was made on, or None if it does not tell."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return segmentation_node.GetNodeReference(role) if segmentation_node is not None else None


class Watcher:
    """Tells, a moment after the last change, that a segmentation was edited, or that it or its CT was moved.

    Args:
        on_change: called without arguments, from Qt's event loop.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._tags: list[tuple[Any, int]] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET_MS)
        self._timer.connect("timeout()", on_change)

    def watch(self, volume_node: Any, segmentation_node: Any) -> None:
        """Watch these nodes from now on; each may be None."""
        self.stop()
        for node in (volume_node, segmentation_node):
            if node is not None:
                self._observe(node, slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
        if segmentation_node is not None:
            kinds = slicer.vtkSegmentation
            self._observe(
                segmentation_node.GetSegmentation(),
                kinds.SourceRepresentationModified,
                kinds.SegmentAdded,
                kinds.SegmentRemoved,
                kinds.SegmentModified,
            )

    def stop(self) -> None:
        """Watch nothing."""
        self._timer.stop()
        for watched, tag in self._tags:
            watched.RemoveObserver(tag)
        self._tags = []

    def _observe(self, watched: Any, *events: int) -> None:
        self._tags += [(watched, watched.AddObserver(event, self._changed)) for event in events]

    def _changed(self, caller: Any, event: Any) -> None:
        self._timer.start()

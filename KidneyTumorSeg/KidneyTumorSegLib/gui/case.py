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
        edited: names of the segments that the model drew and somebody changed since.
        outside_ml: volume that lies outside of the CT, and is not measured.
    """

    volume_node: Any
    segmentation_node: Any
    volume: Volume
    label_map: LabelMap
    measurements: Measurements
    findings: tuple[Finding, ...]
    edited: tuple[str, ...]
    outside_ml: float


def read_case(volume_node: Any, segmentation_node: Any) -> Case | None:
    """Measure a segmentation; None if there is no CT or no segmentation.

    Raises:
        InputError: the CT cannot be used, or the segmentation holds nothing of a kidney, or nothing that is in the CT.
    """
    from ..checks import check_result
    from ..measurements import body_midline_l_mm, measure
    from ..scene.edits import edited_segments
    from ..scene.lesion_numbers import renumbered
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
    segmentation = segmentation_node.GetSegmentation()
    edited = tuple(segmentation.GetSegment(it).GetName() for it in edited_segments(segmentation_node))
    measured = renumbered(measure(label_map, body_midline_l_mm(volume)), segmentation_node, volume_node)
    findings = check_result(volume, label_map)
    return Case(volume_node, segmentation_node, volume, label_map, measured, findings, edited, outside)


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

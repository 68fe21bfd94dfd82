"""What the panel's lower half is about: one CT, one segmentation of it, and what both give when measured now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qt
import slicer

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
    """

    volume_node: Any
    segmentation_node: Any
    volume: Volume
    label_map: LabelMap
    measurements: Measurements
    findings: tuple[Finding, ...]
    edited: tuple[str, ...]


def read_case(volume_node: Any, segmentation_node: Any) -> Case | None:
    """Measure a segmentation; None if there is no CT or no segmentation.

    Raises:
        InputError: the CT cannot be used, or the segmentation holds nothing of a kidney.
    """
    from ..checks import check_result
    from ..measurements import body_midline_l_mm, measure
    from ..scene.edits import edited_segments
    from ..scene.lesion_numbers import renumbered
    from ..scene.segmentation_node import label_map_from_node
    from ..scene.volume_node import volume_from_node

    if volume_node is None or segmentation_node is None:
        return None
    volume = volume_from_node(volume_node)
    label_map = label_map_from_node(segmentation_node, volume_node)
    segmentation = segmentation_node.GetSegmentation()
    edited = tuple(segmentation.GetSegment(it).GetName() for it in edited_segments(segmentation_node))
    measured = renumbered(measure(label_map, body_midline_l_mm(volume)), segmentation_node, volume_node)
    return Case(volume_node, segmentation_node, volume, label_map, measured, check_result(volume, label_map), edited)


def volume_of(segmentation_node: Any) -> Any:
    """The CT that a segmentation was made on, or None if it does not tell."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return segmentation_node.GetNodeReference(role) if segmentation_node is not None else None


class Watcher:
    """Tells, a moment after the last change, that a segmentation was edited.

    Args:
        on_change: called without arguments, from Qt's event loop.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._segmentation: Any = None
        self._tags: list[int] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET_MS)
        self._timer.connect("timeout()", on_change)

    def watch(self, segmentation_node: Any) -> None:
        """Watch this node from now on, or none."""
        self.stop()
        if segmentation_node is None:
            return
        self._segmentation = segmentation_node.GetSegmentation()
        kinds = slicer.vtkSegmentation
        for event in (
            kinds.SourceRepresentationModified,
            kinds.SegmentAdded,
            kinds.SegmentRemoved,
            kinds.SegmentModified,
        ):
            self._tags.append(self._segmentation.AddObserver(event, self._changed))

    def stop(self) -> None:
        """Watch nothing."""
        self._timer.stop()
        for tag in self._tags:
            self._segmentation.RemoveObserver(tag)
        self._segmentation, self._tags = None, []

    def _changed(self, caller: Any, event: Any) -> None:
        self._timer.start()

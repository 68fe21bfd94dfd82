"""A segmentation as it was before a change, and the way back: one step, through Slicer's own vtkSegmentationHistory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from ..errors import InputError
from .masks import BINARY_LABELMAP, segment_ids, voxels_of


class UndoPoint:
    """Segments, their names, tags, colors, voxels and surfaces as they are now.

    It holds a copy of the voxels, cropped as the segmentation holds them (a few MB).
    """

    def __init__(self, segmentation_node: Any) -> None:
        self._node = segmentation_node
        self._history = slicer.vtkSegmentationHistory()
        self._history.SetSegmentation(segmentation_node.GetSegmentation())
        self._history.SaveState()
        self._after: str | None = None

    @property
    def available(self) -> bool:
        """Whether `restore` would do it: not undone yet, and nothing was edited since the change."""
        in_scene = self._node.GetScene() is not None
        return in_scene and self._after is not None and self._after == _digest(self._node)

    @contextmanager
    def change(self) -> Iterator[None]:
        """The change is the block. If it raises, the segmentation is as it was."""
        try:
            yield
        except BaseException:
            self._history.RestorePreviousState()
            raise
        self._after = _digest(self._node)

    def restore(self) -> None:
        """Undo the change.

        Raises:
            InputError: it was undone already, or the segmentation was edited since: those edits would be lost; or the
                segmentation was deleted.
        """
        if self._node.GetScene() is None:
            raise InputError(f"'{self._node.GetName()}' is no longer in the scene: there is nothing to undo.")
        if not self.available:
            raise InputError(
                f"'{self._node.GetName()}' was edited since, and undoing would lose those edits. "
                "Use Undo of the Segment Editor first, or correct by hand."
            )
        self._after = None
        self._history.RestorePreviousState()


@dataclass(frozen=True, eq=False)
class Done:
    """What was done to a segmentation.

    Attributes:
        sentence: in words, with mL.
        segment_ids: the segments whose voxels changed, also ones that are new; not those that are gone.
        undo_point: the way back.
    """

    sentence: str
    segment_ids: tuple[str, ...]
    undo_point: UndoPoint

    def undo(self) -> None:
        """Put the segmentation back as it was before.

        Raises:
            InputError: it was undone already, or the segmentation was edited since.
        """
        self.undo_point.restore()


def _digest(segmentation_node: Any) -> str:
    """Of all segments' IDs, label values and voxels."""
    digest = hashlib.blake2b()
    seen = set()
    for segment_id in segment_ids(segmentation_node):
        segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
        image = segment.GetRepresentation(BINARY_LABELMAP)
        extent = None if image is None else image.GetExtent()
        digest.update(repr((segment_id, segment.GetLabelValue(), extent)).encode())
        labels = voxels_of(image)
        if labels is None or image in seen:
            continue
        seen.add(image)
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()

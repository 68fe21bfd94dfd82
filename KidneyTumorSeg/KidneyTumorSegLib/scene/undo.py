"""Leave the scene as it was when something goes wrong half-way, and bring a segmentation back to what it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer

from ..errors import InputError
from .masks import segment_ids


class Snapshot:
    """A segmentation node as it is now: every voxel, name, color, tag, ID, order, how it is shown, its attributes.

    Restoring can be repeated; the node itself stays the same, so that editor and views go on showing it.
    """

    def __init__(self, segmentation_node: Any) -> None:
        """Copy it (images that segments share stay shared)."""
        self.node = segmentation_node
        self._segmentation = slicer.vtkSegmentation()
        self._segmentation.DeepCopy(segmentation_node.GetSegmentation())
        self._attributes = _attributes(segmentation_node)
        shown = segmentation_node.GetDisplayNode()
        self._display = None if shown is None else slicer.vtkMRMLSegmentationDisplayNode()
        if self._display is not None:
            self._display.CopyContent(shown)

    def restore(self) -> None:
        """Bring the node back to what it was.

        Raises:
            InputError: it is not in the scene any more.
        """
        if not slicer.mrmlScene.IsNodePresent(self.node):
            raise InputError("The segmentation was removed from the scene, so nothing can be undone in it.")
        modifying = self.node.StartModify()
        saved, current = self._segmentation, self.node.GetSegmentation()
        current.SetSourceRepresentationName(saved.GetSourceRepresentationName())
        current.CopyConversionParameters(saved)
        wanted = [saved.GetNthSegmentID(n) for n in range(saved.GetNumberOfSegments())]
        for segment_id in set(segment_ids(self.node)) - set(wanted):
            current.RemoveSegment(segment_id)
        copies: dict[int, tuple[Any, Any]] = {}
        for segment_id in wanted:
            there = current.GetSegment(segment_id)
            segment = there or slicer.vtkSegment()
            _fill(segment, saved.GetSegment(segment_id), copies)
            if there is None:
                current.AddSegment(segment, segment_id)
        current.ReorderSegments(wanted)
        if self._display is not None and self.node.GetDisplayNode() is not None:
            self.node.GetDisplayNode().CopyContent(self._display)
        for name in set(_attributes(self.node)) - set(self._attributes):
            self.node.RemoveAttribute(name)
        for name, value in self._attributes.items():
            self.node.SetAttribute(name, value)
        self.node.EndModify(modifying)
        self.node.Modified()


def undo_point(segmentation_node: Any, editor: Any = None) -> Snapshot:
    """Remember a segmentation before it is changed.

    Args:
        segmentation_node: vtkMRMLSegmentationNode.
        editor: the embedded qMRMLSegmentEditorWidget, if there is one: when it edits this node, the state goes into
            its history too, so that its own Undo button takes the change back.

    Returns:
        What `restore` brings the node back with, with or without an editor.
    """
    if editor is not None and editor.segmentationNode() is segmentation_node:
        editor.saveStateForUndo()
    return Snapshot(segmentation_node)


@contextmanager
def restored_on_error(segmentation_node: Any, before: Snapshot | None = None) -> Iterator[Snapshot]:
    """If the block raises, the segmentation is brought back to what it was before."""
    before = before or Snapshot(segmentation_node)
    try:
        yield before
    except BaseException:
        if slicer.mrmlScene.IsNodePresent(segmentation_node):
            before.restore()
        raise


@contextmanager
def undone_on_error() -> Iterator[None]:
    """If the block raises, remove every node that was added inside it, and its place in the subject hierarchy."""
    before = _node_ids()
    try:
        yield
    except BaseException:
        for node_id in _node_ids() - before:
            _remove(node_id)
        raise


def _fill(segment: Any, saved: Any, copies: dict[int, tuple[Any, Any]]) -> None:
    """Make a segment what another one is; what several segments share is copied once and shared again.

    Handing over the images of a vtkSegmentation instead would lose them: it empties them when it goes.
    """
    segment.DeepCopyMetadata(saved)
    segment.RemoveAllRepresentations()
    names: list[str] = []
    saved.GetContainedRepresentationNames(names)
    for name in names:
        original = saved.GetRepresentation(name)
        if id(original) not in copies:
            copies[id(original)] = original, original.NewInstance()  # not by hash: VTK's data sets have none
            copies[id(original)][1].DeepCopy(original)
        segment.AddRepresentation(name, copies[id(original)][1])


def _attributes(node: Any) -> dict[str, str]:
    return {name: node.GetAttribute(name) for name in node.GetAttributeNames()}


def _remove(node_id: str) -> None:
    node = slicer.mrmlScene.GetNodeByID(node_id)
    if node is None:  # it went with another one
        return
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    if item := tree.GetItemByDataNode(node):
        tree.RemoveItem(item, False)
    slicer.mrmlScene.RemoveNode(node)


def _node_ids() -> set[str]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}

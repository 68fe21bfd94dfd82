"""Bring a segmentation back to what it was before a change; leave the scene as it was when something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from .edits import fingerprint
from .masks import CLOSED_SURFACE, segment_ids

_NODE = ""
"""In the place of a segment's ID."""
_SHOWN = (
    "Visibility",
    "Visibility3D",
    "Visibility2DFill",
    "Visibility2DOutline",
    "Opacity3D",
    "Opacity2DFill",
    "Opacity2DOutline",
    "Pickable",
)
_COLOR = "color"

Around = dict[tuple[str, str], Any]
"""What stands around the voxels: by ("", name) the node's attributes, by (segment ID, property) how segments look."""


class UndoPoint:
    """A segmentation node before a change, and the way back.

    It holds a copy of every voxel (as cropped as the segmentation holds them), surface, name, color, tag and ID, of
    their order, of how each segment is shown, and of the node's attributes. The node itself stays the same, so that
    editor and views go on showing it.
    """

    def __init__(self, segmentation_node: Any, editor: Any = None) -> None:
        """Copy it.

        Args:
            segmentation_node: vtkMRMLSegmentationNode.
            editor: the embedded qMRMLSegmentEditorWidget, if there is one: when it edits this node, the state goes into
                its history too, so that its own Undo button takes the change back.
        """
        if editor is not None and editor.segmentationNode() is segmentation_node:
            editor.saveStateForUndo()
        self._node = segmentation_node
        self._saved = slicer.vtkSegmentation()
        self._saved.DeepCopy(segmentation_node.GetSegmentation())  # images that segments share stay shared
        self._before, self._around_before = fingerprint(segmentation_node), _around(segmentation_node)
        self._after, self._around_after = self._before, self._around_before
        self.restored = False

    @property
    def available(self) -> bool:
        """Whether `restore` would take the change back: it was not taken back, and nothing was edited since."""
        return self._in_scene and not self.restored and fingerprint(self._node) == self._after

    @contextmanager
    def change(self) -> Iterator[None]:
        """The change is the block. If it raises, the segmentation is as it was."""
        try:
            yield
        except BaseException:
            if self._in_scene:
                self._bring_back(_around(self._node))
            raise
        self._after, self._around_after = fingerprint(self._node), _around(self._node)

    def restore(self) -> None:
        """Take the change back; once more does nothing.

        Attributes, colors and display settings that somebody changed since stay.

        Raises:
            InputError: segments were edited since: those edits would be lost; or the segmentation was removed.
        """
        name = self._node.GetName()
        if not self._in_scene:
            text = _("'{name}' was removed from the scene, so nothing can be undone in it.")
            raise InputError(text.format(name=name))
        if fingerprint(self._node) not in (self._before, self._after):
            text = _(
                "'{name}' was edited since, and undoing would lose those edits. "
                "Use Undo of the Segment Editor first, or correct by hand."
            )
            raise InputError(text.format(name=name))
        self._bring_back(self._around_after)
        self._around_after, self.restored = self._around_before, True

    @property
    def _in_scene(self) -> bool:
        return bool(slicer.mrmlScene.IsNodePresent(self._node))

    def _bring_back(self, around_after: Around) -> None:
        now = _around(self._node)
        modifying = self._node.StartModify()
        _restore_segments(self._node, self._saved)
        for key in now.keys() | self._around_before.keys():
            since = now.get(key) != around_after.get(key)
            _set_around(self._node, key, now.get(key) if since else self._around_before.get(key))
        self._node.EndModify(modifying)
        self._node.Modified()


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
            InputError: it was undone already, the segmentation was edited since, or it was removed.
        """
        if self.undo_point.restored:
            raise InputError(_("This change was taken back already."))
        self.undo_point.restore()


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


def _restore_segments(segmentation_node: Any, saved: Any) -> None:
    """Make the node's segments what they were; surfaces that are shown by now are made of them."""
    current = segmentation_node.GetSegmentation()
    surfaces = current.ContainsRepresentation(CLOSED_SURFACE) and not saved.ContainsRepresentation(CLOSED_SURFACE)
    current.SetSourceRepresentationName(saved.GetSourceRepresentationName())
    current.CopyConversionParameters(saved)
    wanted = [saved.GetNthSegmentID(n) for n in range(saved.GetNumberOfSegments())]
    for segment_id in set(segment_ids(segmentation_node)) - set(wanted):
        current.RemoveSegment(segment_id)
    copies: dict[int, tuple[Any, Any]] = {}
    for segment_id in wanted:
        there = current.GetSegment(segment_id)
        segment = there or slicer.vtkSegment()
        _fill(segment, saved.GetSegment(segment_id), copies)
        if there is None:
            current.AddSegment(segment, segment_id)
    current.ReorderSegments(wanted)
    if surfaces:
        segmentation_node.CreateClosedSurfaceRepresentation()


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


def _around(segmentation_node: Any) -> Around:
    found: Around = {
        (_NODE, name): segmentation_node.GetAttribute(name) for name in segmentation_node.GetAttributeNames()
    }
    display = segmentation_node.GetDisplayNode()
    for segment_id in segment_ids(segmentation_node):
        found[segment_id, _COLOR] = segmentation_node.GetSegmentation().GetSegment(segment_id).GetColor()
        for name in () if display is None else _SHOWN:
            found[segment_id, name] = getattr(display, f"GetSegment{name}")(segment_id)
    return found


def _set_around(segmentation_node: Any, key: tuple[str, str], value: Any) -> None:
    segment_id, name = key
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if segment_id == _NODE and value is None:
        segmentation_node.RemoveAttribute(name)
    elif segment_id == _NODE:
        segmentation_node.SetAttribute(name, value)
    elif segment is not None and value is not None:
        if name == _COLOR:
            segment.SetColor(*value)
        elif segmentation_node.GetDisplayNode() is not None:
            getattr(segmentation_node.GetDisplayNode(), f"SetSegment{name}")(segment_id, value)


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

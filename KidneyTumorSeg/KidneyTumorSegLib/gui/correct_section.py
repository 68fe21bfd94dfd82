"""Correct by hand: Slicer's Segment Editor inside the panel, set up for kidneys, and a region to segment again."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

_EFFECTS = ["Paint", "Erase", "Draw", "Scissors", "Islands", "Smoothing", "Grow from seeds", "Fill between slices"]
_UNDO_STATES = 10
_EDITOR_NODE = "KidneyTumorSegEditor"


class CorrectSection:
    """The editor is made when the section is first opened: it costs, and not everybody corrects.

    Args:
        ui: the panel's widgets by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._editor: Any = None
        self._nodes: tuple[Any, Any] = (None, None)
        self._active = self._open = False
        ui.correctSection.connect("contentsCollapsed(bool)", self._toggled)
        self.show(None, None)

    @property
    def editor(self) -> Any:
        """The qMRMLSegmentEditorWidget, or None until the section was opened."""
        return self._editor

    def show(self, volume_node: Any, segmentation_node: Any) -> None:
        """Edit this segmentation over this CT from now on."""
        self._nodes = (volume_node, segmentation_node)
        there = volume_node is not None and segmentation_node is not None
        self._ui.editorFrame.setEnabled(there)
        for widget in (self._ui.placeRegionButton, self._ui.regionSelector):
            widget.setEnabled(there)
        self._bind()

    def enter(self) -> None:
        """The panel is shown: the editor may listen to the views."""
        self._active = True
        self._bind()

    def exit(self) -> None:
        """The panel is left, or the scene closes: the editor lets go of views and nodes."""
        self._active = False
        self._bind()

    def _toggled(self, collapsed: bool) -> None:
        self._open = not collapsed
        if self._open and self._editor is None:
            self._editor = self._new_editor()
            self._ui.editorFrame.layout().addWidget(self._editor)
        self._bind()

    def _bind(self) -> None:
        """Nodes into the editor and views to listen to, or neither."""
        if self._editor is None:
            return
        if not (self._active and self._open):
            self._editor.setActiveEffectByName("")
            self._editor.uninstallKeyboardShortcuts()
            self._editor.removeViewObservations()
            self._editor.setSegmentationNode(None)
            self._editor.setSourceVolumeNode(None)
            return
        self._editor.setMRMLSegmentEditorNode(_editor_node())
        self._editor.setSegmentationNode(self._nodes[1])
        self._editor.setSourceVolumeNode(self._nodes[0])
        self._editor.setupViewObservations()
        self._editor.installKeyboardShortcuts()

    def _new_editor(self) -> Any:
        editor = slicer.qMRMLSegmentEditorWidget()
        editor.setMaximumNumberOfUndoStates(_UNDO_STATES)
        editor.setMRMLSegmentEditorNode(_editor_node())
        editor.setMRMLScene(slicer.mrmlScene)
        editor.setSegmentationNodeSelectorVisible(False)
        editor.setSourceVolumeNodeSelectorVisible(False)
        editor.setSwitchToSegmentationsButtonVisible(False)
        editor.setEffectNameOrder(_EFFECTS)
        editor.unorderedEffectsVisible = False  # a property: Slicer has no slot for it
        editor.setToolTip(_("Slicer's Segment Editor. One voxel is one thing: what you paint replaces what was there."))
        return editor


def _editor_node() -> Any:
    """The editor's choices in this scene: painting one segment takes the voxels from the others."""
    node = slicer.mrmlScene.GetSingletonNode(_EDITOR_NODE, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(_EDITOR_NODE)
        node = slicer.mrmlScene.AddNode(node)
        node.SetOverwriteMode(node.OverwriteAllSegments)
        node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere)
    return node

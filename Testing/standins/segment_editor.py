"""The Segment Editor's widget without its window: Slicer's own vtkSlicerSegmentEditorLogic behind it.

Follows Modules/Loadable/Segmentations/Widgets/qMRMLSegmentEditorWidget.cxx (segmentationNode, saveStateForUndo, undo)
and Modules/Loadable/Segmentations/EditorEffects/qSlicerSegmentEditorAbstractEffect.cxx (saveStateForUndo, then
modifySegmentByLabelmap).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk


class SegmentEditor:
    """Edits a segmentation over a CT, each stroke an undo step."""

    def __init__(self, segmentation_node: Any, volume_node: Any) -> None:
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetMRMLScene(slicer.mrmlScene)
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.logic.SetSegmentEditorNode(self.node)
        self.logic.SetSegmentationNode(segmentation_node)
        self.logic.SetSourceVolumeNode(volume_node)
        self._volume = volume_node

    def segmentationNode(self) -> Any:
        return self.logic.GetSegmentationNode()

    def saveStateForUndo(self) -> None:
        self.logic.SaveStateForUndo()

    def undo(self) -> None:
        self.logic.Undo()

    def paint(self, segment_id: str, voxels: Any) -> None:
        """Give voxels (bool [k, j, i] on the CT's grid) to a segment, and take them from the others."""
        self._stroke(segment_id, voxels, self.logic.ModificationModeAdd)

    def erase(self, segment_id: str, voxels: Any) -> None:
        """Take voxels from a segment."""
        self._stroke(segment_id, voxels, self.logic.ModificationModeRemove)

    def _stroke(self, segment_id: str, voxels: Any, mode: Any) -> None:
        self.saveStateForUndo()
        self.logic.SetCurrentSegmentID(segment_id)
        image = slicer.vtkOrientedImageData()
        k, j, i = voxels.shape
        image.SetExtent(0, i - 1, 0, j - 1, 0, k - 1)
        values = np.ascontiguousarray(voxels, dtype=np.uint8).ravel()
        image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
        matrix = vtk.vtkMatrix4x4()
        self._volume.GetIJKToRASMatrix(matrix)
        image.SetGeometryFromImageToWorldMatrix(matrix)
        self.logic.ModifySegmentByLabelmap(self.segmentationNode(), segment_id, image, mode, False, False)

"""A scan in the scene to a `Volume`, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import get_vtk_array_type, numpy_to_vtk, vtk_to_numpy

from ..errors import InputError
from ..volume import Grid, Volume
from ..volume.values import compact
from .geometry import ijk_to_local_ras, matrix_from_array, ras_from_lps, rigid_parent

_ABDOMEN_WINDOW_HU, _ABDOMEN_LEVEL_HU = 400.0, 40.0


def volume_from_node(node: Any) -> Volume:
    """The CT that a volume node holds.

    Voxels stored as int16 are not copied: the result is a view of the node's memory, kept alive by the result, and
    must not be edited while it is in use. Other number types are copied, as by the readers of files (`compact`).

    The affine leads to the patient's world (LPS, mm). A parent transform that only turns, moves or mirrors is
    included. One that bends, shears or scales cannot be: then the affine is that of the scan as it was acquired, and
    `notes` says so.

    Args:
        node: vtkMRMLScalarVolumeNode.

    Raises:
        InputError: no node, a color image, a label map, a time series, or no voxels.
    """
    _refuse_what_is_no_scan(node)
    image = node.GetImageData()
    i, j, k = image.GetDimensions()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)
    grid, notes = _world_grid(node, (k, j, i))
    return Volume(compact(voxels), grid, "CT", str(node.GetName()), notes)


def volume_to_node(volume: Volume, name: str) -> Any:
    """A new vtkMRMLScalarVolumeNode with a copy of the voxels, shown with an abdomen window."""
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(volume.grid.shape))
    voxels = np.ascontiguousarray(volume.voxels)
    scalars = numpy_to_vtk(voxels.ravel(), deep=True, array_type=get_vtk_array_type(voxels.dtype))
    image.GetPointData().SetScalars(scalars)
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLScalarVolumeNode", slicer.mrmlScene.GetUniqueNameByString(name) or name
    )
    node.SetIJKToRASMatrix(matrix_from_array(ras_from_lps(volume.affine)))
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().AutoWindowLevelOff()
    node.GetDisplayNode().SetWindowLevel(_ABDOMEN_WINDOW_HU, _ABDOMEN_LEVEL_HU)
    return node


def likely_ct() -> Any:
    """The first volume in the scene that can be a CT, or None."""
    nodes = slicer.mrmlScene.GetNodesByClass("vtkMRMLScalarVolumeNode")
    nodes.UnRegister(slicer.mrmlScene)
    for n in range(nodes.GetNumberOfItems()):
        node = nodes.GetItemAsObject(n)
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors():
            return node
    return None


def node_grid(node: Any) -> Grid:
    """The grid that `volume_from_node` gives to this volume node's voxels, or refuses."""
    _refuse_what_is_no_scan(node)
    i, j, k = node.GetImageData().GetDimensions()
    return _world_grid(node, (k, j, i))[0]


def stored_grid(node: Any) -> Grid:
    """The grid of a volume node's voxels as its file has it: before any parent transform."""
    return Grid(node_grid(node).shape, ras_from_lps(ijk_to_local_ras(node)))


def _refuse_what_is_no_scan(node: Any) -> None:
    if node is None:
        raise InputError("No volume is chosen. Load a CT and choose it as the input volume.")
    name = node.GetName()
    if node.IsA("vtkMRMLSequenceNode"):
        raise InputError(f"'{name}' is a time series. Choose one of its time points as the input volume.")
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(f"'{name}' is not a volume. Choose a CT as the input volume.")
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f"'{name}' is a label map, not a CT. Choose the CT that it was drawn on.")
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None or 0 in image.GetDimensions():
        raise InputError(f"'{name}' holds no voxels. Load the CT again and choose it as the input volume.")
    components = image.GetNumberOfScalarComponents()
    if node.IsA("vtkMRMLMultiVolumeNode") or node.IsA("vtkMRMLDiffusionWeightedVolumeNode"):
        raise InputError(f"'{name}' holds several volumes in one (4D). Choose a single CT volume.")
    if components != 1 or node.IsA("vtkMRMLTensorVolumeNode") or node.IsA("vtkMRMLVectorVolumeNode"):
        raise InputError(
            f"'{name}' is a color image or has {components} values in each voxel. Choose a CT with one value per voxel."
        )


def _world_grid(node: Any, shape: tuple[int, int, int]) -> tuple[Grid, tuple[str, ...]]:
    local = ijk_to_local_ras(node)
    to_world = rigid_parent(node)
    if to_world is not None:
        return Grid(shape, ras_from_lps(to_world @ local)), ()
    note = (
        "The scan lies under a transform that bends or stretches it: it is segmented and measured as it was acquired; "
        "the segmentation follows the transform."
    )
    return Grid(shape, ras_from_lps(local)), (note,)

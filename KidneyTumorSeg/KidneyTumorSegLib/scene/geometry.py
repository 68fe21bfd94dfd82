"""RAS of the scene to LPS of the library and back, exactly; and which parent transforms move a scan rigidly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_RIGID_TOLERANCE = 1e-5
"""Largest error of an entry of R^T R against the identity: matrices read from text files carry six digits."""

World = tuple[float, float, float]


def array_from_matrix(matrix: Any) -> npt.NDArray[np.float64]:
    """A vtkMatrix4x4 as a 4x4 array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_from_array(array: npt.ArrayLike) -> Any:
    """A 4x4 array as a vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=np.float64).ravel().tolist())
    return matrix


def ras_from_lps(affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An affine to LPS as an affine to RAS; the same function turns RAS to LPS. Only signs change."""
    return np.asarray(_RAS_TO_LPS @ affine) + 0.0  # plus zero: no negative zeros in headers


def ijk_to_local_ras(volume_node: Any) -> npt.NDArray[np.float64]:
    """ijk of the node's voxels to RAS in mm, before any parent transform."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return array_from_matrix(matrix)


def image_to_ras(image: Any) -> npt.NDArray[np.float64]:
    """ijk of a vtkOrientedImageData's voxels to RAS in mm, before any parent transform."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return array_from_matrix(matrix)


def to_world(parent: Any) -> Any:
    """The vtkGeneralTransform from below a parent transform node (or None) to world RAS."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(parent, None, transform)
    return transform


def from_world(parent: Any) -> Any:
    """The vtkGeneralTransform from world RAS to below a parent transform node (or None)."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, parent, transform)
    return transform


def transformed(points: npt.ArrayLike, transform: Any) -> npt.NDArray[np.float64]:
    """Points (n, 3), moved by a vtkGeneralTransform."""
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    source.SetData(numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float64), deep=True))
    target.SetDataTypeToDouble()
    transform.TransformPoints(source, target)
    return np.asarray(vtk_to_numpy(target.GetData()))


def rigid_parent(node: Any) -> npt.NDArray[np.float64] | None:
    """Local RAS to world RAS of a node, 4x4, when that only turns, moves or mirrors.

    Returns:
        The identity without a parent transform; None when the transform bends, shears or scales: then no affine grid
        with true millimeters describes the scan in the world.
    """
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        return None
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    to_world = array_from_matrix(matrix)
    turn = to_world[:3, :3]
    return to_world if np.abs(turn.T @ turn - np.eye(3)).max() < _RIGID_TOLERANCE else None


def under_parent(position: World, node: Any, *, to_world: bool) -> World:
    """LPS of the library's world to LPS before a node's parent transform, or back; mm.

    The same where that transform bends or stretches: there the library measures the scan as it was acquired.
    """
    rigid = rigid_parent(node)
    if rigid is None:
        return position
    turn = rigid if to_world else np.linalg.inv(rigid)
    right, front, up = turn[:3, :3] @ (-position[0], -position[1], position[2]) + turn[:3, 3]
    return -float(right), -float(front), float(up)

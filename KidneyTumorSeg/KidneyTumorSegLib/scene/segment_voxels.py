"""The voxels of one segment, on its own lattice: found, erased and painted as Slicer's Segment Editor does.

Nothing here makes an array of the whole scan: a segment's image is only as large as its segments need.
Positions are world RAS (the scene's); `World` in LPS is turned by the callers' own functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from ..errors import KidneyTumorSegError
from .geometry import array_from_matrix, matrix_from_array
from .masks import BINARY_LABELMAP, BoolArray, voxels_of


@dataclass(frozen=True, eq=False)
class Mask:
    """Some voxels of a lattice, by the box that they lie in.

    Attributes:
        voxels: bool [k, j, i].
        start: index (k, j, i) of the box's first voxel on the lattice.
        ijk_to_ras: 4x4, lattice index (i, j, k) to RAS in mm, before the segmentation's parent transform.
    """

    voxels: BoolArray
    start: tuple[int, int, int]
    ijk_to_ras: npt.NDArray[np.float64]

    @property
    def volume_ml(self) -> float:
        """Counted in voxels, before any transform that stretches, mL."""
        return int(np.count_nonzero(self.voxels)) * abs(float(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Along the array's axes (k, j, i), mm."""
        i, j, k = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(k), float(j), float(i)

    def ras(self, kji: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """RAS before the parent transform, of positions (..., 3) in the box."""
        ijk = (np.asarray(kji, dtype=np.float64) + self.start)[..., ::-1]
        return np.asarray(ijk @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3])

    def index(self, ras: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Positions (k, j, i) in the box, not rounded, of RAS before the parent transform."""
        inverse = np.linalg.inv(self.ijk_to_ras)
        ijk = np.asarray(ras, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        return np.asarray(ijk[..., ::-1] - self.start)

    def part(self, box: tuple[slice, ...], voxels: BoolArray) -> Mask:
        """Other voxels in a box of this mask's box."""
        k, j, i = (first + inside.start for first, inside in zip(self.start, box, strict=True))
        return Mask(voxels, (k, j, i), self.ijk_to_ras)


def cropped_mask(segmentation_node: Any, segment_id: str) -> Mask | None:
    """A segment's voxels in the smallest box around them; None if it has none, or no binary label map."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(BINARY_LABELMAP)
    labels = voxels_of(image)
    if labels is None:
        return None
    inside = labels == segment.GetLabelValue()
    box = box_around(inside)
    if box is None:
        return None
    extent = image.GetExtent()
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    whole = Mask(inside, (extent[4], extent[2], extent[0]), array_from_matrix(matrix))
    return whole.part(box, inside[box])


def box_around(inside: BoolArray) -> tuple[slice, slice, slice] | None:
    """The smallest box with all true voxels; None if there are none."""
    planes = inside.any(axis=(1, 2))
    if not planes.any():
        return None
    rows = inside.any(axis=0)
    k, j, i = (np.flatnonzero(used) for used in (planes, rows.any(axis=1), rows.any(axis=0)))
    return (
        slice(int(k[0]), int(k[-1]) + 1),
        slice(int(j[0]), int(j[-1]) + 1),
        slice(int(i[0]), int(i[-1]) + 1),
    )


def erase(segmentation_node: Any, segment_id: str, mask: Mask) -> None:
    """Take voxels away from one segment. Others, also those in the same image, keep theirs."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    keep = _image(Mask(~mask.voxels, mask.start, mask.ijk_to_ras))
    _done(logic.SetBinaryLabelmapToSegment(keep, segmentation_node, segment_id, logic.MODE_MERGE_MIN))


def paint(segmentation_node: Any, segment_id: str, mask: Mask) -> None:
    """Give voxels to one segment. Where another segment has them it keeps them: the segments then overlap."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    image = _image(mask)
    _done(
        logic.SetBinaryLabelmapToSegment(
            image, segmentation_node, segment_id, logic.MODE_MERGE_MASK, image.GetExtent(), False, []
        )
    )


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


def _image(mask: Mask) -> Any:
    """A mask as a vtkOrientedImageData of zeros and ones."""
    image = slicer.vtkOrientedImageData()
    k, j, i = mask.start
    depth, height, width = mask.voxels.shape
    image.SetExtent(i, i + width - 1, j, j + height - 1, k, k + depth - 1)
    values = np.ascontiguousarray(mask.voxels, dtype=np.uint8).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    image.SetGeometryFromImageToWorldMatrix(matrix_from_array(mask.ijk_to_ras))
    return image


def _done(changed: bool) -> None:
    if not changed:
        raise KidneyTumorSegError("Slicer could not change the segment. Nothing was changed.")

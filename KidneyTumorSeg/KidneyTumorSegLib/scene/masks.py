"""The voxels of one segment: where they lie on a lattice; read and written exactly wherever that is possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import get_vtk_array_type, numpy_to_vtk, vtk_to_numpy

from .geometry import array_from_matrix, ijk_to_local_ras, matrix_from_array

BINARY_LABELMAP = "Binary labelmap"
BoolArray = npt.NDArray[np.bool_]
Index = tuple[int, int, int]
"""Array position (k, j, i)."""

_SAME_LATTICE_VOXELS = 1e-3


@dataclass(frozen=True, eq=False)
class Part:
    """Some voxels of a CT's grid, by a box that they lie in.

    Attributes:
        box: on the grid, (k, j, i).
        mask: bool [k, j, i] in the box.
    """

    box: tuple[slice, slice, slice]
    mask: BoolArray

    def holds(self, at: Index) -> bool:
        """Whether a voxel of the grid is among them."""
        inside = all(part.start <= n < part.stop for n, part in zip(at, self.box, strict=True))
        k, j, i = (n - part.start for n, part in zip(at, self.box, strict=True))
        return inside and bool(self.mask[k, j, i])

    def read(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The values [n] that an array on the grid has at these voxels."""
        return array[self.box][self.mask]

    def write(self, array: npt.NDArray[Any], value: int) -> None:
        """Give these voxels of an array on the grid a value."""
        array[self.box][self.mask] = value


def segment_ids(segmentation_node: Any) -> tuple[str, ...]:
    """The IDs of all segments, in their order."""
    segmentation = segmentation_node.GetSegmentation()
    return tuple(segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments()))


def tag_of(segment: Any, key: str) -> str:
    """The text of a segment's tag; empty if it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(key, value) else ""


def voxels_of(image: Any) -> npt.NDArray[Any] | None:
    """A view of the labels [k, j, i] of a vtkOrientedImageData; None if it holds no voxel."""
    if image is None or image.GetPointData().GetScalars() is None or 0 in image.GetDimensions():
        return None
    i, j, k = image.GetDimensions()
    voxels: npt.NDArray[Any] = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)
    return voxels


def lattice_offset(image: Any, ijk_to_ras: npt.NDArray[np.float64]) -> Index | None:
    """Where the image's first voxel lies on a lattice.

    Args:
        image: vtkOrientedImageData.
        ijk_to_ras: 4x4 of the lattice, in the same RAS as the image.

    Returns:
        Array position (k, j, i) on the lattice, may be negative; None if the image's voxels are not on the lattice.
    """
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_lattice = np.linalg.inv(ijk_to_ras) @ array_from_matrix(matrix)
    extent = image.GetExtent()
    corners = np.array([[extent[0], extent[2], extent[4], 1.0], [extent[1], extent[3], extent[5], 1.0]])
    places = (to_lattice @ corners.T).T[:, :3]
    shift = np.rint(places[0] - corners[0, :3])
    moved = np.abs(places - corners[:, :3] - shift).max()
    turned = np.abs(to_lattice[:3, :3] - np.eye(3)).max() * max(abs(corners).max(), 1.0)
    if max(moved, turned) > _SAME_LATTICE_VOXELS:
        return None
    i, j, k = (int(n) for n in corners[0, :3] + shift)
    return k, j, i


def segment_part(segmentation_node: Any, segment_id: str, volume_node: Any) -> Part:
    """Where a segment is on the grid of a CT.

    Voxels on the CT's lattice are copied exactly; others (another grid, another transform) are resampled by Slicer.
    """
    i, j, k = volume_node.GetImageData().GetDimensions()
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(BINARY_LABELMAP)
    same_place = segmentation_node.GetTransformNodeID() == volume_node.GetTransformNodeID()
    offset = None
    if image is not None and same_place:
        offset = lattice_offset(image, ijk_to_local_ras(volume_node))
    if offset is None:
        array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation_node, segment_id, volume_node)
        return Part((slice(0, k), slice(0, j), slice(0, i)), np.asarray(array != 0))
    voxels = voxels_of(image)
    if voxels is None:
        return Part((slice(0, 0),) * 3, np.zeros((0, 0, 0), bool))
    box, inside = _overlap((k, j, i), voxels.shape, offset)
    return Part(box, voxels[inside] == segment.GetLabelValue())


def segment_mask(segmentation_node: Any, segment_id: str, volume_node: Any) -> BoolArray:
    """A segment on the whole grid of a CT, bool [k, j, i]; `segment_part` needs less memory."""
    i, j, k = volume_node.GetImageData().GetDimensions()
    mask = np.zeros((k, j, i), bool)
    segment_part(segmentation_node, segment_id, volume_node).write(mask, True)
    return mask


def shared_image(labels: npt.NDArray[Any], volume_node: Any) -> Any:
    """The part of an array on a CT's grid that is not 0, as one vtkOrientedImageData in the CT's local RAS."""
    image = slicer.vtkOrientedImageData()
    first, last = _extent(labels)
    part = np.ascontiguousarray(labels[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))])
    image.SetExtent(first[2], last[2], first[1], last[1], first[0], last[0])
    scalars = numpy_to_vtk(part.ravel(), deep=True, array_type=get_vtk_array_type(part.dtype))
    scalars.SetName("labels")
    image.GetPointData().SetScalars(scalars)
    image.SetGeometryFromImageToWorldMatrix(matrix_from_array(ijk_to_local_ras(volume_node)))
    return image


def _extent(labels: npt.NDArray[Any]) -> tuple[Index, Index]:
    """First and last array index with a label along (k, j, i); one voxel if there is none."""
    inside = labels != 0
    firsts, lasts = [], []
    for axis in range(3):
        others = tuple(n for n in range(3) if n != axis)
        hit = np.flatnonzero(inside.any(axis=others))
        firsts.append(int(hit[0]) if hit.size else 0)
        lasts.append(int(hit[-1]) if hit.size else 0)
    return (firsts[0], firsts[1], firsts[2]), (lasts[0], lasts[1], lasts[2])


def _overlap(whole: tuple[int, ...], part: tuple[int, ...], offset: tuple[int, ...]) -> tuple[Any, tuple[slice, ...]]:
    """The slices of the whole and of the part where they overlap."""
    starts = [max(at, 0) for at in offset]
    stops = [
        max(min(at + length, size), start) for at, length, size, start in zip(offset, part, whole, starts, strict=True)
    ]
    target = tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
    source = tuple(slice(a - at, b - at) for a, b, at in zip(starts, stops, offset, strict=True))
    return target, source

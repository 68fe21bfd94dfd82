"""A label map to a segmentation node with names, colors, codes, geometry and its place beside the CT; and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..anatomy import CYST, KIDNEY, STRUCTURES, TUMOR, Structure
from ..errors import InputError
from ..volume import LabelMap
from .geometry import array_from_matrix, ijk_to_local_ras, matrix_from_array
from .volume_node import node_grid

_BINARY_LABELMAP = "Binary labelmap"
_TERMINOLOGY_TAG = "TerminologyEntry"
_PAINT_ORDER = (KIDNEY, CYST, TUMOR)
"""Where segments were made to overlap by hand, what matters most wins."""
_SAME_LATTICE_VOXELS = 1e-3


def segmentation_to_node(label_map: LabelMap, volume_node: Any, name: str = "") -> Any:
    """A new segmentation node over a CT.

    All structures become segments, found or not, with their label value as label value and stable IDs. They share one
    image, cropped to the labels' extent. The node lies under the CT's parent transform and beside the CT in the
    subject hierarchy, and has the CT's grid as reference geometry.

    Args:
        label_map: on the CT's grid, as `volume_from_node(volume_node)` gives it.
        volume_node: the CT.
        name: of the node; by default the CT's name and "segmentation". Made unique in the scene.

    Raises:
        InputError: the CT was changed since: another size or place.
    """
    if not label_map.grid.same_as(node_grid(volume_node)):
        raise InputError(
            f"'{volume_node.GetName()}' was changed or moved since it was segmented: the result no longer fits. "
            "Segment it again."
        )
    wanted = name or f"{volume_node.GetName()} segmentation"
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", slicer.mrmlScene.GetUniqueNameByString(wanted))
    node.CreateDefaultDisplayNodes()
    node.GetSegmentation().SetSourceRepresentationName(_BINARY_LABELMAP)
    # First the transform: else Slicer bakes the CT's transform into the reference geometry, and saving resamples.
    follow_volume(node, volume_node)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    image = _shared_image(label_map.labels, volume_node)
    for structure in STRUCTURES:
        node.GetSegmentation().AddSegment(_segment(structure, image), structure.id)
    return node


def follow_volume(segmentation_node: Any, volume_node: Any) -> None:
    """Put a segmentation under the CT's parent transform, and beside the CT in the subject hierarchy."""
    segmentation_node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    volume_item = tree.GetItemByDataNode(volume_node)
    parent = tree.GetItemParent(volume_item) if volume_item else tree.GetSceneItemID()
    item = tree.GetItemByDataNode(segmentation_node)
    if item:  # Slicer's own plugin has placed it already
        tree.SetItemParent(item, parent)
    else:
        tree.CreateItem(parent, segmentation_node)


def label_map_from_node(segmentation_node: Any, volume_node: Any) -> LabelMap:
    """The labels of a segmentation, the product's or one corrected by hand, on the grid of its CT.

    Segments are found by their ID, else by their code, else by their name; others are left out. Segments that lie on
    the CT's grid are copied exactly; ones from elsewhere (another grid, another transform) are resampled by Slicer.

    Raises:
        InputError: none of its segments is a kidney, a tumor or a cyst.
    """
    grid = node_grid(volume_node)
    labels = np.zeros(grid.shape, np.uint8)
    found = [(structure, segment_id_of(segmentation_node, structure)) for structure in _PAINT_ORDER]
    if not any(segment_id for _, segment_id in found):
        raise InputError(
            f"'{segmentation_node.GetName()}' has no segment that is a kidney, a tumor or a cyst. "
            "Choose another segmentation, or name its segments so."
        )
    for structure, segment_id in found:
        if segment_id:
            _paint(labels, structure.value, segmentation_node, segment_id, volume_node)
    return LabelMap(labels, grid)


def segment_id_of(segmentation_node: Any, structure: Structure) -> str | None:
    """The ID of the segment that holds a structure, or None."""
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.GetSegment(structure.id) is not None:
        return structure.id
    ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    for segment_id in ids:
        entry = vtk.reference("")
        if segmentation.GetSegment(segment_id).GetTag(_TERMINOLOGY_TAG, entry):
            fields = str(entry).split("~")
            if len(fields) > 2 and fields[2].split("^")[:2] == [structure.type.scheme, structure.type.value]:
                return segment_id
    for segment_id in ids:
        if segmentation.GetSegment(segment_id).GetName().strip().lower() == structure.name:
            return segment_id
    return None


def show_in_3d(segmentation_node: Any) -> None:
    """Make the surfaces that the 3D view shows."""
    segmentation_node.CreateClosedSurfaceRepresentation()


def _segment(structure: Structure, image: Any) -> Any:
    segment = slicer.vtkSegment()
    segment.SetName(structure.name)
    segment.SetColor(*structure.color_fraction)
    segment.SetLabelValue(structure.value)
    segment.SetTag(_TERMINOLOGY_TAG, structure.terminology_entry)
    segment.AddRepresentation(_BINARY_LABELMAP, image)
    return segment


def _shared_image(labels: npt.NDArray[np.uint8], volume_node: Any) -> Any:
    """The part of the labels that holds any, as one vtkOrientedImageData in the CT's local RAS."""
    image = slicer.vtkOrientedImageData()
    first, last = _extent(labels)
    part = np.ascontiguousarray(labels[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))])
    image.SetExtent(first[2], last[2], first[1], last[1], first[0], last[0])
    scalars = numpy_to_vtk(part.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    scalars.SetName("labels")
    image.GetPointData().SetScalars(scalars)
    image.SetGeometryFromImageToWorldMatrix(matrix_from_array(ijk_to_local_ras(volume_node)))
    return image


def _extent(labels: npt.NDArray[np.uint8]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First and last array index with a label along (k, j, i); one voxel if there is none."""
    inside = labels != 0
    firsts, lasts = [], []
    for axis in range(3):
        others = tuple(n for n in range(3) if n != axis)
        hit = np.flatnonzero(inside.any(axis=others))
        firsts.append(int(hit[0]) if hit.size else 0)
        lasts.append(int(hit[-1]) if hit.size else 0)
    return tuple(firsts), tuple(lasts)


def _paint(
    labels: npt.NDArray[np.uint8], value: int, segmentation_node: Any, segment_id: str, volume_node: Any
) -> None:
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(_BINARY_LABELMAP)
    offset = None if image is None else _lattice_offset(image, segmentation_node, volume_node)
    if offset is None:
        array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation_node, segment_id, volume_node)
        labels[array != 0] = value
        return
    if image.GetPointData().GetScalars() is None or 0 in image.GetDimensions():
        return
    i, j, k = image.GetDimensions()
    mask = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i) == segment.GetLabelValue()
    target, source = _overlap(labels.shape, mask.shape, offset)
    labels[target][mask[source]] = value


def _lattice_offset(image: Any, segmentation_node: Any, volume_node: Any) -> tuple[int, int, int] | None:
    """Where the image's first voxel lies in the CT's array (k, j, i), or None if it is not on the CT's lattice."""
    if segmentation_node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_ct = np.linalg.inv(ijk_to_local_ras(volume_node)) @ array_from_matrix(matrix)
    extent = image.GetExtent()
    corners = np.array([[extent[0], extent[2], extent[4], 1.0], [extent[1], extent[3], extent[5], 1.0]])
    places = (to_ct @ corners.T).T[:, :3]
    shift = np.rint(places[0] - corners[0, :3])
    moved = np.abs(places - corners[:, :3] - shift).max()
    turned = np.abs(to_ct[:3, :3] - np.eye(3)).max() * max(abs(corners).max(), 1.0)
    if max(moved, turned) > _SAME_LATTICE_VOXELS:
        return None
    i, j, k = (int(n) for n in corners[0, :3] + shift)
    return k, j, i


def _overlap(
    whole: tuple[int, ...], part: tuple[int, ...], offset: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The slices of the whole and of the part where they overlap."""
    starts = [max(at, 0) for at in offset]
    stops = [
        max(min(at + length, size), start) for at, length, size, start in zip(offset, part, whole, starts, strict=True)
    ]
    target = tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
    source = tuple(slice(a - at, b - at) for a, b, at in zip(starts, stops, offset, strict=True))
    return target, source

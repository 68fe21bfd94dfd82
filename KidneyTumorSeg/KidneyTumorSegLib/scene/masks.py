"""The voxels of one segment: found, read, erased and painted exactly wherever that is possible.

A segment's image is only as large as its segments need, and nothing here makes an array of the whole scan. Positions
are RAS (the scene's); `World` in LPS is turned by the callers' own functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import get_vtk_array_type, numpy_to_vtk, vtk_to_numpy

from ..errors import KidneyTumorSegError
from .geometry import ijk_to_local_ras, image_to_ras, matrix_from_array

BINARY_LABELMAP, CLOSED_SURFACE = "Binary labelmap", "Closed surface"
TERMINOLOGY_TAG = "TerminologyEntry"
BoolArray = npt.NDArray[np.bool_]
Index = tuple[int, int, int]
"""Array position (k, j, i)."""
Box = tuple[slice, slice, slice]
"""Array positions (k, j, i) from start to before stop."""

_SAME_LATTICE_VOXELS = 1e-3


@dataclass(frozen=True, eq=False)
class Mask:
    """Some voxels of a lattice, by a box that they lie in.

    Attributes:
        voxels: bool [k, j, i].
        start: index (k, j, i) of the box's first voxel on the lattice.
        ijk_to_ras: 4x4, lattice index (i, j, k) to RAS in mm, before the segmentation's parent transform.
    """

    voxels: BoolArray
    start: Index
    ijk_to_ras: npt.NDArray[np.float64]

    @property
    def box(self) -> Box:
        """The box on the lattice."""
        k, j, i = (slice(at, at + size) for at, size in zip(self.start, self.voxels.shape, strict=True))
        return k, j, i

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, before any transform that stretches, mL."""
        return abs(float(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    @property
    def volume_ml(self) -> float:
        """Counted in voxels, before any transform that stretches, mL."""
        return int(np.count_nonzero(self.voxels)) * self.voxel_ml

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

    def cropped(self) -> Mask | None:
        """In the smallest box around the voxels; None if there are none."""
        box = box_around(self.voxels)
        return None if box is None else self.part(box, self.voxels[box])

    def clipped(self, box: Box) -> Mask:
        """Those of the voxels that lie in a box of the lattice; the new box may be empty."""
        inside = []
        for wanted, at, size in zip(box, self.start, self.voxels.shape, strict=True):
            first = min(max(wanted.start - at, 0), size)
            inside.append(slice(first, min(max(wanted.stop - at, first), size)))
        return self.part(tuple(inside), self.voxels[tuple(inside)])

    def within(self, box: Box) -> BoolArray:
        """Which voxels of a box of the lattice are among these, bool of the box's shape."""
        k, j, i = (one.stop - one.start for one in box)
        found = np.zeros((k, j, i), bool)
        clipped = self.clipped(box)
        if clipped.voxels.size:
            found[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(clipped.box, box, strict=True))] = (
                clipped.voxels
            )
        return found

    def holds(self, at: Index) -> bool:
        """Whether a voxel of the lattice is among them."""
        k, j, i = (n - first for n, first in zip(at, self.start, strict=True))
        inside = all(0 <= n < size for n, size in zip((k, j, i), self.voxels.shape, strict=True))
        return inside and bool(self.voxels[k, j, i])

    def resampled(self, ijk_to_ras: npt.NDArray[np.float64]) -> Mask:
        """The voxels of another lattice whose centers lie in these voxels."""
        corners = (np.argwhere(np.ones((2, 2, 2))) * self.voxels.shape) - 0.5
        other = Mask(np.zeros((0, 0, 0), bool), (0, 0, 0), ijk_to_ras)
        reached = other.index(self.ras(corners))
        first, last = np.floor(reached.min(axis=0)).astype(int), np.ceil(reached.max(axis=0)).astype(int)
        centers = np.moveaxis(np.indices(last + 1 - first), 0, -1) + first
        at = np.rint(self.index(other.ras(centers))).astype(int)
        inside = ((at >= 0) & (at < self.voxels.shape)).all(axis=-1)
        inside[inside] = self.voxels[tuple(at[inside].T)]
        k, j, i = (int(n) for n in first)
        return Mask(inside, (k, j, i), ijk_to_ras)

    def read(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The values [n] that an array on the lattice has at these voxels."""
        return array[self.box][self.voxels]

    def write(self, array: npt.NDArray[Any], value: int) -> None:
        """Give these voxels of an array on the lattice a value."""
        array[self.box][self.voxels] = value


def box_around(inside: BoolArray) -> Box | None:
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
    to_lattice = np.linalg.inv(ijk_to_ras) @ image_to_ras(image)
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


def cropped_mask(segmentation_node: Any, segment_id: str) -> Mask | None:
    """A segment on its own lattice, in the smallest box; None if it has no voxel, or no binary label map."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(BINARY_LABELMAP)
    labels = voxels_of(image)
    if labels is None:
        return None
    extent = image.GetExtent()
    start = (extent[4], extent[2], extent[0])
    return Mask(labels == segment.GetLabelValue(), start, image_to_ras(image)).cropped()


def segment_part(segmentation_node: Any, segment_id: str, volume_node: Any) -> Mask:
    """Where a segment is on the grid of a CT, in a box of that grid.

    Voxels on the CT's lattice are copied exactly; others (another grid, another transform) are resampled by Slicer.
    """
    i, j, k = volume_node.GetImageData().GetDimensions()
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(BINARY_LABELMAP)
    lattice = ijk_to_local_ras(volume_node)
    same_place = segmentation_node.GetTransformNodeID() == volume_node.GetTransformNodeID()
    offset = lattice_offset(image, lattice) if image is not None and same_place else None
    if offset is None:
        array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation_node, segment_id, volume_node)
        return Mask(np.asarray(array != 0), (0, 0, 0), lattice)
    voxels = voxels_of(image)
    if voxels is None:
        return Mask(np.zeros((0, 0, 0), bool), (0, 0, 0), lattice)
    return Mask(voxels == segment.GetLabelValue(), offset, lattice).clipped((slice(0, k), slice(0, j), slice(0, i)))


def erase(segmentation_node: Any, segment_id: str, mask: Mask) -> None:
    """Take voxels away from one segment. Others, also those in the same image, keep theirs."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mask = _on_lattice_of(segmentation_node, segment_id, mask)
    keep = _image((~mask.voxels).astype(np.uint8), mask.start, mask.ijk_to_ras)
    _done(logic.SetBinaryLabelmapToSegment(keep, segmentation_node, segment_id, logic.MODE_MERGE_MIN))


def paint(segmentation_node: Any, segment_id: str, mask: Mask) -> None:
    """Give voxels to one segment. Where another segment has them it keeps them: the segments then overlap."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mask = _on_lattice_of(segmentation_node, segment_id, mask)
    image = _image(mask.voxels.astype(np.uint8), mask.start, mask.ijk_to_ras)
    _done(
        logic.SetBinaryLabelmapToSegment(
            image, segmentation_node, segment_id, logic.MODE_MERGE_MASK, image.GetExtent(), False, []
        )
    )


def shared_image(labels: npt.NDArray[Any], volume_node: Any) -> Any:
    """The part of an array on a CT's grid that is not 0, as one vtkOrientedImageData in the CT's local RAS."""
    box = box_around(labels != 0) or (slice(0, 1),) * 3
    k, j, i = (one.start for one in box)
    return _image(labels[box], (k, j, i), ijk_to_local_ras(volume_node))


def _image(values: npt.NDArray[Any], start: Index, ijk_to_ras: npt.NDArray[np.float64]) -> Any:
    """Values of a box of a lattice as a vtkOrientedImageData."""
    image = slicer.vtkOrientedImageData()
    k, j, i = start
    depth, height, width = values.shape
    image.SetExtent(i, i + width - 1, j, j + height - 1, k, k + depth - 1)
    flat = np.ascontiguousarray(values).ravel()
    scalars = numpy_to_vtk(flat, deep=True, array_type=get_vtk_array_type(flat.dtype))
    scalars.SetName("labels")
    image.GetPointData().SetScalars(scalars)
    image.SetGeometryFromImageToWorldMatrix(matrix_from_array(ijk_to_ras))
    return image


def _on_lattice_of(segmentation_node: Any, segment_id: str, mask: Mask) -> Mask:
    """A mask by the segment's own voxels: Slicer would resample the segment to the mask's, and lose what is finer."""
    image = segmentation_node.GetSegmentation().GetSegment(segment_id).GetRepresentation(BINARY_LABELMAP)
    if voxels_of(image) is None or lattice_offset(image, mask.ijk_to_ras) is not None:
        return mask
    return mask.resampled(image_to_ras(image))


def _done(changed: bool) -> None:
    if not changed:
        raise KidneyTumorSegError(_("Slicer could not change the segment. Nothing was changed."))

"""A label map to a segmentation node with names, colors, codes, geometry and its place beside the CT; and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
from slicer.i18n import tr as _

from ..anatomy import CYST, KIDNEY, STRUCTURES, TUMOR, Structure
from ..errors import InputError
from ..volume import LabelMap
from .geometry import from_world, ijk_to_local_ras, to_world, transformed
from .masks import BINARY_LABELMAP, TERMINOLOGY_TAG, Mask, cropped_mask, segment_part, shared_image
from .segment_names import SegmentName, segments_of
from .volume_node import node_grid

_PAINT_ORDER = (KIDNEY, CYST, TUMOR)
"""Where segments were made to overlap by hand, what matters most wins."""
_FILL_2D, _OUTLINE_2D, _OUTLINE_PIXELS = 0.3, 1.0, 2
"""The CT stays readable under the fill; the outline says where it ends."""


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
    refuse_moved_volume(label_map, volume_node)
    node = new_segmentation_node(volume_node, name)
    image = shared_image(label_map.labels, volume_node)
    for structure in STRUCTURES:
        put_segment(node, structure.id, SegmentName(structure), image, structure.value)
    return node


def refuse_moved_volume(label_map: LabelMap, volume_node: Any) -> None:
    """Check that a label map lies on the CT's grid.

    Raises:
        InputError: the CT was changed since: another size or place.
    """
    if not label_map.grid.same_as(node_grid(volume_node)):
        raise InputError(
            f"'{volume_node.GetName()}' was changed or moved since it was segmented: the result no longer fits. "
            "Segment it again."
        )


def refuse_unfit(segmentation_node: Any, volume_node: Any, way_out: str = "") -> None:
    """Check that a segmentation can take voxels of a CT.

    Args:
        segmentation_node, volume_node: the two.
        way_out: a sentence that tells what else can be done.

    Raises:
        InputError: it was removed, lies under another transform than the CT, or is made of surfaces.
    """
    name = segmentation_node.GetName()
    if not slicer.mrmlScene.IsNodePresent(segmentation_node):
        text = _("'{name}' was removed from the scene, so nothing can be drawn in it.")
        raise InputError(" ".join([text.format(name=name), way_out]).strip())
    if segmentation_node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        text = _("'{name}' and '{scan}' lie under different transforms. Put both under the same one.")
        raise InputError(" ".join([text.format(name=name, scan=volume_node.GetName()), way_out]).strip())
    refuse_surfaces(segmentation_node, way_out)


def refuse_surfaces(segmentation_node: Any, way_out: str = "") -> None:
    """Check that a segmentation is made of voxels: what is drawn beside surfaces is not saved, and lost.

    Raises:
        InputError: it is made of surfaces.
    """
    name = segmentation_node.GetName()
    if segmentation_node.GetSegmentation().GetSourceRepresentationName() != BINARY_LABELMAP:
        text = _("'{name}' is made of surfaces. Convert it to a binary labelmap in the module Segmentations.")
        raise InputError(" ".join([text.format(name=name), way_out]).strip())


def new_segmentation_node(volume_node: Any, name: str = "") -> Any:
    """An empty segmentation node for a CT: under its transform, beside it, on its grid, readable over it."""
    wanted = name or f"{volume_node.GetName()} segmentation"
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", slicer.mrmlScene.GetUniqueNameByString(wanted))
    node.CreateDefaultDisplayNodes()
    shown = node.GetDisplayNode()
    shown.SetOpacity2DFill(_FILL_2D)
    shown.SetOpacity2DOutline(_OUTLINE_2D)
    shown.SetSliceIntersectionThickness(_OUTLINE_PIXELS)
    node.GetSegmentation().SetSourceRepresentationName(BINARY_LABELMAP)
    # First the transform: else Slicer bakes the CT's transform into the reference geometry, and saving resamples.
    follow_volume(node, volume_node)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    return node


def put_segment(segmentation_node: Any, segment_id: str, called: SegmentName, image: Any, value: int) -> None:
    """Make a segment of one label of a shared image; one that is there keeps its color and how it is shown."""
    segmentation = segmentation_node.GetSegmentation()
    there = segmentation.GetSegment(segment_id)
    segment = there or slicer.vtkSegment()
    if there is None:
        segment.SetColor(*called.color_fraction)
    segment.SetName(called.name)
    segment.SetTag(TERMINOLOGY_TAG, called.terminology_entry)
    segment.SetLabelValue(value)
    segment.RemoveAllRepresentations()
    segment.AddRepresentation(BINARY_LABELMAP, image)
    if there is None:
        segmentation.AddSegment(segment, segment_id)


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

    Segments are found by their code, else by their ID, else by their name; a structure may have several segments (one
    for each lesion); others are left out. Segments that lie on the CT's grid are copied exactly; ones from elsewhere
    (another grid, another transform) are resampled by Slicer.

    Raises:
        InputError: none of its segments is a kidney, a tumor or a cyst.
    """
    found = [(structure, segments_of(segmentation_node, structure)) for structure in _PAINT_ORDER]
    if not any(ids for _, ids in found):
        raise InputError(
            f"'{segmentation_node.GetName()}' has no segment that is a kidney, a tumor or a cyst. "
            "Choose another segmentation, or name its segments so."
        )
    grid = node_grid(volume_node)
    labels: npt.NDArray[np.uint8] = np.zeros(grid.shape, np.uint8)
    for structure, ids in found:
        for segment_id in ids:
            segment_part(segmentation_node, segment_id, volume_node).write(labels, structure.value)
    return LabelMap(labels, grid)


def outside_ml(segmentation_node: Any, volume_node: Any) -> float:
    """Volume of the kidneys, tumors and cysts outside of the CT, where its label map has no place for them; mL."""
    shape = np.array(node_grid(volume_node).shape)
    lattice = Mask(np.zeros((0, 0, 0), bool), (0, 0, 0), ijk_to_local_ras(volume_node))
    own, ct = segmentation_node.GetParentTransformNode(), volume_node.GetParentTransformNode()

    def outside(mask: Mask, places: npt.NDArray[Any]) -> int:
        ras = mask.ras(places)
        at = lattice.index(ras if own is ct else transformed(transformed(ras, to_world(own)), from_world(ct)))
        return int(np.count_nonzero((np.abs(at - (shape - 1) / 2) > shape / 2).any(axis=1)))

    found = 0.0
    for structure in STRUCTURES:
        for segment_id in segments_of(segmentation_node, structure):
            mask = cropped_mask(segmentation_node, segment_id)
            if mask is None:
                continue
            corners = np.argwhere(np.ones((2, 2, 2))) * (np.array(mask.voxels.shape) - 1)
            if outside(mask, corners):
                found += outside(mask, np.argwhere(mask.voxels)) * mask.voxel_ml
    return found


def segment_id_of(segmentation_node: Any, structure: Structure) -> str | None:
    """The ID of the segment that holds a structure: the whole class's, else the first of several; or None."""
    ids = segments_of(segmentation_node, structure)
    return structure.id if structure.id in ids else next(iter(ids), None)


def show_in_3d(segmentation_node: Any) -> None:
    """Make the surfaces that the 3D view shows."""
    segmentation_node.CreateClosedSurfaceRepresentation()

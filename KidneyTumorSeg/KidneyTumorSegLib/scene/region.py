"""Segment again inside a region only: a markups ROI as a box for the run, and the result put in exactly there.

Outside of the region no voxel of any segment changes, and inside what was corrected by hand stays, by the rules of
`results` (a corrected segment, a deleted lesion, the user's own segments), unless overwriting is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from slicer.i18n import tr as _

from ..anatomy import STRUCTURES
from ..checks import LesionConfidence
from ..errors import InputError
from ..volume import LabelMap
from .confidences import keep_confidences
from .geometry import array_from_matrix, from_world, ijk_to_local_ras, rigid_parent, to_world, transformed
from .masks import BINARY_LABELMAP, BoolArray, Mask, cropped_mask, lattice_offset, voxels_of
from .region_plan import draw_plan, plan_region
from .segment_names import segments_of
from .segmentation_node import refuse_moved_volume, refuse_unfit
from .undo import Done, UndoPoint
from .views import crosshair_lps
from .volume_node import node_grid

Box = tuple[float, float, float, float, float, float]
Points = npt.NDArray[np.float64]
MARGIN_MM = 10.0
"""Around the kidneys."""
SIDE_MM = 120.0
"""Of a region where nothing is segmented yet: a kidney with a mass fits in."""
_ON_FACE_MM = 1e-6
_EDGE_SAMPLES = 5
_NAME = "Kidney region"


def roi_over(segmentation_node: Any, volume_node: Any) -> Any:
    """A new vtkMRMLMarkupsROINode around the kidneys, tumors and cysts, 10 mm wider, inside the scan.

    Where none are segmented it is a cube of 120 mm around the crosshair, else around what the views show, else around
    the scan's middle.

    Args:
        segmentation_node: vtkMRMLSegmentationNode or None.
        volume_node: the CT.
    """
    scan = _scan_corners_ras(volume_node)
    low, high = scan.min(axis=0), scan.max(axis=0)
    around = None if segmentation_node is None else _segments_bounds_ras(segmentation_node)
    if around is None:
        middle = np.clip(_looked_at_ras((low + high) / 2), low, high)
        around = (middle - SIDE_MM / 2, middle + SIDE_MM / 2)
    else:
        around = (around[0] - MARGIN_MM, around[1] + MARGIN_MM)
    first, last = np.maximum(around[0], low), np.minimum(around[1], high)
    roi = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLMarkupsROINode", slicer.mrmlScene.GetUniqueNameByString(_NAME) or _NAME
    )
    roi.CreateDefaultDisplayNodes()
    roi.SetCenterWorld(*((first + last) / 2))
    roi.SetSizeWorld(*(last - first))
    return roi


def region_box_mm(roi_node: Any, volume_node: Any) -> Box:
    """The box of `Settings.box_mm` around a region: (L0, L1, P0, P1, S0, S1) in mm.

    A turned region is not a box along L, P and S: the box is the smallest one around it, so that the run looks
    everywhere inside the region; `replace_in_region` then takes only what lies inside the region itself.

    Args:
        roi_node: vtkMRMLMarkupsROINode.
        volume_node: the CT; the box is in the world of `volume_from_node`.

    Raises:
        InputError: there is no region, it has no size, or it is turned inside out.
    """
    corners = _region_points_ras(roi_node, 2)
    if volume_node.GetParentTransformNode() is not None and rigid_parent(volume_node) is None:
        corners = transformed(
            _region_points_ras(roi_node, _EDGE_SAMPLES), from_world(volume_node.GetParentTransformNode())
        )
    lps = corners * (-1.0, -1.0, 1.0)
    (l0, p0, s0), (l1, p1, s1) = lps.min(axis=0).tolist(), lps.max(axis=0).tolist()
    return l0, l1, p0, p1, s0, s1


def region_mask(roi_node: Any, volume_node: Any) -> Mask | None:
    """The scan's voxels whose centers lie inside the region or on its faces, turned ones exactly; None if none do.

    Raises:
        InputError: there is no region, it has no size, or it is turned inside out.
    """
    parent = volume_node.GetParentTransformNode()
    samples = transformed(_region_points_ras(roi_node, _EDGE_SAMPLES), from_world(parent))
    lattice = ijk_to_local_ras(volume_node)
    whole = Mask(np.zeros(node_grid(volume_node).shape, bool), (0, 0, 0), lattice)
    at = whole.index(samples)
    slack = 1.0 if parent is None or parent.IsTransformToWorldLinear() else 5.0
    low = np.clip(np.floor(at.min(axis=0) - slack), 0, whole.voxels.shape).astype(int)
    high = np.clip(np.ceil(at.max(axis=0) + slack) + 1, 0, whole.voxels.shape).astype(int)
    if (low >= high).any():
        return None
    cut = whole.part(tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)), np.zeros(high - low, bool))
    return Mask(_inside(roi_node, cut, parent), cut.start, lattice).cropped()


def region_in_scan(roi_node: Any, volume_node: Any) -> Mask:
    """As `region_mask`; a region without a voxel of the scan is refused.

    Raises:
        InputError: as above, or the region lies outside of the scan.
    """
    region = region_mask(roi_node, volume_node)
    if region is None:
        raise InputError(_("The region lies outside of the scan. Move it over what is to be segmented again."))
    return region


def replace_in_region(
    segmentation_node: Any,
    volume_node: Any,
    label_map: LabelMap,
    roi_node: Any,
    overwrite_edited: bool = False,
    *,
    confidences: Iterable[LesionConfidence] = (),
    editor: Any = None,
) -> Done:
    """Put a new result into a segmentation, inside a region only.

    Inside, the AI's segments that nobody corrected are drawn anew. A corrected segment stays as it is, and what the
    new result has of the same kidney or lesion is left out; so is a lesion that was deleted by hand. What is new goes
    to the segment of its class or lesion; where that is a corrected one, to one beside it ("tumor (added)").
    Outside, no voxel of any segment changes.

    Args:
        segmentation_node: to change; under the CT's transform.
        volume_node: the CT.
        label_map: the new result on the CT's grid; only what lies inside the region is looked at.
        roi_node: vtkMRMLMarkupsROINode.
        overwrite_edited: draw corrected segments and deleted lesions anew too, inside the region.
        confidences: what the network told of its lesions, kept with the segmentation.
        editor: the embedded qMRMLSegmentEditorWidget, if any: its Undo button then takes the change back too.

    Raises:
        InputError: the CT was changed meanwhile, the segmentation is not on it or on other voxels, or the region is
            outside of the scan.
    """
    refuse_moved_volume(label_map, volume_node)
    refuse_unfit(segmentation_node, volume_node)
    refuse_other_voxels(segmentation_node, volume_node)
    region = region_in_scan(roi_node, volume_node)
    plan = plan_region(segmentation_node, volume_node, label_map, region, overwrite_edited)
    point = UndoPoint(segmentation_node, editor)
    with point.change():
        changed = draw_plan(segmentation_node, plan)
        keep_confidences(segmentation_node, confidences)
    return Done(plan.sentence, changed, point)


def refuse_other_voxels(segmentation_node: Any, volume_node: Any) -> None:
    """Check that a segmentation has the CT's voxels: through finer or coarser ones a region cannot be cut exactly.

    Raises:
        InputError: it has others.
    """
    lattice, segmentation = ijk_to_local_ras(volume_node), segmentation_node.GetSegmentation()
    for structure in STRUCTURES:
        for one in segments_of(segmentation_node, structure):
            image = segmentation.GetSegment(one).GetRepresentation(BINARY_LABELMAP)
            if voxels_of(image) is not None and lattice_offset(image, lattice) is None:
                text = _(
                    "'{name}' has other voxels than '{scan}', so that it cannot be drawn anew in a region alone. "
                    "Segment the whole scan, or correct by hand."
                )
                raise InputError(text.format(name=segmentation_node.GetName(), scan=volume_node.GetName()))


def _inside(roi_node: Any, cut: Mask, parent: Any) -> BoolArray:
    """Which voxels of a box of the scan's lattice have their centers in the region."""
    half = np.array(roi_node.GetSize()) / 2 + _ON_FACE_MM
    to_object = np.linalg.inv(array_from_matrix(roi_node.GetObjectToWorldMatrix()))
    depth, height, width = cut.voxels.shape
    if parent is None or parent.IsTransformToWorldLinear():
        world = vtk.vtkMatrix4x4()
        if parent is not None:
            parent.GetMatrixTransformToWorld(world)
        own = to_object @ array_from_matrix(world) @ cut.ijk_to_ras
        k, j, i = np.ogrid[tuple(slice(a, a + n) for a, n in zip(cut.start, cut.voxels.shape, strict=True))]
        inside = np.ones(cut.voxels.shape, bool)
        for axis in range(3):
            along = own[axis, 0] * i + own[axis, 1] * j + own[axis, 2] * k + own[axis, 3]
            inside &= np.abs(along) <= half[axis]
        return inside
    inside = np.zeros(cut.voxels.shape, bool)
    j, i = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    for k in range(depth):  # plane by plane: points of the whole box would need much memory
        centers = cut.ras(np.stack([np.full(j.size, k), j.ravel(), i.ravel()], axis=1))
        own = transformed(centers, to_world(parent)) @ to_object[:3, :3].T + to_object[:3, 3]
        inside[k] = (np.abs(own) <= half).all(axis=1).reshape(j.shape)
    return inside


def _region_points_ras(roi_node: Any, count: int) -> Points:
    """So many points along each axis of the region, from face to face, world RAS."""
    if roi_node is None or roi_node.GetNumberOfControlPoints() == 0:
        raise InputError(_("No region is chosen. Place one around what is to be segmented again."))
    if roi_node.GetInsideOut():
        text = _("The region '{name}' is turned inside out. Switch that off in Markups.")
        raise InputError(text.format(name=roi_node.GetName()))
    half = np.array(roi_node.GetSize()) / 2
    if half.min() <= 0:
        raise InputError(_("The region '{name}' has no size. Drag its handles apart.").format(name=roi_node.GetName()))
    steps = np.linspace(-1.0, 1.0, count)
    own = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) * half
    matrix = array_from_matrix(roi_node.GetObjectToWorldMatrix())
    return np.asarray(own @ matrix[:3, :3].T + matrix[:3, 3])


def _scan_corners_ras(volume_node: Any) -> Points:
    """The outermost voxel centers, world RAS."""
    shape = node_grid(volume_node).shape
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij")).reshape(3, -1).T
    lattice = Mask(np.zeros((1, 1, 1), bool), (0, 0, 0), ijk_to_local_ras(volume_node))
    return transformed(lattice.ras(corners), to_world(volume_node.GetParentTransformNode()))


def _segments_bounds_ras(segmentation_node: Any) -> tuple[Points, Points] | None:
    """Around all kidneys, tumors and cysts, world RAS."""
    points = []
    for structure in STRUCTURES:
        for segment_id in segments_of(segmentation_node, structure):
            mask = cropped_mask(segmentation_node, segment_id)
            if mask is not None:
                corners = np.array(np.meshgrid(*[(0, n - 1) for n in mask.voxels.shape], indexing="ij"))
                points.append(mask.ras(corners.reshape(3, -1).T))
    if not points:
        return None
    world = transformed(np.concatenate(points), to_world(segmentation_node.GetParentTransformNode()))
    return world.min(axis=0), world.max(axis=0)


def _looked_at_ras(middle: Points) -> Points:
    """The crosshair, else the middle of the first slice view, else the given place."""
    crosshair = crosshair_lps()
    if crosshair is not None:
        return np.array(crosshair) * (-1.0, -1.0, 1.0)
    views = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceNode")
    return middle if views is None else array_from_matrix(views.GetSliceToRAS())[:3, 3]

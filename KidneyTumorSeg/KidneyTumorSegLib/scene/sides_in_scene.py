"""On which side a lesion of a segmentation lies: fast enough for a click, by the same rules as the measurements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..anatomy import KIDNEY
from ..measurements import body_midline_l_mm
from ..measurements.quantities import SIDES, Side
from ..measurements.sides import split_sides
from ..volume import Grid
from .geometry import ras_from_lps, rigid_parent
from .masks import Mask, cropped_mask
from .segment_names import segments_of, side_in_id
from .volume_node import node_grid, volume_from_node

_COARSE_MM = 3.0


def side_of(segmentation_node: Any, volume_node: Any, segment_id: str, lesion: Mask) -> Side:
    """The side of a lesion: what its segment's ID says, else that of the nearest kidney, else where it lies.

    Args:
        segmentation_node: with the kidneys.
        volume_node: the CT; its midline tells the side of a single kidney.
        segment_id: of the segment that holds the lesion.
        lesion: its voxels.
    """
    from scipy.spatial import KDTree

    said = side_in_id(segment_id)
    if said is not None:
        return said
    points = _world(lesion, segmentation_node)
    midline = _midline_l_mm(volume_node)
    distances: dict[Side, float] = {}
    for kidney in segments_of(segmentation_node, KIDNEY):
        mask = cropped_mask(segmentation_node, kidney)
        if mask is None:
            continue
        thin, grid = _thinned(mask, segmentation_node)
        sides = split_sides(thin, grid, midline, "the midline of the body")
        for side in SIDES:
            voxels = np.argwhere(getattr(sides, side))
            if len(voxels):
                near = float(KDTree(grid.world(voxels)).query(points)[0].min())
                distances[side] = min(distances.get(side, np.inf), near)
    if distances and len(set(distances.values())) == len(distances):
        return min(distances, key=lambda side: distances[side])
    return "left" if points[:, 0].mean() > midline else "right"


def _thinned(mask: Mask, segmentation_node: Any) -> tuple[Any, Grid]:
    """Every n-th voxel, about 3 mm apart, and their grid in world LPS."""
    steps = [max(1, round(_COARSE_MM / spacing)) for spacing in mask.spacing]
    thin = mask.voxels[tuple(slice(None, None, step) for step in steps)]
    to_world = rigid_parent(segmentation_node)
    affine = ras_from_lps((np.eye(4) if to_world is None else to_world) @ mask.ijk_to_ras)
    whole = Grid((mask.voxels.shape[0], mask.voxels.shape[1], mask.voxels.shape[2]), affine)
    moved = affine.copy()
    moved[:3, 3] = whole.world(mask.start)
    moved[:3, :3] *= np.array(steps[::-1])
    return thin, Grid((thin.shape[0], thin.shape[1], thin.shape[2]), moved)


def _world(lesion: Mask, segmentation_node: Any) -> Any:
    """World LPS of the lesion's voxels, at most some thousand."""
    thin, grid = _thinned(lesion, segmentation_node)
    places = np.argwhere(thin)
    if len(places):
        return grid.world(places)
    to_world = rigid_parent(segmentation_node)
    ras = lesion.ras(np.argwhere(lesion.voxels))
    turn = np.eye(4) if to_world is None else to_world
    return (ras @ turn[:3, :3].T + turn[:3, 3]) * (-1.0, -1.0, 1.0)


def _midline_l_mm(volume_node: Any) -> float:
    """World L of the body's midline as the CT shows it, else the middle of the scan."""
    found = body_midline_l_mm(volume_from_node(volume_node))
    if found is not None:
        return found
    grid = node_grid(volume_node)
    return float(grid.world((np.array(grid.shape) - 1) / 2)[0])

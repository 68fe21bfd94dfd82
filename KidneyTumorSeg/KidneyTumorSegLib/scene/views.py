"""Where the views look: jump to a place, read the crosshair, show a scan. Works without a layout or a main window.

Positions are world LPS in mm; the scene's own nodes hold RAS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import slicer

from .geometry import rigid_parent, to_world

World = tuple[float, float, float]
_NEVER_PLACED = (0.0, 0.0, 0.0)


def jump_to(position_lps: World) -> None:
    """Center every slice view on a place, move the crosshair there, and let every 3D view look at it.

    Slices keep their direction and zoom; 3D cameras are moved without turning and keep their distance.
    """
    ras = (-position_lps[0], -position_lps[1], position_lps[2])
    for slice_node in _nodes("vtkMRMLSliceNode"):
        slice_node.JumpSliceByCentering(*ras)
    for crosshair in _nodes("vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(*ras)
    for camera in _nodes("vtkMRMLCameraNode"):
        _look_at(camera, ras)


def crosshair_lps() -> World | None:
    """Where the crosshair is, world LPS in mm; None if there is none or it was never placed.

    A new crosshair lies at exactly (0, 0, 0): that counts as never placed.
    """
    for crosshair in _nodes("vtkMRMLCrosshairNode"):
        right, front, up = crosshair.GetCrosshairRAS()
        if (right, front, up) != _NEVER_PLACED:
            return -right, -front, up
    return None


def show_crosshair() -> None:
    """Show the crosshair where it was hidden, small and with a gap, so that it does not cover what it points at."""
    for crosshair in _nodes("vtkMRMLCrosshairNode"):
        if crosshair.GetCrosshairMode() == crosshair.NoCrosshair:
            crosshair.SetCrosshairMode(crosshair.ShowSmallIntersection)


def show_volume(volume_node: Any) -> None:
    """Make a volume the background of every slice view; where it was not yet, the views are fitted to it."""
    fresh = False
    for composite in _nodes("vtkMRMLSliceCompositeNode"):
        fresh |= composite.GetBackgroundVolumeID() != volume_node.GetID()
        composite.SetBackgroundVolumeID(volume_node.GetID())
    if fresh:
        slicer.app.applicationLogic().FitSliceToAll(False, False)


def in_world(position_lps: World, node: Any) -> World:
    """A position that was measured on a scan, as a place to jump to.

    The same, except under a parent transform that bends or stretches the scan: then the library measures the scan as
    it was acquired (`volume_from_node`), and the views show it elsewhere.

    Args:
        position_lps: as in `Lesion.center_lps`.
        node: the scan, or the segmentation on it.
    """
    parent = node.GetParentTransformNode()
    if parent is None or rigid_parent(node) is not None:
        return position_lps
    right, front, up = to_world(parent).TransformPoint(-position_lps[0], -position_lps[1], position_lps[2])
    return -right, -front, up


def _look_at(camera: Any, ras: World) -> None:
    move = np.array(ras) - np.array(camera.GetFocalPoint())
    position = np.array(camera.GetPosition()) + move
    modifying = camera.StartModify()
    camera.SetFocalPoint(*ras)
    camera.SetPosition(*position)
    camera.EndModify(modifying)
    camera.ResetClippingRange()


def _nodes(class_name: str) -> Iterator[Any]:
    scene = slicer.mrmlScene
    for n in range(scene.GetNumberOfNodesByClass(class_name)):
        yield scene.GetNthNodeByClass(n, class_name)

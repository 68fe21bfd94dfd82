"""The standard phantom as a volume node, scanned in the ways in which Slicer may load a CT. For the self-test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import numpy as np
import numpy.typing as npt
import slicer

from ..anatomy import KIDNEY_AND_MASSES
from ..scene.geometry import matrix_from_array, ras_from_lps
from ..scene.segmentation_node import label_map_from_node
from ..scene.volume_node import volume_to_node
from ..volume import Grid, LabelMap, Reorder, Volume
from ..volume.phantom import phantom_grid, standard_phantom
from . import packages

_SPACING_MM = (2.0, 2.0, 4.0)
_STORED = {
    "axial": Reorder((0, 1, 2), ()),
    "coronal": Reorder((1, 0, 2), ()),
    "sagittal": Reorder((2, 0, 1), ()),
    "flipped": Reorder((0, 1, 2), (0, 1, 2)),
    "oblique": Reorder((0, 1, 2), ()),
    "transformed": Reorder((0, 1, 2), ()),
}
ORIENTATIONS = tuple(_STORED)


def phantom_scan(orientation: str) -> tuple[Any, LabelMap]:
    """A scan of the standard phantom in the scene, and its truth.

    The patient always lies at the same place in the scene's world; only how the scan is stored differs.

    Args:
        orientation: one of `ORIENTATIONS`.

    Returns:
        The new vtkMRMLScalarVolumeNode, and the true labels of its voxels (world LPS).
    """
    grid = phantom_grid(_SPACING_MM)
    if orientation == "oblique":
        grid = Grid(grid.shape, _turned(14.0, (0, 2)) @ _turned(-9.0, (0, 1)) @ grid.affine)
    volume, truth = standard_phantom().scan(grid)
    stored = _STORED[orientation]
    grid = stored.apply_to_grid(grid)
    labels = LabelMap(stored.apply(truth.labels), grid)
    to_world = _turned(30.0, (0, 1)) if orientation == "transformed" else np.eye(4)
    to_world[:3, 3] = (20.0, -15.0, 40.0) if orientation == "transformed" else (0.0, 0.0, 0.0)
    local = ras_from_lps(np.linalg.inv(to_world) @ ras_from_lps(grid.affine))
    node = volume_to_node(Volume.of(stored.apply(volume.voxels), local), f"phantom {orientation}")
    if orientation == "transformed":
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "registration")
        transform.SetMatrixTransformToParent(matrix_from_array(to_world))
        node.SetAndObserveTransformNodeID(transform.GetID())
    return node, labels


def check_scan(orientation: str, process: Callable[[Any], Any], dice_at_least: float) -> Any:
    """Segment one scan of the phantom, and compare with its truth in Slicer's world.

    Args:
        orientation: one of `ORIENTATIONS`.
        process: from a volume node to a segmentation node.
        dice_at_least: of kidney with masses.

    Returns:
        The segmentation node.

    Raises:
        AssertionError: it is not good enough, or not where the scan is.
        SkipTest: what a run needs is not installed, as on the machines where Slicer's extensions are built.
    """
    if lacks := packages.missing_sentence():
        raise SkipTest(lacks)
    from ..evaluation import dice

    volume_node, truth = phantom_scan(orientation)
    segmentation_node = process(volume_node)
    found = label_map_from_node(segmentation_node, volume_node)
    assert found.grid.same_as(truth.grid), "The result is not on the scan's grid."
    region = list(KIDNEY_AND_MASSES.labels)
    agreement = dice(np.isin(truth.labels, region), np.isin(found.labels, region))
    assert agreement > dice_at_least, f"{orientation}: Dice {agreement:.3f} is not greater than wanted."
    assert segmentation_node.GetTransformNodeID() == volume_node.GetTransformNodeID()
    return segmentation_node


def _turned(degrees: float, plane: tuple[int, int]) -> npt.NDArray[np.float64]:
    """A 4x4 turn by an angle in the plane of two world axes."""
    a, b = plane
    matrix, angle = np.eye(4), np.deg2rad(degrees)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix

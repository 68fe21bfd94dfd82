"""The file written without Slicer and the one Slicer writes from the scene are the same segmentation."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.anatomy import STRUCTURES
from KidneyTumorSegLib.export import write_segmentation
from KidneyTumorSegLib.volume import Grid, LabelMap, Volume


def turned_grid() -> Grid:
    a, b = np.deg2rad(12), np.deg2rad(-8)
    affine = np.eye(4)
    about_s = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_l = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine[:3, :3] = about_s @ about_l @ np.diag([0.7, 0.9, -2.5])
    affine[:3, 3] = (-120.0, 33.5, -410.25)
    return Grid((9, 11, 10), affine)


@pytest.fixture(params=["all three", "kidney only", "nothing"])
def label_map(request):
    labels = np.zeros(turned_grid().shape, np.uint8)
    if request.param != "nothing":
        labels[2:7, 3:9, 1:6] = 1
    if request.param == "all three":
        labels[3:5, 4:6, 5:8], labels[5, 7, 2] = 2, 3
    return LabelMap(labels, turned_grid())


def ct_of(grid: Grid):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node

    return volume_to_node(Volume(np.zeros(grid.shape, np.int16), grid), "CT")


def described(node):
    import vtk

    segmentation = node.GetSegmentation()
    facts = []
    for structure in STRUCTURES:
        segment = segmentation.GetSegment(structure.id)
        entry = vtk.reference("")
        segment.GetTag("TerminologyEntry", entry)
        facts.append((segment.GetName(), tuple(round(c, 4) for c in segment.GetColor()), str(entry)))
    return segmentation.GetNumberOfSegments(), facts


def test_slicer_reads_the_products_own_file_as_its_own(scene, tmp_path, label_map):
    from KidneyTumorSegLib.scene.files import load_segmentation, save_segmentation
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node, segmentation_to_node

    ct = ct_of(label_map.grid)
    ours = load_segmentation(write_segmentation(tmp_path / "ours.seg.nrrd", label_map, "CT"))
    node = segmentation_to_node(label_map, ct)
    slicers = load_segmentation(save_segmentation(node, tmp_path / "slicers.seg.nrrd"))
    assert described(ours) == described(slicers) == described(node)
    for one in (ours, slicers):
        assert np.array_equal(label_map_from_node(one, ct).labels, label_map.labels)


def test_slicer_finds_the_products_own_file_at_the_same_place_in_the_world(scene, tmp_path, label_map):
    from KidneyTumorSegLib.scene.files import load_segmentation
    from KidneyTumorSegLib.scene.segmentation_node import segmentation_to_node

    if not label_map.labels.any():
        pytest.skip("nothing has no place")
    ours = load_segmentation(write_segmentation(tmp_path / "ours.seg.nrrd", label_map))
    node = segmentation_to_node(label_map, ct_of(label_map.grid))
    np.testing.assert_allclose(ours.GetSegmentCenterRAS("kidney"), node.GetSegmentCenterRAS("kidney"), atol=1e-3)

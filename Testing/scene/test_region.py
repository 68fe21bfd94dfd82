"""A markups region as voxels of the scan and as the box of a run: exact in every orientation and under transforms."""

from __future__ import annotations

import numpy as np
import pytest
from scene_patient import (
    LEFT_TUMOR,
    ORIENTATIONS,
    in_scene,
    patient,
    roi,
    tilted,
    world_centers_ras,
)

from KidneyTumorSegLib.errors import InputError


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("turn", [np.eye(4), tilted()], ids=["straight", "tilted"])
def test_the_region_holds_exactly_the_voxels_whose_centers_slicer_says_are_inside(scene, orientation, turn):
    from KidneyTumorSegLib.scene.region import region_mask

    ct, _, world = in_scene(patient(), orientation)
    node = roi(scene, world(LEFT_TUMOR), (31.0, 45.0, 27.0), turn)
    mask = region_mask(node, ct)
    centers = world_centers_ras(ct)
    whole = np.zeros(centers.shape[:3], bool)
    k, j, i = (slice(at, at + size) for at, size in zip(mask.start, mask.voxels.shape, strict=True))
    whole[k, j, i] = mask.voxels
    near = np.argwhere(np.linalg.norm(centers - np.array(world(LEFT_TUMOR)) * (-1, -1, 1), axis=-1) < 40)
    asked = np.array([node.IsPointInROIWorld(centers[tuple(at)]) for at in near])
    assert asked.any()
    assert np.array_equal(whole[tuple(near.T)], asked)
    assert whole.sum() == asked.sum()


def test_the_runs_box_is_the_regions_own_when_it_is_straight(scene):
    from KidneyTumorSegLib.scene.region import region_box_mm

    ct, _, _ = in_scene(patient())
    box = region_box_mm(roi(scene, (40.0, 5.0, -8.0), (60.0, 50.0, 40.0)), ct)
    np.testing.assert_allclose(box, (10.0, 70.0, -20.0, 30.0, -28.0, 12.0))


def test_the_runs_box_goes_around_a_tilted_region(scene):
    from KidneyTumorSegLib.scene.region import region_box_mm, region_mask

    ct, _, world = in_scene(patient(), "turned")
    node = roi(scene, world(LEFT_TUMOR), (30.0, 40.0, 20.0), tilted())
    l0, l1, p0, p1, s0, s1 = region_box_mm(node, ct)
    mask = region_mask(node, ct)
    centers = world_centers_ras(ct)[
        tuple(slice(at, at + size) for at, size in zip(mask.start, mask.voxels.shape, strict=True))
    ]
    inside = centers[mask.voxels] * (-1, -1, 1)
    assert (inside >= (l0, p0, s0)).all()
    assert (inside <= (l1, p1, s1)).all()
    bounds = np.zeros(6)
    node.GetRASBounds(bounds)
    np.testing.assert_allclose((-l1, -l0, -p1, -p0, s0, s1), bounds, atol=0.01, err_msg="no larger than needed")


def test_the_runs_box_is_in_the_world_of_a_stretched_scan_as_acquired(scene):
    import vtk

    from KidneyTumorSegLib.scene.region import region_box_mm, region_mask

    ct, _, _ = in_scene(patient())
    stretch = vtk.vtkTransform()
    stretch.Scale(2.0, 2.0, 2.0)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "stretch")
    transform.SetMatrixTransformToParent(stretch.GetMatrix())
    ct.SetAndObserveTransformNodeID(transform.GetID())
    node = roi(scene, (80.0, 10.0, 0.0), (60.0, 60.0, 60.0))
    np.testing.assert_allclose(region_box_mm(node, ct), (25.0, 55.0, -10.0, 20.0, -15.0, 15.0))
    assert region_mask(node, ct).voxels.sum() == pytest.approx(30**3 / 30.0, rel=0.25)


def test_the_region_is_exact_under_a_transform_that_bends_the_scan(scene):
    import slicer
    import vtk

    from KidneyTumorSegLib.scene.geometry import ijk_to_local_ras
    from KidneyTumorSegLib.scene.region import region_mask

    ct, _, _ = in_scene(patient())
    bend = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for place in np.array(np.meshgrid((-80, 80), (-50, 50), (-50, 50))).reshape(3, -1).T:
        source.InsertNextPoint(*place)
        target.InsertNextPoint(*(place * (1.0, 1.0, 1.1) + (8.0 if place[2] > 0 else 0.0, 0.0, 0.0)))
    bend.SetBasisToR()
    bend.SetSourceLandmarks(source)
    bend.SetTargetLandmarks(target)
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bend")
    transform.SetAndObserveTransformToParent(bend)
    ct.SetAndObserveTransformNodeID(transform.GetID())
    node = roi(scene, LEFT_TUMOR, (31.0, 33.0, 27.0), tilted())
    mask = region_mask(node, ct)
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(transform, None, to_world)
    expected = 0
    for k, j, i in np.ndindex(patient().labels.shape):
        point = to_world.TransformPoint((ijk_to_local_ras(ct) @ (i, j, k, 1.0))[:3])
        if node.IsPointInROIWorld(point):
            expected += 1
            assert mask.voxels[tuple(np.subtract((k, j, i), mask.start))]
    assert mask.voxels.sum() == expected > 500


def test_no_region_or_one_without_size_or_inside_out_is_refused(scene):
    from KidneyTumorSegLib.scene.region import region_box_mm, region_mask

    ct, _, _ = in_scene(patient())
    empty = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "region")
    for node in (None, empty):
        with pytest.raises(InputError, match="No region is chosen"):
            region_box_mm(node, ct)
    with pytest.raises(InputError, match="The region 'region' has no size"):
        region_mask(roi(scene, (0.0, 0.0, 0.0), (10.0, 0.0, 10.0)), ct)
    inside_out = roi(scene, (0.0, 0.0, 0.0), (10.0, 10.0, 10.0))
    inside_out.SetInsideOut(True)
    with pytest.raises(InputError, match="turned inside out"):
        region_mask(inside_out, ct)


@pytest.mark.parametrize("orientation", ["axial", "turned"])
def test_a_region_is_offered_around_what_is_segmented_and_inside_the_scan(scene, orientation):
    from KidneyTumorSegLib.scene.region import region_mask, roi_over

    ct, node, _ = in_scene(patient(), orientation)
    region = roi_over(node, ct)
    assert region.GetName() == "Kidney region"
    mask = region_mask(region, ct)
    k, j, i = (slice(at, at + n) for at, n in zip(mask.start, mask.voxels.shape, strict=True))
    covered = np.zeros(patient().labels.shape, bool)
    covered[k, j, i] = mask.voxels
    assert covered[patient().labels > 0].all()
    if orientation == "axial":
        center, size = np.zeros(3), np.zeros(3)
        region.GetCenterWorld(center)
        region.GetSizeWorld(size)
        labeled = world_centers_ras(ct)[patient().labels > 0]
        scan = world_centers_ras(ct).reshape(-1, 3)
        low = np.maximum(labeled.min(axis=0) - 10.0, scan.min(axis=0))
        high = np.minimum(labeled.max(axis=0) + 10.0, scan.max(axis=0))
        np.testing.assert_allclose(center - size / 2, low, atol=0.01)
        np.testing.assert_allclose(center + size / 2, high, atol=0.01)


def test_without_a_segmentation_the_region_is_around_what_is_looked_at(scene):
    from KidneyTumorSegLib.scene.region import roi_over
    from KidneyTumorSegLib.scene.views import jump_to

    ct, _, _ = in_scene(patient())
    scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCrosshairRAS(0.0, 0.0, 0.0)
    center = np.zeros(3)
    roi_over(None, ct).GetCenterWorld(center)
    scan = world_centers_ras(ct).reshape(-1, 3)
    np.testing.assert_allclose(center, (scan.min(axis=0) + scan.max(axis=0)) / 2, atol=0.01)
    jump_to((20.0, 5.0, 0.0))
    roi_over(None, ct).GetCenterWorld(center)
    assert center[0] == pytest.approx(-20.0)
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 2

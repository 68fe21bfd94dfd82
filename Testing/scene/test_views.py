"""Jumping in the views and reading the crosshair, on real slice, camera and crosshair nodes, with and without them."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.volume import Grid, Volume

PLACE_LPS = (-31.5, 22.0, -140.25)
PLACE_RAS = (31.5, -22.0, -140.25)


def slice_node(scene, name, orientation):
    import slicer

    node = slicer.vtkMRMLSliceNode()
    node.SetName(name)
    node.SetLayoutName(name)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    node = scene.AddNode(node)
    node.SetOrientation(orientation)
    node.SetDimensions(300, 200, 1)
    node.SetFieldOfView(240, 160, 1)
    return node


def camera_node(scene, focal=(10.0, 20.0, 30.0), position=(10.0, 320.0, 30.0)):
    node = scene.AddNewNodeByClass("vtkMRMLCameraNode")
    node.SetFocalPoint(*focal)
    node.SetPosition(*position)
    node.SetViewUp(0.0, 0.0, 1.0)
    return node


@pytest.mark.parametrize("orientation", ["Axial", "Sagittal", "Coronal"])
def test_every_slice_view_is_centered_on_the_place_with_its_direction_and_zoom(scene, orientation):
    from KidneyTumorSegLib.scene.geometry import array_from_matrix
    from KidneyTumorSegLib.scene.views import jump_to

    nodes = [slice_node(scene, name, orientation) for name in ("Red", "Compare1")]
    direction = array_from_matrix(nodes[0].GetSliceToRAS())[:3, :3]
    jump_to(PLACE_LPS)
    for node in nodes:
        middle = array_from_matrix(node.GetXYToRAS()) @ (150.0, 100.0, 0.0, 1.0)
        np.testing.assert_allclose(middle[:3], PLACE_RAS, atol=1e-9)
        np.testing.assert_array_equal(array_from_matrix(node.GetSliceToRAS())[:3, :3], direction)
        assert node.GetFieldOfView() == (240.0, 160.0, 1.0)


def test_a_turned_slice_stays_turned(scene):
    from KidneyTumorSegLib.scene.geometry import array_from_matrix
    from KidneyTumorSegLib.scene.views import jump_to

    node = slice_node(scene, "Red", "Axial")
    node.SetSliceToRASByNTP(0.1, 0.3, 0.95, 1.0, 0.2, 0.0, 5.0, 6.0, 7.0, 0)
    direction = array_from_matrix(node.GetSliceToRAS())[:3, :3]
    jump_to(PLACE_LPS)
    np.testing.assert_array_equal(array_from_matrix(node.GetSliceToRAS())[:3, :3], direction)


def test_3d_cameras_look_at_the_place_from_the_same_side_and_distance(scene):
    from KidneyTumorSegLib.scene.views import jump_to

    cameras = [camera_node(scene), camera_node(scene, (0.0, 0.0, 0.0), (100.0, -50.0, 20.0))]
    before = [np.subtract(camera.GetPosition(), camera.GetFocalPoint()) for camera in cameras]
    jump_to(PLACE_LPS)
    for camera, view in zip(cameras, before, strict=True):
        np.testing.assert_allclose(camera.GetFocalPoint(), PLACE_RAS)
        np.testing.assert_allclose(np.subtract(camera.GetPosition(), camera.GetFocalPoint()), view)
        assert camera.GetViewUp() == (0.0, 0.0, 1.0)


def test_the_crosshair_is_where_one_jumped_to_and_is_read_back_in_lps(scene):
    from KidneyTumorSegLib.scene.views import crosshair_lps, jump_to

    jump_to(PLACE_LPS)
    assert scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").GetCrosshairRAS() == PLACE_RAS
    assert crosshair_lps() == PLACE_LPS


def test_a_crosshair_that_was_never_placed_is_no_place(scene):
    import slicer

    from KidneyTumorSegLib.scene.views import crosshair_lps

    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCrosshairRAS(*slicer.vtkMRMLCrosshairNode().GetCrosshairRAS())
    assert crosshair_lps() is None


def test_a_hidden_crosshair_is_shown_and_a_shown_one_left_as_it_is(scene):
    from KidneyTumorSegLib.scene.views import show_crosshair

    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCrosshairMode(crosshair.NoCrosshair)
    show_crosshair()
    assert crosshair.GetCrosshairMode() == crosshair.ShowSmallIntersection
    crosshair.SetCrosshairMode(crosshair.ShowHashmarks)
    show_crosshair()
    assert crosshair.GetCrosshairMode() == crosshair.ShowHashmarks


def test_without_any_view_nothing_happens(scene):
    from KidneyTumorSegLib.scene.views import crosshair_lps, jump_to, show_crosshair, show_volume

    scene.RemoveNode(scene.GetFirstNodeByClass("vtkMRMLCrosshairNode"))
    try:
        jump_to(PLACE_LPS)
        show_crosshair()
        assert crosshair_lps() is None
        show_volume(a_ct(scene))
    finally:
        put_crosshair_back(scene)


def put_crosshair_back(scene):
    import slicer

    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetName("default")
    scene.AddNode(crosshair)


def a_ct(scene):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node

    return volume_to_node(Volume(np.zeros((4, 5, 6), np.int16), Grid((4, 5, 6), np.diag([2.0, 2.0, 3.0, 1.0]))), "CT")


def test_a_volume_becomes_the_background_of_every_slice_view(scene):
    from KidneyTumorSegLib.scene.views import show_volume

    composites = [scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode") for _ in range(3)]
    ct = a_ct(scene)
    show_volume(ct)
    assert {composite.GetBackgroundVolumeID() for composite in composites} == {ct.GetID()}


def test_views_are_fitted_to_a_volume_only_when_it_is_new_there(scene, monkeypatch):
    from types import SimpleNamespace

    import slicer

    from KidneyTumorSegLib.scene.views import show_volume

    fitted = []
    logic = SimpleNamespace(FitSliceToAll=lambda *how: fitted.append(how))
    monkeypatch.setattr(slicer.app, "applicationLogic", lambda: logic)
    scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    ct = a_ct(scene)
    show_volume(ct)
    show_volume(ct)
    assert fitted == [(False, False)], "the user's zoom is kept when the scan is shown already"


def test_a_place_measured_as_acquired_is_shown_where_a_bending_transform_puts_it(scene):
    import slicer
    import vtk

    from KidneyTumorSegLib.scene.views import in_world

    ct = a_ct(scene)
    assert in_world(PLACE_LPS, ct) == PLACE_LPS
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    turn = vtk.vtkTransform()
    turn.RotateZ(30)
    transform.SetMatrixTransformToParent(turn.GetMatrix())
    ct.SetAndObserveTransformNodeID(transform.GetID())
    assert in_world(PLACE_LPS, ct) == PLACE_LPS, "measured in the world"
    turn.Scale(2.0, 2.0, 2.0)
    transform.SetMatrixTransformToParent(turn.GetMatrix())
    expected = turn.TransformPoint(PLACE_RAS)
    np.testing.assert_allclose(in_world(PLACE_LPS, ct), (-expected[0], -expected[1], expected[2]))
    assert slicer.mrmlScene is scene

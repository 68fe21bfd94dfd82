"""Volume nodes of a real MRML scene to the library's `Volume` and back."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scene_patient import turned, under

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.volume import Grid, Volume, canonical

ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]


def test_a_round_trip_keeps_every_voxel_and_the_affine(scene, scan):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    volume = volume_from_node(volume_to_node(scan[0], "CT"))
    assert np.array_equal(volume.voxels, scan[0].voxels)
    np.testing.assert_allclose(volume.affine, scan[0].affine, atol=1e-12)
    assert (volume.modality, volume.source) == ("CT", "CT")


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_all_axis_orders_and_flips_keep_each_voxel_where_it_is_in_the_world(scene, axes, flips):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    random = np.random.default_rng(0)
    spacing = np.diag([0.7, 1.1, 2.5])
    direction = np.eye(3)[:, list(axes)] * np.where(flips, -1.0, 1.0)
    affine = turned(12.0, 1, 2) @ turned(-7.0, 0, 2)
    affine[:3, :3] = affine[:3, :3] @ direction @ spacing
    affine[:3, 3] = (-30.0, 44.0, 512.25)
    original = Volume.of(random.integers(-1000, 1000, (5, 7, 6), dtype=np.int16), affine)
    volume = volume_from_node(volume_to_node(original, "CT"))
    corner = np.array([[0, 0, 0], [4, 6, 5], [2, 3, 1]])
    np.testing.assert_allclose(volume.grid.world(corner), original.grid.world(corner), atol=1e-9)
    assert np.array_equal(canonical(volume)[0].voxels, canonical(original)[0].voxels)


def test_the_patients_left_is_plus_l_whatever_the_scene_calls_it(scene, scan):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    node = volume_to_node(scan[0], "CT")
    ras = [0.0] * 6
    node.GetRASBounds(ras)
    volume = volume_from_node(node)
    first, last = volume.grid.world([0, 0, 0]), volume.grid.world(np.array(volume.grid.shape) - 1)
    half = np.array(volume.spacing) / 2
    np.testing.assert_allclose([-ras[1], -ras[3], ras[4]], first - half, atol=1e-9)
    np.testing.assert_allclose([-ras[0], -ras[2], ras[5]], last + half, atol=1e-9)


def test_int16_voxels_are_not_copied(scene, scan):
    import slicer

    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    node = volume_to_node(scan[0], "CT")
    volume = volume_from_node(node)
    assert np.shares_memory(volume.voxels, slicer.util.arrayFromVolume(node))
    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 1


def test_voxels_outlive_their_node(scene, scan):
    import slicer

    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    node = volume_to_node(scan[0], "CT")
    volume = volume_from_node(node)
    slicer.mrmlScene.RemoveNode(node)
    del node
    assert np.array_equal(volume.voxels, scan[0].voxels)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_whole_numbers_of_any_type_become_int16_without_a_word(scene, kind):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    voxels = np.arange(24).reshape(2, 3, 4).astype(kind)
    volume = volume_from_node(volume_to_node(Volume.of(voxels, np.eye(4)), "CT"))
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels, voxels)
    assert volume.notes == ()


def test_fractions_are_rounded_to_whole_hu(scene):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    volume = volume_from_node(volume_to_node(Volume.of(np.full((2, 2, 2), 40.6, np.float32), np.eye(4)), "CT"))
    assert volume.voxels.dtype == np.int16
    assert (volume.voxels == 41).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_values_that_no_ct_has_are_kept_for_the_checks_to_see(scene, value):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    voxels = np.zeros((2, 2, 2), np.float32)
    voxels[0, 0, 0] = value
    volume = volume_from_node(volume_to_node(Volume.of(voxels, np.eye(4)), "CT"))
    np.testing.assert_array_equal(volume.voxels, voxels)


@pytest.mark.parametrize("to_world", [turned(30.0, 0, 1), np.diag([-1.0, 1.0, 1.0, 1.0]), turned(90.0, 1, 2)])
def test_a_rigid_parent_transform_is_part_of_the_world(scene, scan, to_world):
    from KidneyTumorSegLib.scene.geometry import ras_from_lps
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    node = volume_to_node(scan[0], "CT")
    to_world = to_world.copy()
    to_world[:3, 3] = (5.0, -80.0, 12.5)
    under(node, to_world)
    volume = volume_from_node(node)
    np.testing.assert_allclose(volume.affine, ras_from_lps(to_world @ ras_from_lps(scan[0].affine)), atol=1e-9)
    assert volume.notes == ()


def test_a_stretching_parent_transform_is_left_out_and_it_is_said(scene, scan):
    from KidneyTumorSegLib.scene.volume_node import volume_from_node, volume_to_node

    node = volume_to_node(scan[0], "CT")
    under(node, np.diag([1.1, 1.0, 1.0, 1.0]))
    volume = volume_from_node(node)
    assert volume.grid.same_as(scan[0].grid)
    assert "bends or stretches" in volume.notes[0]


def test_what_is_no_ct_is_refused_in_a_sentence(scene):
    import slicer
    import vtk

    from KidneyTumorSegLib.scene.volume_node import volume_from_node

    with pytest.raises(InputError, match="No volume is chosen"):
        volume_from_node(None)

    def new(class_name, components=1):
        node = slicer.mrmlScene.AddNewNodeByClass(class_name, "it")
        image = vtk.vtkImageData()
        image.SetDimensions(3, 3, 3)
        image.AllocateScalars(vtk.VTK_SHORT, components)
        if hasattr(node, "SetAndObserveImageData"):
            node.SetAndObserveImageData(image)
        return node

    cases = [
        (new("vtkMRMLLabelMapVolumeNode"), "'it' is a label map, not a CT"),
        (new("vtkMRMLVectorVolumeNode", 3), "'it' is a color image"),
        (new("vtkMRMLScalarVolumeNode", 4), "has 4 values in each voxel"),
        (new("vtkMRMLDiffusionWeightedVolumeNode", 6), "several volumes in one \\(4D\\)"),
        (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "void"), "'void' holds no voxels"),
        (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "beat"), "'beat' is a time series. Choose one"),
        (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "surface"), "'surface' is not a volume"),
    ]
    for node, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            volume_from_node(node)


def test_names_that_are_taken_get_a_number(scene, scan):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node

    assert [volume_to_node(scan[0], "CT").GetName() for _ in range(2)] == ["CT", "CT_1"]


def test_a_grid_without_its_node_can_be_asked_for(scene, scan):
    from KidneyTumorSegLib.scene.volume_node import node_grid, volume_to_node

    grid = node_grid(volume_to_node(scan[0], "CT"))
    assert isinstance(grid, Grid)
    assert grid.same_as(scan[0].grid, 1e-9)

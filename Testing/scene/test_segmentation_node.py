"""Label maps to segmentation nodes of a real MRML scene, saved, loaded again, and back."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scene_patient import under

from KidneyTumorSegLib.anatomy import STRUCTURES
from KidneyTumorSegLib.errors import InputError, UsageError
from KidneyTumorSegLib.volume import Grid, LabelMap, Volume

ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]


def oblique(shape=(9, 11, 10), axes=(0, 1, 2), flips=(False, False, False)) -> Grid:
    def turn(a, b, degrees):
        matrix, angle = np.eye(3), np.deg2rad(degrees)
        matrix[a, a] = matrix[b, b] = np.cos(angle)
        matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
        return matrix

    affine = np.eye(4)
    direction = np.eye(3)[:, list(axes)] * np.where(flips, -1.0, 1.0)
    affine[:3, :3] = turn(0, 1, 11) @ turn(1, 2, -17) @ direction @ np.diag([0.7, 0.9, 2.5])
    affine[:3, 3] = (-120.0, 33.5, -410.25)
    return Grid(shape, affine)


def blobs(grid: Grid) -> LabelMap:
    """Labels 1, 2 and 3 off-center, away from some borders, so that any shift or flip shows."""
    labels = np.zeros(grid.shape, np.uint8)
    labels[2:7, 3:9, 1:6] = 1
    labels[3:5, 4:6, 5:8] = 2
    labels[5, 7, 2] = 3
    return LabelMap(labels, grid)


def a_ct(grid: Grid, name: str = "CT"):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node

    random = np.random.default_rng(3)
    return volume_to_node(Volume(random.integers(-1000, 900, grid.shape, dtype=np.int16), grid), name)


def labels_in_scene(label_map, node):
    from KidneyTumorSegLib.scene.segmentation_node import segmentation_to_node

    return segmentation_to_node(label_map, node)


def segment_world_centroid(segmentation, segment_id):
    """World RAS centroid of a segment's voxels, asked of Slicer itself."""
    center = segmentation.GetSegmentCenterRAS(segment_id)
    assert center is not None
    return np.array(center)


def test_segments_have_their_names_colors_codes_label_values_and_stable_ids(scene):
    import vtk

    node = labels_in_scene(blobs(oblique()), a_ct(oblique()))
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())] == [
        "kidney",
        "tumor",
        "cyst",
    ]
    for structure in STRUCTURES:
        segment = segmentation.GetSegment(structure.id)
        entry = vtk.reference("")
        assert segment.GetTag("TerminologyEntry", entry)
        assert str(entry) == structure.terminology_entry
        assert segment.GetName() == structure.name
        assert segment.GetLabelValue() == structure.value
        np.testing.assert_allclose(segment.GetColor(), structure.color_fraction)


def test_segments_share_one_image_cropped_to_what_is_labeled(scene):
    node = labels_in_scene(blobs(oblique()), a_ct(oblique()))
    segmentation = node.GetSegmentation()
    images = {segmentation.GetSegment(s.id).GetRepresentation("Binary labelmap") for s in STRUCTURES}
    assert len(images) == 1
    assert images.pop().GetExtent() == (1, 7, 3, 8, 2, 6)


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_a_round_trip_is_exact_for_every_axis_order_and_flip(scene, axes, flips):
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    grid = oblique(axes=axes, flips=flips)
    node = a_ct(grid)
    back = label_map_from_node(labels_in_scene(blobs(grid), node), node)
    assert np.array_equal(back.labels, blobs(grid).labels)
    assert back.grid.same_as(grid, 1e-6)


def test_slicer_itself_reads_the_same_labels_on_the_ct(scene):
    import slicer

    grid = oblique()
    ct = a_ct(grid)
    node = labels_in_scene(blobs(grid), ct)
    for structure in STRUCTURES:
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, structure.id, ct)
        assert np.array_equal(mask != 0, blobs(grid).labels == structure.value)


def linear(node):
    return under(node, [[0.8, -0.6, 0, 20.0], [0.6, 0.8, 0, -5.0], [0, 0, 1, 8.0], [0, 0, 0, 1.0]], "turned")


def grid_transform(node):
    """An acquisition transform as Slicer adds for gantry tilt: each slice moved by another amount."""
    import slicer
    import vtk

    image = vtk.vtkImageData()
    image.SetDimensions(2, 2, 4)
    image.SetSpacing(400.0, 400.0, 60.0)
    image.SetOrigin(-100.0, -200.0, -480.0)
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    for k in range(4):
        for j in range(2):
            for i in range(2):
                for component, shift in enumerate((0.0, 3.0 * k, 0.5 * k)):
                    image.SetScalarComponentFromDouble(i, j, k, component, shift)
    warp = slicer.vtkOrientedGridTransform()
    warp.SetDisplacementGridData(image)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "acquisition")
    transform.SetAndObserveTransformFromParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


@pytest.mark.parametrize("parent", [linear, grid_transform])
def test_under_a_parent_transform_the_mask_lies_on_the_same_anatomy(scene, parent):
    import slicer
    import vtk

    from KidneyTumorSegLib.scene.geometry import ijk_to_local_ras
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node
    from KidneyTumorSegLib.scene.volume_node import node_grid

    ct = a_ct(oblique())
    transform = parent(ct)
    label_map = LabelMap(blobs(oblique()).labels, node_grid(ct))
    node = labels_in_scene(label_map, ct)
    assert node.GetTransformNodeID() == transform.GetID()
    # where Slicer says that the one cyst voxel is, against where it says that the CT's voxel is
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(ct.GetParentTransformNode(), None, to_world)
    expected = to_world.TransformPoint((ijk_to_local_ras(ct) @ [2, 7, 5, 1])[:3])
    np.testing.assert_allclose(segment_world_centroid(node, "cyst"), expected, atol=0.05)
    assert np.linalg.norm(np.array(expected) - (ijk_to_local_ras(ct) @ [2, 7, 5, 1])[:3]) > 2
    assert np.array_equal(label_map_from_node(node, ct).labels, label_map.labels)
    # and after the transform is hardened into both
    for one in (ct, node):
        one.HardenTransform()
    np.testing.assert_allclose(segment_world_centroid(node, "cyst"), expected, atol=2.0)


def test_the_result_under_a_rigid_transform_is_refused_when_the_ct_was_moved_meanwhile(scene):
    ct = a_ct(oblique())
    label_map = blobs(oblique())
    linear(ct)
    with pytest.raises(InputError, match="'CT' was changed or moved since it was segmented"):
        labels_in_scene(label_map, ct)


def test_the_segmentation_lies_in_the_same_study_as_the_ct(scene):
    import slicer

    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = tree.CreateSubjectItem(tree.GetSceneItemID(), "patient")
    study = tree.CreateStudyItem(patient, "study")
    ct = a_ct(oblique())
    tree.CreateItem(study, ct)
    node = labels_in_scene(blobs(oblique()), ct)
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study
    assert tree.GetItemName(tree.GetItemByDataNode(node)) == "CT segmentation"


def test_the_reference_geometry_is_the_cts_whole_grid(scene):
    import slicer

    ct = a_ct(oblique())
    node = labels_in_scene(blobs(oblique()), ct)
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is ct
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    image = slicer.vtkOrientedImageData()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image)
    assert image.GetDimensions() == (10, 11, 9)


@pytest.mark.parametrize("parent", [linear, grid_transform])
def test_under_a_parent_transform_the_reference_geometry_stays_that_of_the_ct_as_acquired(scene, parent):
    """Set in the wrong order, Slicer bakes the transform into it, and resamples the labels when it saves them."""
    import slicer
    import vtk

    from KidneyTumorSegLib.scene.geometry import array_from_matrix, ijk_to_local_ras
    from KidneyTumorSegLib.scene.volume_node import node_grid

    ct = a_ct(oblique())
    parent(ct)
    node = labels_in_scene(LabelMap(blobs(oblique()).labels, node_grid(ct)), ct)
    image = slicer.vtkOrientedImageData()
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    np.testing.assert_allclose(array_from_matrix(matrix), ijk_to_local_ras(ct), atol=1e-6)


def test_nothing_found_still_gives_three_segments_to_draw_in(scene, tmp_path):
    from KidneyTumorSegLib.scene.files import load_segmentation, save_segmentation
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    grid = oblique()
    ct = a_ct(grid)
    node = labels_in_scene(LabelMap(np.zeros(grid.shape, np.uint8), grid), ct)
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    assert not label_map_from_node(node, ct).labels.any()
    again = load_segmentation(save_segmentation(node, tmp_path / "nothing.seg.nrrd"))
    assert again.GetSegmentation().GetNumberOfSegments() == 3
    assert not label_map_from_node(again, ct).labels.any()


def test_each_run_gets_a_node_of_its_own(scene):
    ct = a_ct(oblique())
    first, second = (labels_in_scene(blobs(oblique()), ct) for _ in range(2))
    assert first is not second
    assert (first.GetName(), second.GetName()) == ("CT segmentation", "CT segmentation_1")


def test_no_storage_points_into_a_temporary_folder(scene):
    node = labels_in_scene(blobs(oblique()), a_ct(oblique()))
    storage = node.GetStorageNode()
    assert storage is None or not storage.GetFileName()


def seg_facts(node, ct):
    """What must survive a file: names, colors, codes, values, geometry, voxels."""
    import vtk

    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    facts = []
    for n in range(node.GetSegmentation().GetNumberOfSegments()):
        segment = node.GetSegmentation().GetNthSegment(n)
        entry = vtk.reference("")
        segment.GetTag("TerminologyEntry", entry)
        color = tuple(round(c, 5) for c in segment.GetColor())
        facts.append(
            (node.GetSegmentation().GetNthSegmentID(n), segment.GetName(), color, str(entry), segment.GetLabelValue())
        )
    return facts, label_map_from_node(node, ct).labels.tobytes()


def test_a_seg_nrrd_file_keeps_all_that_matters(scene, tmp_path):
    from KidneyTumorSegLib.scene.files import load_segmentation, save_segmentation

    ct = a_ct(oblique())
    node = labels_in_scene(blobs(oblique()), ct)
    path = save_segmentation(node, tmp_path / "Übersicht niña.seg.nrrd")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    again = load_segmentation(path)
    assert seg_facts(again, ct) == seg_facts(node, ct)


def test_a_seg_nrrd_file_is_read_the_same_by_slicerio(scene, tmp_path):
    slicerio = pytest.importorskip("slicerio")
    from KidneyTumorSegLib.scene.files import save_segmentation

    node = labels_in_scene(blobs(oblique()), a_ct(oblique()))
    read = slicerio.read_segmentation(save_segmentation(node, tmp_path / "a.seg.nrrd"))
    assert [s["name"] for s in read["segments"]] == ["kidney", "tumor", "cyst"]
    assert [s["terminology"]["type"][1] for s in read["segments"]] == ["64033007", "4147007", "367643001"]


def test_a_whole_scene_saved_as_mrb_opens_with_all_that_matters(scene, tmp_path):
    import slicer
    from slicer_scene import opened_again

    ct = a_ct(oblique())
    linear(ct)
    from KidneyTumorSegLib.scene.volume_node import node_grid

    node = labels_in_scene(LabelMap(blobs(oblique()).labels, node_grid(ct)), ct)
    expected = seg_facts(node, ct)
    with opened_again(tmp_path, ct, node, ct.GetParentTransformNode()):
        again = slicer.util.getNode("CT segmentation")
        ct_again = slicer.util.getNode("CT")
        assert seg_facts(again, ct_again) == expected
        assert again.GetParentTransformNode().GetName() == "turned"
        assert again.GetNodeReference(again.GetReferenceImageGeometryReferenceRole()) is ct_again


def test_a_wrong_ending_or_folder_is_refused(scene, tmp_path):
    from KidneyTumorSegLib.scene.files import load_segmentation, save_segmentation

    node = labels_in_scene(blobs(oblique()), a_ct(oblique()))
    with pytest.raises(UsageError, match=r"'a.nii.gz' does not end in .seg.nrrd"):
        save_segmentation(node, tmp_path / "a.nii.gz")
    with pytest.raises(UsageError, match=r"folder .* does not exist"):
        save_segmentation(node, tmp_path / "nowhere" / "a.seg.nrrd")
    with pytest.raises(InputError, match="does not exist"):
        load_segmentation(tmp_path / "none.seg.nrrd")
    count = scene.GetNumberOfNodes()
    (tmp_path / "bad.seg.nrrd").write_text("not a segmentation")
    with pytest.raises(InputError, match="damaged or is not a segmentation"):
        load_segmentation(tmp_path / "bad.seg.nrrd")
    assert scene.GetNumberOfNodes() == count


def test_segments_drawn_by_hand_are_found_by_code_or_name_and_cut_at_the_cts_edge(scene):
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    grid = oblique()
    ct = a_ct(grid)
    node = labels_in_scene(blobs(grid), ct)
    segmentation = node.GetSegmentation()
    for structure, id in zip(STRUCTURES, ("Segment_1", "Segment_2", "Segment_3"), strict=True):
        segment = segmentation.GetSegment(structure.id)
        segmentation.RemoveSegment(structure.id)
        if structure.id == "cyst":
            segment.RemoveTag("TerminologyEntry")
            segment.SetName(" Cyst")
        else:
            segment.SetName("?")
        segmentation.AddSegment(segment, id)
    assert np.array_equal(label_map_from_node(node, ct).labels, blobs(grid).labels)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.world([4, 0, 0])  # a CT that begins four slices later
    part = a_ct(Grid((9, 11, 10), affine), "part")
    expected = np.zeros((9, 11, 10), np.uint8)
    expected[:5] = blobs(grid).labels[4:]
    assert np.array_equal(label_map_from_node(node, part).labels, expected)


def test_a_segmentation_on_another_grid_is_resampled_by_slicer(scene):
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    grid = oblique((18, 22, 20))
    ct = a_ct(grid)
    labels = np.zeros(grid.shape, np.uint8)
    labels[4:14, 6:16, 4:14] = 1
    node = labels_in_scene(LabelMap(labels, grid), ct)
    affine = grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] * 2
    affine[:3, 3] = grid.world([0.5, 0.5, 0.5])
    coarse = label_map_from_node(node, a_ct(Grid((9, 11, 10), affine), "coarse"))
    assert np.array_equal(coarse.labels[2:7, 3:8, 2:7], np.ones((5, 5, 5)))
    assert coarse.labels.sum() == 125


def test_a_segmentation_of_something_else_is_refused(scene):
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    ct = a_ct(oblique())
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "liver only")
    node.GetSegmentation().AddEmptySegment("liver", "liver")
    with pytest.raises(InputError, match="'liver only' has no segment that is a kidney"):
        label_map_from_node(node, ct)


def test_surfaces_for_the_3d_view_can_be_made(scene):
    from KidneyTumorSegLib.scene.segmentation_node import show_in_3d

    node = labels_in_scene(blobs(oblique()), a_ct(oblique()))
    show_in_3d(node)
    assert node.GetClosedSurfaceInternalRepresentation("kidney").GetNumberOfPoints() > 10

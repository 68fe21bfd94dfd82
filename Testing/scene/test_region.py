"""Segmenting again inside a markups region: exact, turned or not, and nothing outside or made by hand changes."""

from __future__ import annotations

import numpy as np
import pytest
from scene_patient import (
    LEFT_CYST,
    LEFT_TUMOR,
    ORIENTATIONS,
    RIGHT_TUMOR,
    ball,
    by_lesion,
    canonical_grid,
    in_scene,
    patient,
    same,
    segments,
    stored,
)

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.volume import LabelMap

KIDNEY, TUMOR, CYST = 1, 2, 3


def roi(scene, center_lps, size_mm, turn=None):
    """A region around a place; `turn` (4x4, world RAS) is put on it by a parent transform."""
    from KidneyTumorSegLib.scene.geometry import matrix_from_array

    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "region")
    node.SetSize(*size_mm)
    node.SetCenter(0.0, 0.0, 0.0)
    move = np.eye(4)
    move[:3, 3] = np.array(center_lps) * (-1, -1, 1)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "of the region")
    transform.SetMatrixTransformToParent(matrix_from_array(move @ (np.eye(4) if turn is None else turn)))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return node


def tilted():
    from scene_patient import turned

    return turned(33.0, 0, 1) @ turned(-21.0, 1, 2)


def world_centers_ras(ct):
    """Where Slicer says that every voxel center is, (k, j, i, 3)."""
    from KidneyTumorSegLib.scene.volume_node import node_grid

    grid = node_grid(ct)
    places = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return grid.world(places) * (-1, -1, 1)


def stamped(node):
    """As `results` leaves it: all that is there was drawn by the AI."""
    from KidneyTumorSegLib.scene.edits import stamp
    from KidneyTumorSegLib.scene.masks import segment_ids

    stamp(node, segment_ids(node))
    return node


def lowest(mask, count):
    """The first planes of a mask."""
    _, j, i = mask.voxels.shape
    return mask.part((slice(0, count), slice(0, j), slice(0, i)), mask.voxels[:count])


def new_result(ct, changes, orientation="axial"):
    """A label map of the patient with changes: (center in the patient, radius in mm, label)."""
    from KidneyTumorSegLib.scene.volume_node import node_grid

    labels = patient().labels.copy()
    for center, radius, label in changes:
        labels[ball(canonical_grid(), center, radius)] = label
    return LabelMap(stored(LabelMap(labels, canonical_grid()), orientation)[0].labels, node_grid(ct))


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


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("turn", [np.eye(4), tilted()], ids=["straight", "tilted"])
def test_inside_is_the_new_result_and_outside_no_voxel_changes(scene, orientation, turn):
    from KidneyTumorSegLib.scene.edits import edited_segments
    from KidneyTumorSegLib.scene.region import region_mask, replace_in_region

    ct, node, world = in_scene(patient(), orientation)
    stamped(node)
    result = new_result(ct, [(LEFT_TUMOR, 14.0, TUMOR), (LEFT_CYST, 30.0, 0), (RIGHT_TUMOR, 20.0, CYST)], orientation)
    region = roi(scene, world(LEFT_TUMOR), (34.0, 40.0, 36.0), turn)
    before = segments(node, ct)
    done = replace_in_region(node, ct, result, region)
    after = segments(node, ct)
    mask = region_mask(region, ct)
    inside = np.zeros(result.labels.shape, bool)
    inside[tuple(slice(at, at + n) for at, n in zip(mask.start, mask.voxels.shape, strict=True))] = mask.voxels
    for one, value in (("kidney", KIDNEY), ("tumor", TUMOR), ("cyst", CYST)):
        assert np.array_equal(after[one], np.where(inside, result.labels == value, before[one]))
    assert not same(before, after)
    assert edited_segments(node) == (), "what the AI drew counts as drawn by the AI"
    assert done.sentence.startswith("Drawn anew inside the region: kidney ")
    done.undo()
    assert same(segments(node, ct), before)
    assert edited_segments(node) == ()


def test_a_corrected_segment_is_kept_inside_too(scene):
    """The tumor was painted larger: it stays so, and what the result says of it is left out."""
    from KidneyTumorSegLib.scene.edits import edited_segments
    from KidneyTumorSegLib.scene.region import replace_in_region
    from KidneyTumorSegLib.scene.segment_voxels import cropped_mask, erase

    ct, node, world = in_scene(patient())
    stamped(node)
    whole = cropped_mask(node, "tumor")
    erase(node, "tumor", lowest(whole, 3))
    before = segments(node, ct)
    result = new_result(ct, [(LEFT_TUMOR, 14.0, TUMOR), (LEFT_CYST, 12.0, CYST)])
    done = replace_in_region(node, ct, result, roi(scene, world((45.0, 0.0, 5.0)), (80.0, 80.0, 90.0)))
    after = segments(node, ct)
    assert np.array_equal(after["tumor"], before["tumor"])
    assert after["cyst"].sum() > before["cyst"].sum()
    assert not (after["tumor"] & (after["kidney"] | after["cyst"])).any()
    assert edited_segments(node) == ("tumor",)
    assert done.sentence.endswith(" Kept as corrected by hand: tumor.")
    assert set(after) == set(before)


def test_a_corrected_segment_is_drawn_anew_inside_when_asked_and_still_counts_as_corrected(scene):
    from KidneyTumorSegLib.scene.edits import edited_segments
    from KidneyTumorSegLib.scene.region import replace_in_region
    from KidneyTumorSegLib.scene.segment_voxels import cropped_mask, erase

    ct, node, world = in_scene(patient())
    stamped(node)
    whole = cropped_mask(node, "tumor")
    erase(node, "tumor", lowest(whole, 3))
    result = new_result(ct, [])
    replace_in_region(node, ct, result, roi(scene, world(LEFT_TUMOR), (40.0, 40.0, 40.0)), overwrite_edited=True)
    left = world_centers_ras(ct)[..., 0] < 0
    after = segments(node, ct)["tumor"]
    assert np.array_equal(after & left, (result.labels == TUMOR) & left)
    assert not np.array_equal(after, result.labels == TUMOR), "the right one is outside of the region"
    assert edited_segments(node) == ("tumor",)


def test_a_new_lesion_beside_a_corrected_segment_of_its_class_gets_a_segment_of_its_own(scene):
    from KidneyTumorSegLib.scene.edits import edited_segments, is_ai
    from KidneyTumorSegLib.scene.region import replace_in_region
    from KidneyTumorSegLib.scene.segment_voxels import cropped_mask, erase

    ct, node, world = in_scene(patient())
    stamped(node)
    whole = cropped_mask(node, "tumor")
    erase(node, "tumor", lowest(whole, 2))
    before = segments(node, ct)
    place = (36.0, 32.0, -6.0)
    result = new_result(ct, [(place, 9.0, TUMOR)])
    replace_in_region(node, ct, result, roi(scene, world(place), (24.0, 24.0, 24.0)))
    after = segments(node, ct)
    assert np.array_equal(after["tumor"], before["tumor"])
    assert after["tumor_added"].sum() * 0.03 == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.15)
    assert node.GetSegmentation().GetSegment("tumor_added").GetName() == "tumor (added)"
    assert is_ai(node, "tumor_added")
    assert edited_segments(node) == ("tumor",)


def test_the_users_own_segment_is_never_touched(scene):
    from KidneyTumorSegLib.scene.region import replace_in_region
    from KidneyTumorSegLib.scene.segment_voxels import cropped_mask, paint

    ct, node, world = in_scene(patient())
    stamped(node)
    node.GetSegmentation().AddEmptySegment("mine", "note", (0.1, 0.2, 0.3))
    paint(node, "mine", cropped_mask(node, "kidney"))
    before = segments(node, ct)["mine"]
    result = new_result(ct, [(LEFT_TUMOR, 16.0, TUMOR)])
    for overwrite in (False, True):
        replace_in_region(node, ct, result, roi(scene, world(LEFT_TUMOR), (40.0, 40.0, 40.0)), overwrite)
        assert np.array_equal(segments(node, ct)["mine"], before)


@pytest.mark.parametrize("orientation", ["coronal", "turned"])
def test_lesions_with_segments_of_their_own_keep_them_or_go_and_new_ones_come(scene, orientation):
    from KidneyTumorSegLib.scene.edits import edited_segments
    from KidneyTumorSegLib.scene.region import replace_in_region

    ct, node, world = in_scene(patient(), orientation)
    by_lesion(node)
    stamped(node)
    place = (45.0, 5.0, -28.0)
    changes = [(LEFT_TUMOR, 13.0, TUMOR), (LEFT_CYST, 11.0, KIDNEY), (place, 8.0, TUMOR), (RIGHT_TUMOR, 20.0, 0)]
    result = new_result(ct, changes, orientation)
    region = roi(scene, world((45.0, 5.0, 0.0)), (84.0, 70.0, 84.0), tilted() if orientation == "coronal" else None)
    before = segments(node, ct)
    done = replace_in_region(node, ct, result, region)
    after = segments(node, ct)
    assert set(after) == {"kidney", "tumor_left_1", "tumor_left_2", "tumor_right_1", "cyst_left_1"} - {"cyst_left_1"}
    assert after["tumor_left_1"].sum() > before["tumor_left_1"].sum()
    assert after["tumor_left_2"].sum() * 0.03 == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.2)
    assert np.array_equal(after["tumor_right_1"], before["tumor_right_1"])
    assert edited_segments(node) == ()
    done.undo()
    assert same(segments(node, ct), before)


def test_a_lesion_that_was_deleted_by_hand_is_not_drawn_again(scene):
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.region import replace_in_region
    from KidneyTumorSegLib.scene.results import place_result

    ct, _, world = in_scene(patient())
    result = new_result(ct, [])
    node = place_result(result, measure(result), ct, detail="lesions").node
    relabel(node, ct, world(LEFT_TUMOR), "nothing")
    region = roi(scene, world(LEFT_TUMOR), (40.0, 40.0, 40.0))
    replace_in_region(node, ct, result, region)
    assert "tumor_left_1" not in segments(node, ct)
    replace_in_region(node, ct, result, region, overwrite_edited=True)
    tumors = [mask for one, mask in segments(node, ct).items() if one.startswith("tumor_left")]
    assert len(tumors) == 1
    left = world_centers_ras(ct)[..., 0] < 0
    assert np.array_equal(tumors[0], (result.labels == TUMOR) & left)


def test_a_region_outside_of_the_scan_another_transform_and_a_moved_ct_are_refused(scene):
    import slicer

    from KidneyTumorSegLib.scene.region import replace_in_region

    ct, node, _ = in_scene(patient())
    stamped(node)
    before = segments(node, ct)
    result = new_result(ct, [(LEFT_TUMOR, 14.0, TUMOR)])
    with pytest.raises(InputError, match="The region lies outside of the scan"):
        replace_in_region(node, ct, result, roi(scene, (900.0, 0.0, 0.0), (30.0, 30.0, 30.0)))
    region = roi(scene, LEFT_TUMOR, (30.0, 30.0, 30.0))
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "other")
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="lie under different transforms"):
        replace_in_region(node, ct, result, region)
    node.SetAndObserveTransformNodeID(None)
    assert same(segments(node, ct), before)
    ct.SetOrigin(1.0, 2.0, 3.0)
    with pytest.raises(InputError, match="'CT' was changed or moved since it was segmented"):
        replace_in_region(node, ct, result, region)


def test_an_error_half_way_leaves_the_segmentation_as_it_was(scene, monkeypatch):
    from KidneyTumorSegLib.scene import region_plan
    from KidneyTumorSegLib.scene.edits import edited_segments
    from KidneyTumorSegLib.scene.region import replace_in_region

    ct, node, world = in_scene(patient())
    stamped(node)
    before = segments(node, ct)

    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(region_plan, "stamp", fail)
    with pytest.raises(MemoryError):
        replace_in_region(
            node, ct, new_result(ct, [(LEFT_TUMOR, 14.0, TUMOR)]), roi(scene, world(LEFT_TUMOR), (40.0, 40.0, 40.0))
        )
    assert same(segments(node, ct), before)
    assert edited_segments(node) == ()


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

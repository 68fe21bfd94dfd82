"""Segmenting again inside a region only: nothing outside, and nothing made by hand, changes."""

from __future__ import annotations

import numpy as np
import pytest
from scene_patient import (
    CYST,
    KIDNEY,
    LEFT_CYST,
    LEFT_TUMOR,
    ORIENTATIONS,
    RIGHT_TUMOR,
    TUMOR,
    by_lesion,
    canonical_grid,
    in_scene,
    lowest,
    new_result,
    patient,
    roi,
    same,
    segments,
    stamped,
    tilted,
    world_centers_ras,
)

from KidneyTumorSegLib.errors import InputError


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
    from KidneyTumorSegLib.scene.masks import cropped_mask, erase
    from KidneyTumorSegLib.scene.region import replace_in_region

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
    from KidneyTumorSegLib.scene.masks import cropped_mask, erase
    from KidneyTumorSegLib.scene.region import replace_in_region

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
    from KidneyTumorSegLib.scene.masks import cropped_mask, erase
    from KidneyTumorSegLib.scene.region import replace_in_region

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
    from KidneyTumorSegLib.scene.masks import cropped_mask, paint
    from KidneyTumorSegLib.scene.region import replace_in_region

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


def test_a_segmentation_with_other_voxels_than_the_ct_is_refused(scene):
    from KidneyTumorSegLib.scene.region import replace_in_region
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume import Grid, LabelMap, Volume

    _, node, _ = in_scene(patient())
    finer = Grid((48, 80, 120), canonical_grid().affine @ np.diag([0.5, 0.5, 0.5, 1.0]))
    other = volume_to_node(Volume(np.zeros(finer.shape, np.int16), finer), "other")
    result = LabelMap(np.zeros(finer.shape, np.uint8), finer)
    with pytest.raises(InputError, match="'CT segmentation' has other voxels than 'other'"):
        replace_in_region(node, other, result, roi(scene, LEFT_TUMOR, (30.0, 30.0, 30.0)))


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

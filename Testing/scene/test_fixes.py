"""Corrections by one click, on real segmentation nodes: any orientation, under a transform, in both segment layouts."""

from __future__ import annotations

import numpy as np
import pytest
from scene_patient import (
    JOINED,
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
)

from KidneyTumorSegLib.errors import InputError, UsageError


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("to", ["cyst", "kidney", "nothing"])
def test_the_lesion_at_the_place_changes_and_no_other_voxel(scene, orientation, to):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient(), orientation)
    before = segments(node, ct)
    done = relabel(node, ct, world(LEFT_TUMOR), to)
    after = segments(node, ct)
    body = before["tumor"] & ~after["tumor"]
    assert body.sum() * 0.03 == pytest.approx(4 / 3 * np.pi * 1.1**3, rel=0.1)
    assert after["tumor"].any()
    for one in ("kidney", "cyst"):
        assert np.array_equal(after[one], before[one] | body if one == to else before[one])
    words = {"cyst": "is now a cyst", "kidney": "is now kidney tissue", "nothing": "was removed"}
    assert done.sentence == f"Left tumor, {body.sum() * 0.03:.1f} mL, {words[to]}."
    done.undo()
    assert same(segments(node, ct), before)


@pytest.mark.parametrize("orientation", ["coronal", "turned"])
@pytest.mark.parametrize("to", ["cyst", "kidney", "nothing"])
def test_a_lesion_with_a_segment_of_its_own_gets_a_new_one_of_its_new_kind(scene, orientation, to):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient(), orientation)
    by_lesion(node)
    before = segments(node, ct)
    assert set(before) == {"kidney", "tumor_left_1", "tumor_right_1", "cyst_left_1"}
    done = relabel(node, ct, world(LEFT_TUMOR), to)
    after = segments(node, ct)
    body = before["tumor_left_1"]
    goes_to = {"cyst": "cyst_left_2", "kidney": "kidney", "nothing": None}[to]
    expected = {one: mask for one, mask in before.items() if one != "tumor_left_1"}
    if goes_to:
        expected[goes_to] = expected.get(goes_to, np.zeros_like(body)) | body
    assert same(after, expected)
    assert done.segment_ids == ((goes_to,) if goes_to else ())
    done.undo()
    assert same(segments(node, ct), before)


def test_a_new_lesion_segment_has_name_code_and_color_of_its_kind(scene):
    from KidneyTumorSegLib.anatomy import CYST as CYST_STRUCTURE
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.masks import tag_of

    ct, node, world = in_scene(patient())
    by_lesion(node)
    relabel(node, ct, world(RIGHT_TUMOR), "cyst")
    segment = node.GetSegmentation().GetSegment("cyst_right_1")
    assert segment.GetName() == "right cyst 1"
    assert CYST_STRUCTURE.type.value in tag_of(segment, "TerminologyEntry")
    np.testing.assert_allclose(segment.GetColor(), CYST_STRUCTURE.color_fraction)


def test_a_number_that_somebody_gave_by_name_is_not_given_again(scene):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    by_lesion(node)
    node.GetSegmentation().AddEmptySegment("Segment_1", "left cyst 4")
    assert relabel(node, ct, world(LEFT_TUMOR), "cyst").segment_ids == ("cyst_left_5",)


def test_the_measurements_follow_the_correction(scene):
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    for layout in (lambda node: None, by_lesion):
        ct, node, world = in_scene(patient(), "oblique")
        layout(node)
        relabel(node, ct, world(LEFT_CYST), "tumor")
        kinds = [(lesion.kind, lesion.side) for lesion in measure(label_map_from_node(node, ct)).lesions]
        assert kinds.count(("tumor", "left")) >= 1
        assert ("cyst", "left") not in kinds


@pytest.mark.parametrize(("away_mm", "found"), [(1.0, True), (3.0, True), (9.0, False)])
def test_a_click_within_5_mm_of_a_lesion_means_it(scene, away_mm, found):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient(), "turned")
    place = world((LEFT_TUMOR[0] + 11.0 + away_mm, LEFT_TUMOR[1], LEFT_TUMOR[2]))
    before = segments(node, ct)
    if found:
        assert relabel(node, ct, place, "nothing").sentence.startswith("Left tumor")
        return
    with pytest.raises(InputError, match="There is no tumor or cyst at the crosshair"):
        relabel(node, ct, place, "nothing")
    assert same(segments(node, ct), before)


def test_what_a_lesion_is_already_and_words_that_mean_nothing_are_refused(scene):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    with pytest.raises(InputError, match="a tumor already"):
        relabel(node, ct, world(LEFT_TUMOR), "tumor")
    with pytest.raises(UsageError, match="'stone' is nothing that a lesion can be made"):
        relabel(node, ct, world(LEFT_TUMOR), "stone")


def test_an_empty_class_keeps_its_segment(scene):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    done = relabel(node, ct, world(LEFT_CYST), "tumor")
    assert not segments(node, ct)["cyst"].any()
    assert done.segment_ids == ("tumor", "cyst")


def test_an_added_segment_goes_when_its_only_lesion_goes(scene):
    from KidneyTumorSegLib.anatomy import TUMOR as TUMOR_STRUCTURE
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.masks import cropped_mask, erase, paint
    from KidneyTumorSegLib.scene.segment_names import SegmentName, add_segment

    ct, node, world = in_scene(patient())
    mask = cropped_mask(node, "cyst")
    erase(node, "cyst", mask)
    paint(node, add_segment(node, SegmentName(TUMOR_STRUCTURE).added(1)), mask)
    assert relabel(node, ct, world(LEFT_CYST), "cyst").segment_ids == ("cyst",)
    assert set(segments(node, ct)) == {"kidney", "tumor", "cyst"}


def test_the_users_own_segments_and_all_tags_are_left_alone(scene):
    """Also one that lies over the lesion: segments may overlap, as in the Segment Editor."""
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.masks import cropped_mask, paint

    ct, node, world = in_scene(patient(), "flipped")
    segmentation = node.GetSegmentation()
    segmentation.AddEmptySegment("ureter", "my ureter", (0.1, 0.2, 0.3))
    paint(node, "ureter", cropped_mask(node, "tumor"))
    for one in ("kidney", "tumor", "cyst", "ureter"):
        segmentation.GetSegment(one).SetTag("My.Tag", f"of {one}")
    before = segments(node, ct)
    relabel(node, ct, world(LEFT_TUMOR), "cyst")
    from KidneyTumorSegLib.scene.masks import tag_of

    assert np.array_equal(segments(node, ct)["ureter"], before["ureter"])
    for one in ("kidney", "tumor", "cyst", "ureter"):
        assert tag_of(segmentation.GetSegment(one), "My.Tag") == f"of {one}"


def test_what_is_made_of_surfaces_is_refused_for_a_correction_beside_them_would_not_be_saved(scene):
    from KidneyTumorSegLib.scene.fixes import relabel, split

    ct, node, world = in_scene(patient())
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for correct in (lambda: relabel(node, ct, world(LEFT_TUMOR), "cyst"), lambda: split(node, ct, world(LEFT_TUMOR))):
        with pytest.raises(InputError, match="is made of surfaces"):
            correct()


def test_a_segment_with_finer_voxels_keeps_each_of_them_when_a_lesion_is_added(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.segmentation_node import segmentation_to_node
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume import Grid, LabelMap, Volume

    ct, node, world = in_scene(patient())
    grid = Grid((48, 80, 120), canonical_grid().affine @ np.diag([0.5, 0.5, 0.5, 1.0]))
    labels = np.indices(grid.shape).sum(axis=0) % 2  # what coarse voxels cannot hold
    finer_ct = volume_to_node(Volume(labels.astype(np.int16), grid), "finer")
    finer = segmentation_to_node(LabelMap(labels.astype(np.uint8), grid), finer_ct)
    node.GetSegmentation().RemoveSegment("kidney")
    node.GetSegmentation().CopySegmentFromSegmentation(finer.GetSegmentation(), "kidney")
    relabel(node, ct, world(LEFT_TUMOR), "kidney")
    assert segments(node, finer_ct, ("kidney",))["kidney"][labels == 1].all()
    assert segments(node, ct, ("kidney",))["kidney"][ball(canonical_grid(), LEFT_TUMOR, 11.0)].all()


def test_surfaces_and_views_follow(scene):
    """The editor's events are fired, and only the changed segments' surfaces are made anew."""
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    node.CreateClosedSurfaceRepresentation()
    segmentation = node.GetSegmentation()

    def surface(one):
        return segmentation.GetSegment(one).GetRepresentation("Closed surface")

    kidney, cyst_points = surface("kidney"), surface("cyst").GetNumberOfPoints()
    fired = []
    for event in (segmentation.SourceRepresentationModified, segmentation.RepresentationModified):
        segmentation.AddObserver(event, lambda caller, name: fired.append(name))
    done = relabel(node, ct, world(LEFT_TUMOR), "cyst")
    assert len(fired) >= 2
    assert surface("kidney") is kidney
    assert surface("cyst").GetNumberOfPoints() > cyst_points
    done.undo()
    assert surface("cyst").GetNumberOfPoints() == cyst_points


def test_undo_is_refused_when_it_would_lose_later_edits(scene):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    first = relabel(node, ct, world(LEFT_TUMOR), "cyst")
    second = relabel(node, ct, world(RIGHT_TUMOR), "nothing")
    edited = segments(node, ct)
    assert not first.undo_point.available
    with pytest.raises(InputError, match="'CT segmentation' was edited since"):
        first.undo()
    assert same(segments(node, ct), edited)
    second.undo()
    assert first.undo_point.available
    first.undo()
    with pytest.raises(InputError, match="taken back already"):
        first.undo()


def test_undo_of_a_deleted_segmentation_says_so(scene):
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    done = relabel(node, ct, world(LEFT_TUMOR), "cyst")
    scene.RemoveNode(node)
    assert not done.undo_point.available
    with pytest.raises(InputError, match="'CT segmentation' was removed from the scene"):
        done.undo()


def test_undo_brings_back_names_tags_and_order_of_segments(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.masks import segment_ids, tag_of

    ct, node, world = in_scene(patient())
    by_lesion(node)
    segment = node.GetSegmentation().GetSegment("tumor_left_1")
    segment.SetName("the big one")
    segment.SetTag("My.Tag", "keep")
    order = segment_ids(node)
    relabel(node, ct, world(LEFT_TUMOR), "nothing").undo()
    segment = node.GetSegmentation().GetSegment("tumor_left_1")
    assert segment.GetName() == "the big one"
    assert tag_of(segment, "My.Tag") == "keep"
    assert segment_ids(node) == order


def test_an_error_half_way_leaves_the_segmentation_as_it_was(scene, monkeypatch):
    from KidneyTumorSegLib.scene import fixes

    ct, node, world = in_scene(patient())
    before = segments(node, ct)

    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(fixes, "paint", fail)
    with pytest.raises(MemoryError):
        fixes.relabel(node, ct, world(LEFT_TUMOR), "cyst")
    assert same(segments(node, ct), before)


def test_a_correction_counts_as_edited_by_hand(scene):
    from KidneyTumorSegLib.scene.edits import edited_segments, stamp
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    stamp(node, ("kidney", "tumor", "cyst"))
    done = relabel(node, ct, world(LEFT_TUMOR), "cyst")
    assert set(edited_segments(node)) == {"tumor", "cyst"}
    done.undo()
    assert edited_segments(node) == ()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("layout", ["class", "lesion"])
def test_two_lesions_grown_together_are_parted_at_their_neck(scene, orientation, layout):
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.fixes import split
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    ct, node, world = in_scene(patient(joined=True), orientation)
    if layout == "lesion":
        by_lesion(node)
    before = segments(node, ct)
    done = split(node, ct, world(JOINED[1]))
    after = segments(node, ct)
    right = [lesion for lesion in measure(label_map_from_node(node, ct)).lesions if lesion.side == "right"]
    truth = [4 / 3 * np.pi * radius**3 / 1000 for radius in (14.0, 11.0)]
    assert [lesion.volume_ml for lesion in right] == pytest.approx(truth, rel=0.2)
    tumors = {one: mask for one, mask in after.items() if one.startswith("tumor")}
    lost = sum(mask.sum() for one, mask in before.items() if one.startswith("tumor"))
    lost -= sum(mask.sum() for mask in tumors.values())
    assert 0 < lost * 0.03 < 1.0, "only a layer one voxel thick"
    if layout == "lesion":
        assert done.segment_ids == ("tumor_right_1", "tumor_right_2")
        assert after["tumor_right_2"].sum() * 0.03 == pytest.approx(truth[1], rel=0.2)
    else:
        assert set(after) == set(before)
    assert done.sentence.startswith("Right tumor, ")
    assert " is now two: " in done.sentence
    done.undo()
    assert same(segments(node, ct), before)


def test_a_lesion_without_a_neck_is_not_parted(scene):
    from KidneyTumorSegLib.scene.fixes import split

    ct, node, world = in_scene(patient(), "oblique")
    before = segments(node, ct)
    with pytest.raises(InputError, match=r"Left cyst, .* mL, has no neck at which it could be parted"):
        split(node, ct, world(LEFT_CYST))
    assert same(segments(node, ct), before)

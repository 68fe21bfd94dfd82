"""Hand work survives another run of the AI, and lesions keep their numbers."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("detail", ["classes", "lesions"])
@pytest.mark.parametrize(("order", "oblique", "moved"), [(0, False, False), (29, True, True), (13, True, False)])
def test_what_was_edited_by_hand_survives_a_second_run(two, detail, order, oblique, moved):
    patient = two.Patient(two.ORDERS[order], oblique=oblique, moved=moved)
    node = two.place(patient, detail=detail).node
    cyst, more_cyst, ureter = two.hand_work(patient, node)
    kidney = "kidney" if detail == "classes" else "kidney_left"
    eaten = two.mask(patient, node, kidney)
    second = patient.label_map(
        (two.LEFT_KIDNEY, 1), (two.RIGHT_KIDNEY, 1), (np.s_[3:10, 4:9, 42:48], 2), (np.s_[5:10, 9:13, 38:42], 3)
    )  # fmt: skip
    placed = two.place(patient, second, how="replace", detail=detail, target=node)
    assert placed.node is node
    assert np.array_equal(two.mask(patient, node, cyst), more_cyst)
    assert np.array_equal(two.mask(patient, node, "Segment_1"), ureter)
    assert np.array_equal(two.mask(patient, node, kidney), eaten)  # the stroke took voxels from the kidney: edited too
    assert set(placed.kept) == ({"kidney", "cyst"} if detail == "classes" else {"left kidney", "left cyst 1"})
    assert two.tag(node, "Segment_1", "note") == "drawn by A"
    tumor = "tumor" if detail == "classes" else "tumor_left_1"
    assert np.array_equal(two.mask(patient, node, tumor), (second.labels == 2) & ~eaten & ~more_cyst)
    ours = [one for one in two.ids(node) if one != "Segment_1"]
    assert sum(two.mask(patient, node, one).astype(int) for one in ours).max() == 1  # no overlap
    assert "tumor_left_2" not in two.ids(node)
    assert placed.left_out_ml > 0


def test_edits_survive_any_number_of_runs_and_overwriting_must_be_asked_for(two):
    from KidneyTumorSegLib.scene.edits import edited_segments, has_edits

    patient = two.Patient()
    node = two.place(patient).node
    cyst, more_cyst, _ = two.hand_work(patient, node)
    for _ in range(2):
        two.place(patient, how="replace", target=node)
        assert np.array_equal(two.mask(patient, node, cyst), more_cyst)
        assert set(edited_segments(node)) == {"kidney", "cyst"}
    placed = two.place(patient, how="replace", target=node, overwrite_edited=True)
    assert placed.kept == ()
    assert not has_edits(node)
    assert np.array_equal(two.labels(patient, node), patient.label_map().labels)
    assert "Segment_1" in two.ids(node)


@pytest.mark.parametrize("how", ["replace", "merge"])
def test_no_voxel_of_a_redrawn_segment_stays_behind_in_an_image_that_another_one_shares(two, how):
    from KidneyTumorSegLib.scene.masks import voxels_of

    patient = two.Patient()
    node = two.place(patient, patient.label_map((two.LEFT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2), (two.LEFT_CYST, 3))).node
    two.editor_of(node, patient).erase("kidney", patient.mask(np.s_[2:3, 2:12, 36:46]))
    two.place(patient, how=how, target=node)
    segmentation = node.GetSegmentation()
    for one in two.ids(node):
        image = segmentation.GetSegment(one).GetRepresentation("Binary labelmap")
        sharing = [
            s for s in map(segmentation.GetSegment, two.ids(node)) if s.GetRepresentation("Binary labelmap") is image
        ]
        values = set(np.unique(voxels_of(image)).tolist()) - {0}
        assert values == {segment.GetLabelValue() for segment in sharing}


def test_a_lesion_erased_by_hand_does_not_come_back_unasked_but_a_new_one_is_shown(two):
    patient = two.Patient()
    node = two.place(patient).node
    two.editor_of(node, patient).erase("tumor", patient.mask(two.LEFT_TUMOR_2))
    new_tumor = np.s_[2:5, 2:5, 11:15]
    boxes = [(two.LEFT_KIDNEY, 1), (two.RIGHT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2), (two.LEFT_TUMOR_2, 2)]
    placed = two.place(patient, patient.label_map(*boxes, (new_tumor, 2)), how="replace", target=node)
    assert placed.kept == ("tumor",)
    assert not (two.labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 2).any()
    assert np.array_equal(two.mask(patient, node, "tumor_added"), patient.mask(new_tumor))
    assert node.GetSegmentation().GetSegment("tumor_added").GetName() == "tumor (added)"
    two.place(patient, how="replace", target=node, overwrite_edited=True)
    assert (two.labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 2).all()


@pytest.mark.parametrize("detail", ["classes", "lesions"])
def test_a_segment_deleted_by_hand_does_not_come_back_unasked(two, detail):
    from KidneyTumorSegLib.scene.edits import removed_segments

    patient = two.Patient()
    node = two.place(patient, detail=detail).node
    cyst = "cyst" if detail == "classes" else "cyst_left_1"
    node.GetSegmentation().RemoveSegment(cyst)
    assert removed_segments(node) == (cyst,)
    for _ in range(2):
        two.place(patient, how="replace", target=node, detail=detail)
        assert not (two.labels(patient, node) == 3).any()
    two.place(patient, how="replace", target=node, detail=detail, overwrite_edited=True)
    assert cyst in two.ids(node)
    assert np.array_equal(two.labels(patient, node), patient.label_map().labels)


def test_a_tumor_that_was_made_a_cyst_by_hand_stays_one(two):
    patient = two.Patient()
    node = two.place(patient).node
    two.editor_of(node, patient).paint("cyst", patient.mask(two.LEFT_TUMOR_2))
    two.place(patient, how="replace", target=node)
    assert (two.labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 3).all()


def test_a_renamed_or_recoded_segment_is_kept_and_a_new_color_stays(two):
    from KidneyTumorSegLib.anatomy import CYST

    patient = two.Patient()
    node = two.place(patient, detail="lesions").node
    segmentation = node.GetSegmentation()
    segmentation.GetSegment("tumor_left_1").SetName("proven by biopsy")
    segmentation.GetSegment("tumor_left_2").SetTag("TerminologyEntry", CYST.terminology_entry)
    segmentation.GetSegment("kidney_left").SetColor(0.1, 0.2, 0.3)
    node.GetDisplayNode().SetSegmentVisibility("kidney_left", False)
    placed = two.place(patient, how="replace", detail="lesions", target=node)
    assert placed.kept == ("proven by biopsy", "left tumor 2")
    assert segmentation.GetSegment("kidney_left").GetColor() == (0.1, 0.2, 0.3)
    assert not node.GetDisplayNode().GetSegmentVisibility("kidney_left")
    assert (two.labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 3).all()  # its code says cyst now


@pytest.mark.parametrize("detail", ["classes", "lesions"])
def test_merging_does_not_bring_back_what_was_removed_by_hand(two, detail):
    patient = two.Patient()
    node = two.place(patient, patient.label_map((two.LEFT_KIDNEY, 1), (two.LEFT_TUMOR_2, 2)), detail=detail).node
    if detail == "classes":
        two.editor_of(node, patient).erase("tumor", patient.mask(two.LEFT_TUMOR_2))
    else:
        node.GetSegmentation().RemoveSegment("tumor_left_1")
    placed = two.place(patient, how="merge", detail=detail, target=node)
    labels = two.labels(patient, node)
    assert not (labels[patient.mask(two.LEFT_TUMOR_2)] == 2).any()
    assert (labels[patient.mask(two.LEFT_TUMOR_1)] == 2).any()
    assert placed.left_out_ml > 0


@pytest.mark.parametrize("detail", ["classes", "lesions"])
def test_merging_adds_only_where_nothing_is_and_changes_nothing_that_is_there(two, detail):
    from KidneyTumorSegLib.scene.edits import edited_segments

    patient = two.Patient(two.ORDERS[29], oblique=True)
    first = patient.label_map((two.LEFT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2), (two.LEFT_CYST, 3))
    node = two.place(patient, first, detail=detail).node
    two.hand_work(patient, node)
    before = {one: two.mask(patient, node, one) for one in two.ids(node)}
    occupied = np.any(list(before.values()), axis=0)
    edited = edited_segments(node)
    placed = two.place(patient, how="merge", detail=detail, target=node)
    for one, was in before.items():
        now = two.mask(patient, node, one)
        assert (now & was).sum() == was.sum()
        if one in edited or one == "Segment_1":
            assert np.array_equal(now, was)
    assert edited_segments(node) == edited
    assert len(placed.kept) == len(edited)
    whole = patient.label_map().labels
    now = two.labels(patient, node)
    assert np.array_equal(now[~occupied], whole[~occupied])
    every = sum(two.mask(patient, node, one).astype(int) for one in two.ids(node) if one != "Segment_1")
    assert every.max() == 1


def test_changing_from_classes_to_lesions_and_back_keeps_hand_work(two):
    patient = two.Patient()
    node = two.place(patient).node
    two.editor_of(node, patient).erase("tumor", patient.mask(np.s_[4:5, 4:9, 42:48]))
    smaller = two.mask(patient, node, "tumor")
    two.place(patient, how="replace", detail="lesions", target=node)
    assert set(two.ids(node)) == {"tumor", "kidney_left", "kidney_right", "cyst_left_1"}
    assert np.array_equal(two.mask(patient, node, "tumor"), smaller)
    two.place(patient, how="replace", target=node)
    assert set(two.ids(node)) == {"tumor", "kidney", "cyst"}
    assert np.array_equal(two.mask(patient, node, "tumor"), smaller)


def test_lesions_keep_their_numbers_when_the_scan_is_segmented_again(two):
    patient = two.Patient()
    node = two.place(patient, detail="lesions").node
    # now the second tumor is the larger one, and a third one is new
    grown = np.s_[8:14, 2:9, 30:38]
    again = patient.label_map(
        (two.LEFT_KIDNEY, 1),
        (two.RIGHT_KIDNEY, 1),
        (np.s_[5:8, 5:8, 43:48], 2),
        (grown, 2),
        (np.s_[2:5, 10:13, 41:45], 2),
    )
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.lesion_numbers import renumbered

    def check(node):
        assert np.array_equal(two.mask(patient, node, "tumor_left_2"), patient.mask(grown))
        assert np.array_equal(two.mask(patient, node, "tumor_left_1"), patient.mask(np.s_[5:8, 5:8, 43:48]))
        assert np.array_equal(two.mask(patient, node, "tumor_left_3"), patient.mask(np.s_[2:5, 10:13, 41:45]))
        told = renumbered(measure(again), node, patient.ct)
        volumes = {lesion.number: lesion.volume_ml for lesion in told.lesions if lesion.side == "left"}
        assert list(volumes) == [1, 2, 3]
        assert volumes[2] > volumes[1] > volumes[3]

    check(two.place(patient, again, detail="lesions", target=node).node)  # a new node beside it
    check(two.place(patient, again, how="replace", detail="lesions", target=node).node)
    # the right tumor was not found again: its number is not given to another one later
    boxes = [(two.LEFT_KIDNEY, 1), (two.RIGHT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2)]
    two.place(patient, patient.label_map(*boxes), how="replace", detail="lesions", target=node)
    assert [one for one in two.ids(node) if one.startswith("tumor")] == ["tumor_left_1"]


def test_painting_after_a_replacement_is_noticed_by_views_and_by_us(two):
    from KidneyTumorSegLib.scene.edits import edited_segments

    patient = two.Patient()
    node = two.place(patient).node
    two.place(patient, how="replace", target=node)
    seen = []
    segmentation = node.GetSegmentation()
    segmentation.AddObserver(segmentation.SourceRepresentationModified, lambda *_: seen.append(1))
    two.editor_of(node, patient).erase("tumor", patient.mask(two.RIGHT_TUMOR))
    assert seen
    assert edited_segments(node) == ("tumor",)


def test_surfaces_that_were_shown_are_made_anew(two):
    patient = two.Patient()
    node = two.place(patient).node
    node.CreateClosedSurfaceRepresentation()
    points = node.GetClosedSurfaceInternalRepresentation("tumor").GetNumberOfPoints()
    two.place(patient, patient.label_map((two.LEFT_KIDNEY, 1), (two.RIGHT_TUMOR, 2)), how="replace", target=node)
    assert 10 < node.GetClosedSurfaceInternalRepresentation("tumor").GetNumberOfPoints() < points


def random_labels(two, random):
    """A result of boxes at random places in and around the kidneys."""
    boxes = [(two.LEFT_KIDNEY, 1)] + [(two.RIGHT_KIDNEY, 1)] * int(random.integers(2))
    for _ in range(int(random.integers(1, 6))):
        at = random.integers(0, (10, 10, 44))
        boxes.append((tuple(slice(n, n + int(random.integers(1, 6))) for n in at), int(random.integers(2, 4))))
    return boxes


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_drawn_and_run_in_whatever_order_no_hand_work_is_lost(two, seed):
    from KidneyTumorSegLib.scene.edits import edited_segments, is_ai

    random = np.random.default_rng(seed)
    patient = two.Patient(two.ORDERS[seed * 4], oblique=seed % 2 == 0, moved=seed % 3 == 0)
    detail = ["classes", "lesions"][seed % 2]
    node = two.place(patient, patient.label_map(*random_labels(two, random)), detail=detail).node
    editor = two.editor_of(node, patient)
    node.GetSegmentation().AddEmptySegment("Segment_1", "ureter")
    for _ in range(3):
        for _ in range(int(random.integers(1, 4))):
            at = random.integers(0, (10, 10, 44))
            stroke = patient.mask(tuple(slice(n, n + 5) for n in at))
            one = str(random.choice(two.ids(node)))
            (editor.paint if random.integers(2) else editor.erase)(one, stroke)
        edited = edited_segments(node)
        before, whole = {one: two.mask(patient, node, one) for one in two.ids(node)}, two.state(node)
        result = patient.label_map(*random_labels(two, random))
        how = str(random.choice(["replace", "merge"]))
        detail = str(random.choice(["classes", "lesions"]))
        placed = two.place(patient, result, how=how, detail=detail, target=node)
        now = {one: two.mask(patient, node, one) for one in two.ids(node)}
        for one in (*edited, "Segment_1"):
            assert np.array_equal(now[one], before[one]), one
        if how == "merge":
            assert all((now[one] >= was).all() for one, was in before.items())
        ai = [one for one in two.ids(node) if is_ai(node, one)]
        assert edited_segments(node) == tuple(one for one in ai if one in edited)
        fresh = [one for one in ai if one not in edited]
        for one in fresh:  # what the AI drew now overlaps no segment of ours
            assert not any((now[one] & now[other]).any() for other in ai if other != one), one
        if how == "replace" and fresh:
            assert not np.any([now[one] for one in fresh] & (result.labels == 0), axis=None)
        placed.before.restore()
        assert two.state(node) == whole
        two.place(patient, result, how=how, detail=detail, target=node)

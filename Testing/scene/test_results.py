"""A run's result in the scene: new, in place of an earlier one, or added to it; hand work survives."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.errors import InputError, UsageError

ALL_LESIONS = ("kidney_left", "kidney_right", "tumor_left_1", "tumor_left_2", "tumor_right_1", "tumor", "cyst_left_1")


@pytest.fixture
def two(scene):
    """The module with the patient of boxes; it needs the scene."""
    import two_kidneys

    return two_kidneys


def place(patient, label_map=None, **options):
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.results import place_result

    label_map = label_map or patient.label_map()
    return place_result(label_map, measure(label_map), patient.ct, **options)


def ids(node):
    return tuple(node.GetSegmentation().GetSegmentIDs())


def mask(patient, node, segment_id):
    """Asked of Slicer itself, on the CT's grid."""
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, patient.ct) != 0


def labels(patient, node):
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    return label_map_from_node(node, patient.ct).labels


def tag(node, segment_id, key):
    from KidneyTumorSegLib.scene.masks import tag_of

    return tag_of(node.GetSegmentation().GetSegment(segment_id), key)


def state(node):
    """All that makes up a segmentation: IDs in order, names, colors, tags, values, voxels, attributes, display."""
    import vtk

    from KidneyTumorSegLib.scene.masks import voxels_of

    segments = []
    for segment_id in ids(node):
        segment = node.GetSegmentation().GetSegment(segment_id)
        keys = ("TerminologyEntry", *(f"KidneyTumorSeg.{k}" for k in ("Source", "Digest", "Meaning", "Drawn")), "note")
        tags = []
        for key in keys:
            value = vtk.reference("")
            tags.append(str(value) if segment.GetTag(key, value) else None)
        image = segment.GetRepresentation("Binary labelmap")
        voxels = voxels_of(image)
        where = (
            np.argwhere(voxels == segment.GetLabelValue()) + np.array(image.GetExtent()[::-2])
            if voxels is not None
            else ()
        )
        display = node.GetDisplayNode()
        segments.append(
            (
                segment_id,
                segment.GetName(),
                segment.GetColor(),
                tuple(tags),
                segment.GetLabelValue(),
                np.asarray(where).tobytes(),
                display.GetSegmentVisibility(segment_id),
                display.GetSegmentOpacity3D(segment_id),
            )
        )
    return segments, {name: node.GetAttribute(name) for name in node.GetAttributeNames()}


def editor_of(node, patient):
    from segment_editor import SegmentEditor

    return SegmentEditor(node, patient.ct)


def test_a_new_result_lies_beside_its_ct_with_its_record_and_is_readable_over_it(two):
    import slicer

    patient = two.Patient(moved=True)
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = tree.CreateStudyItem(tree.GetSceneItemID(), "study")
    tree.CreateItem(study, patient.ct)
    placed = place(patient, record_json='{"model": "a|b: c"}')
    node = placed.node
    assert (placed.kept, placed.left_out_ml, placed.before) == ((), 0.0, None)
    assert node.GetAttribute("KidneyTumorSeg.RunRecord") == '{"model": "a|b: c"}'
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study
    assert node.GetTransformNodeID() == patient.ct.GetTransformNodeID()
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is patient.ct
    shown = node.GetDisplayNode()
    assert (shown.GetOpacity2DFill(), shown.GetSliceIntersectionThickness()) == (0.3, 2)
    assert ids(node) == ("kidney", "tumor", "cyst")
    assert place(patient).node.GetName() == "CT segmentation_1"


@pytest.mark.parametrize("detail", ["classes", "lesions"])
@pytest.mark.parametrize("order", range(48))
def test_the_segments_together_are_the_label_map_for_every_storage_order(two, order, detail):
    patient = two.Patient(two.ORDERS[order])
    node = place(patient, detail=detail).node
    assert np.array_equal(labels(patient, node), patient.label_map().labels)
    if detail == "lesions":
        assert ids(node) == ALL_LESIONS
        assert np.array_equal(mask(patient, node, "tumor_left_2"), patient.mask(two.LEFT_TUMOR_2))
        assert np.array_equal(mask(patient, node, "tumor_right_1"), patient.mask(two.RIGHT_TUMOR))


@pytest.mark.parametrize(("oblique", "moved"), [(True, False), (True, True), (False, True)])
def test_oblique_and_under_a_transform_each_lesion_has_its_own_segment_and_no_voxel_is_lost(two, oblique, moved):
    patient = two.Patient(two.ORDERS[29], oblique=oblique, moved=moved)
    node = place(patient, detail="lesions").node
    assert ids(node) == ALL_LESIONS
    covered = sum(mask(patient, node, one).astype(int) for one in ids(node))
    assert np.array_equal(covered, patient.label_map().labels != 0)  # nothing twice, nothing missing
    assert np.array_equal(mask(patient, node, "tumor_left_1"), patient.mask(two.LEFT_TUMOR_1))
    assert np.array_equal(mask(patient, node, "tumor"), patient.mask(two.SPECK))


def test_lesion_segments_say_their_side_in_name_and_code_and_differ_in_shade(two):
    node = place(two.Patient(), detail="lesions").node
    names = [node.GetSegmentation().GetSegment(one).GetName() for one in ids(node)]
    assert names == [
        "left kidney",
        "right kidney",
        "left tumor 1",
        "left tumor 2",
        "right tumor 1",
        "tumor (too small to list)",
        "left cyst 1",
    ]
    kidney, tumor = (tag(node, one, "TerminologyEntry").split("~") for one in ("kidney_left", "tumor_right_1"))
    assert (kidney[2], kidney[3]) == ("SCT^64033007^Kidney", "SCT^7771000^Left")
    assert (tumor[2], tumor[3]) == ("SCT^4147007^Mass", "^^")
    assert (tumor[5], tumor[6]) == ("SCT^64033007^Kidney", "SCT^24028007^Right")
    first, second = (node.GetSegmentation().GetSegment(one).GetColor() for one in ("tumor_left_1", "tumor_left_2"))
    assert np.abs(np.subtract(first, second)).max() > 0.15


def test_nothing_found_still_gives_segments_to_draw_in(two):
    from KidneyTumorSegLib.volume import LabelMap

    patient = two.Patient()
    empty = patient.label_map()
    empty = LabelMap(np.zeros_like(empty.labels), empty.grid)
    for detail in ("classes", "lesions"):
        node = place(patient, empty, detail=detail).node
        assert ids(node) == ("kidney", "tumor", "cyst")
        assert not labels(patient, node).any()


def hand_work(two, patient, node):
    """A stroke at the cyst, into background and kidney; and a segment of the user's own. What must survive."""
    editor = editor_of(node, patient)
    more_cyst = patient.mask(np.s_[6:9, 9:14, 38:41])
    cyst = "cyst" if "cyst" in ids(node) else "cyst_left_1"
    editor.paint(cyst, more_cyst)
    node.GetSegmentation().AddEmptySegment("Segment_1", "ureter")
    node.GetSegmentation().GetSegment("Segment_1").SetTag("note", "drawn by A")
    editor.logic.GetSegmentEditorNode().SetOverwriteMode(editor.logic.GetSegmentEditorNode().OverwriteNone)
    ureter = patient.mask(np.s_[0:13, 6:8, 33:37])
    editor.paint("Segment_1", ureter)
    return cyst, more_cyst, ureter


@pytest.mark.parametrize("detail", ["classes", "lesions"])
@pytest.mark.parametrize(("order", "oblique", "moved"), [(0, False, False), (29, True, True), (13, True, False)])
def test_what_was_edited_by_hand_survives_a_second_run(two, detail, order, oblique, moved):
    patient = two.Patient(two.ORDERS[order], oblique=oblique, moved=moved)
    node = place(patient, detail=detail).node
    cyst, more_cyst, ureter = hand_work(two, patient, node)
    kidney = "kidney" if detail == "classes" else "kidney_left"
    eaten = mask(patient, node, kidney)
    second = patient.label_map(
        (two.LEFT_KIDNEY, 1), (two.RIGHT_KIDNEY, 1), (np.s_[3:10, 4:9, 42:48], 2), (np.s_[5:10, 9:13, 38:42], 3)
    )  # fmt: skip
    placed = place(patient, second, how="replace", detail=detail, target=node)
    assert placed.node is node
    assert np.array_equal(mask(patient, node, cyst), more_cyst)
    assert np.array_equal(mask(patient, node, "Segment_1"), ureter)
    assert np.array_equal(mask(patient, node, kidney), eaten)  # the stroke took voxels from the kidney: edited too
    assert set(placed.kept) == ({"kidney", "cyst"} if detail == "classes" else {"left kidney", "left cyst 1"})
    assert tag(node, "Segment_1", "note") == "drawn by A"
    tumor = "tumor" if detail == "classes" else "tumor_left_1"
    assert np.array_equal(mask(patient, node, tumor), (second.labels == 2) & ~eaten & ~more_cyst)
    ours = [one for one in ids(node) if one != "Segment_1"]
    assert sum(mask(patient, node, one).astype(int) for one in ours).max() == 1  # no overlap
    assert "tumor_left_2" not in ids(node)
    assert placed.left_out_ml > 0


def test_edits_survive_any_number_of_runs_and_overwriting_must_be_asked_for(two):
    from KidneyTumorSegLib.scene.edits import edited_segments, has_edits

    patient = two.Patient()
    node = place(patient).node
    cyst, more_cyst, _ = hand_work(two, patient, node)
    for _ in range(2):
        place(patient, how="replace", target=node)
        assert np.array_equal(mask(patient, node, cyst), more_cyst)
        assert set(edited_segments(node)) == {"kidney", "cyst"}
    placed = place(patient, how="replace", target=node, overwrite_edited=True)
    assert placed.kept == ()
    assert not has_edits(node)
    assert np.array_equal(labels(patient, node), patient.label_map().labels)
    assert "Segment_1" in ids(node)


def test_a_lesion_erased_by_hand_does_not_come_back_unasked_but_a_new_one_is_shown(two):
    patient = two.Patient()
    node = place(patient).node
    editor_of(node, patient).erase("tumor", patient.mask(two.LEFT_TUMOR_2))
    new_tumor = np.s_[2:5, 2:5, 11:15]
    boxes = [(two.LEFT_KIDNEY, 1), (two.RIGHT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2), (two.LEFT_TUMOR_2, 2)]
    placed = place(patient, patient.label_map(*boxes, (new_tumor, 2)), how="replace", target=node)
    assert placed.kept == ("tumor",)
    assert not (labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 2).any()
    assert np.array_equal(mask(patient, node, "tumor_added"), patient.mask(new_tumor))
    assert node.GetSegmentation().GetSegment("tumor_added").GetName() == "tumor (added)"
    place(patient, how="replace", target=node, overwrite_edited=True)
    assert (labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 2).all()


@pytest.mark.parametrize("detail", ["classes", "lesions"])
def test_a_segment_deleted_by_hand_does_not_come_back_unasked(two, detail):
    from KidneyTumorSegLib.scene.edits import removed_segments

    patient = two.Patient()
    node = place(patient, detail=detail).node
    cyst = "cyst" if detail == "classes" else "cyst_left_1"
    node.GetSegmentation().RemoveSegment(cyst)
    assert removed_segments(node) == (cyst,)
    for _ in range(2):
        place(patient, how="replace", target=node, detail=detail)
        assert not (labels(patient, node) == 3).any()
    place(patient, how="replace", target=node, detail=detail, overwrite_edited=True)
    assert cyst in ids(node)
    assert np.array_equal(labels(patient, node), patient.label_map().labels)


def test_a_tumor_that_was_made_a_cyst_by_hand_stays_one(two):
    patient = two.Patient()
    node = place(patient).node
    editor_of(node, patient).paint("cyst", patient.mask(two.LEFT_TUMOR_2))
    place(patient, how="replace", target=node)
    assert (labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 3).all()


def test_a_renamed_or_recoded_segment_is_kept_and_a_new_color_stays(two):
    from KidneyTumorSegLib.anatomy import CYST

    patient = two.Patient()
    node = place(patient, detail="lesions").node
    segmentation = node.GetSegmentation()
    segmentation.GetSegment("tumor_left_1").SetName("proven by biopsy")
    segmentation.GetSegment("tumor_left_2").SetTag("TerminologyEntry", CYST.terminology_entry)
    segmentation.GetSegment("kidney_left").SetColor(0.1, 0.2, 0.3)
    node.GetDisplayNode().SetSegmentVisibility("kidney_left", False)
    placed = place(patient, how="replace", detail="lesions", target=node)
    assert placed.kept == ("proven by biopsy", "left tumor 2")
    assert segmentation.GetSegment("kidney_left").GetColor() == (0.1, 0.2, 0.3)
    assert not node.GetDisplayNode().GetSegmentVisibility("kidney_left")
    assert (labels(patient, node)[patient.mask(two.LEFT_TUMOR_2)] == 3).all()  # its code says cyst now


@pytest.mark.parametrize("detail", ["classes", "lesions"])
def test_merging_adds_only_where_nothing_is_and_changes_nothing_that_is_there(two, detail):
    from KidneyTumorSegLib.scene.edits import edited_segments

    patient = two.Patient(two.ORDERS[29], oblique=True)
    first = patient.label_map((two.LEFT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2), (two.LEFT_CYST, 3))
    node = place(patient, first, detail=detail).node
    hand_work(two, patient, node)
    before = {one: mask(patient, node, one) for one in ids(node)}
    occupied = np.any(list(before.values()), axis=0)
    edited = edited_segments(node)
    placed = place(patient, how="merge", detail=detail, target=node)
    for one, was in before.items():
        now = mask(patient, node, one)
        assert (now & was).sum() == was.sum()
        if one in edited or one == "Segment_1":
            assert np.array_equal(now, was)
    assert edited_segments(node) == edited
    assert len(placed.kept) == len(edited)
    whole = patient.label_map().labels
    now = labels(patient, node)
    assert np.array_equal(now[~occupied], whole[~occupied])
    every = sum(mask(patient, node, one).astype(int) for one in ids(node) if one != "Segment_1")
    assert every.max() == 1


def test_changing_from_classes_to_lesions_and_back_keeps_hand_work(two):
    patient = two.Patient()
    node = place(patient).node
    editor_of(node, patient).erase("tumor", patient.mask(np.s_[4:5, 4:9, 42:48]))
    smaller = mask(patient, node, "tumor")
    place(patient, how="replace", detail="lesions", target=node)
    assert set(ids(node)) == {"tumor", "kidney_left", "kidney_right", "cyst_left_1"}
    assert np.array_equal(mask(patient, node, "tumor"), smaller)
    place(patient, how="replace", target=node)
    assert set(ids(node)) == {"tumor", "kidney", "cyst"}
    assert np.array_equal(mask(patient, node, "tumor"), smaller)


def test_lesions_keep_their_numbers_when_the_scan_is_segmented_again(two):
    patient = two.Patient()
    node = place(patient, detail="lesions").node
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
        assert np.array_equal(mask(patient, node, "tumor_left_2"), patient.mask(grown))
        assert np.array_equal(mask(patient, node, "tumor_left_1"), patient.mask(np.s_[5:8, 5:8, 43:48]))
        assert np.array_equal(mask(patient, node, "tumor_left_3"), patient.mask(np.s_[2:5, 10:13, 41:45]))
        told = renumbered(measure(again), node, patient.ct)
        volumes = {lesion.number: lesion.volume_ml for lesion in told.lesions if lesion.side == "left"}
        assert list(volumes) == [1, 2, 3]
        assert volumes[2] > volumes[1] > volumes[3]

    check(place(patient, again, detail="lesions", target=node).node)  # a new node beside it
    check(place(patient, again, how="replace", detail="lesions", target=node).node)
    # the right tumor was not found again: its number is not given to another one later
    boxes = [(two.LEFT_KIDNEY, 1), (two.RIGHT_KIDNEY, 1), (two.LEFT_TUMOR_1, 2)]
    place(patient, patient.label_map(*boxes), how="replace", detail="lesions", target=node)
    assert [one for one in ids(node) if one.startswith("tumor")] == ["tumor_left_1"]


def test_undo_brings_back_every_voxel_name_color_tag_and_id(two):
    patient = two.Patient(oblique=True, moved=True)
    node = place(patient, detail="lesions", record_json="first").node
    hand_work(two, patient, node)
    node.GetSegmentation().GetSegment("kidney_right").SetColor(0.0, 0.5, 1.0)
    node.GetDisplayNode().SetSegmentVisibility("tumor_left_2", False)
    node.GetDisplayNode().SetSegmentOpacity3D("tumor_left_2", 0.25)
    node.CreateClosedSurfaceRepresentation()
    before = state(node)
    second = patient.label_map((two.RIGHT_KIDNEY, 1), (two.RIGHT_TUMOR, 2))
    for options in ({"how": "replace", "overwrite_edited": True}, {"how": "merge"}, {"how": "replace"}):
        placed = place(
            patient, second if options["how"] == "replace" else None, target=node, record_json="x", **options
        )
        assert state(node) != before
        for _ in range(2):  # as often as wanted
            placed.before.restore()
            assert state(node) == before
        assert node.GetClosedSurfaceInternalRepresentation("tumor_left_2").GetNumberOfPoints() > 10


def test_the_editors_own_undo_takes_a_replacement_back(two):
    patient = two.Patient()
    node = place(patient).node
    editor = editor_of(node, patient)
    editor.erase("tumor", patient.mask(two.LEFT_TUMOR_2))
    before, _ = state(node)
    place(patient, how="replace", overwrite_edited=True, target=node, editor=editor)
    assert state(node)[0] != before
    editor.undo()
    assert state(node)[0] == before
    editor.undo()  # and further back, before the stroke
    assert np.array_equal(labels(patient, node), patient.label_map().labels)


def test_an_editor_that_edits_another_segmentation_is_left_alone(two):
    patient = two.Patient()
    node, other = place(patient).node, place(patient).node
    editor = editor_of(other, patient)
    place(patient, how="replace", target=node, editor=editor)
    assert not editor.logic.CanUndo()


def test_painting_after_a_replacement_is_noticed_by_views_and_by_us(two):
    from KidneyTumorSegLib.scene.edits import edited_segments

    patient = two.Patient()
    node = place(patient).node
    place(patient, how="replace", target=node)
    seen = []
    segmentation = node.GetSegmentation()
    segmentation.AddObserver(segmentation.SourceRepresentationModified, lambda *_: seen.append(1))
    editor_of(node, patient).erase("tumor", patient.mask(two.RIGHT_TUMOR))
    assert seen
    assert edited_segments(node) == ("tumor",)


def test_surfaces_that_were_shown_are_made_anew(two):
    patient = two.Patient()
    node = place(patient).node
    node.CreateClosedSurfaceRepresentation()
    points = node.GetClosedSurfaceInternalRepresentation("tumor").GetNumberOfPoints()
    place(patient, patient.label_map((two.LEFT_KIDNEY, 1), (two.RIGHT_TUMOR, 2)), how="replace", target=node)
    assert 10 < node.GetClosedSurfaceInternalRepresentation("tumor").GetNumberOfPoints() < points


def test_on_an_error_the_scene_is_as_it_was(two, monkeypatch):
    import slicer

    from KidneyTumorSegLib.scene import results

    patient = two.Patient()
    node = place(patient).node
    hand_work(two, patient, node)
    before, count = state(node), slicer.mrmlScene.GetNumberOfNodes()

    def fail(*_):
        raise RuntimeError("half-way")

    monkeypatch.setattr(results, "_keep_record", fail)
    for options in ({"how": "replace", "target": node}, {"how": "merge", "target": node}, {"how": "new"}):
        with pytest.raises(RuntimeError, match="half-way"):
            place(patient, detail="lesions", **options)
        assert state(node) == before
        assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_what_cannot_be_placed_is_refused_in_a_sentence(two):
    import slicer

    patient, other = two.Patient(), two.Patient(moved=True)
    node = place(patient).node
    with pytest.raises(InputError, match="There is no segmentation to change"):
        place(patient, how="replace")
    with pytest.raises(InputError, match="'CT segmentation' and 'CT_1' lie under different transforms"):
        place(other, how="merge", target=node)
    with pytest.raises(InputError, match="'CT' was changed or moved since"):
        place(patient, other.label_map())
    with pytest.raises(UsageError, match="cannot be placed as 'over' with 'classes'"):
        place(patient, how="over")
    node.CreateClosedSurfaceRepresentation()
    node.SetSourceRepresentationToClosedSurface()
    with pytest.raises(InputError, match="'CT segmentation' is made of surfaces"):
        place(patient, how="replace", target=node)
    slicer.mrmlScene.RemoveNode(node)
    with pytest.raises(InputError, match="There is no segmentation to change"):
        place(patient, how="merge", target=node)

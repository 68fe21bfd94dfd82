"""The review list: its order, and decisions that survive edits, new runs, transforms, and a saved scene."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scene_patient import JOINED, LEFT_CYST, LEFT_TUMOR, RIGHT_TUMOR, by_lesion, in_scene, patient

from KidneyTumorSegLib.checks import Finding
from KidneyTumorSegLib.errors import UsageError
from KidneyTumorSegLib.measurements import measure

TIME = "2026-03-01T10:00:00+01:00"


def items_of(node, ct, findings=()):
    from KidneyTumorSegLib.scene.lesion_numbers import renumbered
    from KidneyTumorSegLib.scene.review import review_items
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node
    from KidneyTumorSegLib.scene.volume_node import volume_from_node

    label_map = label_map_from_node(node, ct)
    return review_items(node, volume_from_node(ct), label_map, renumbered(measure(label_map), node, ct), findings)


def item_at(items, place):
    return min(items, key=lambda item: np.linalg.norm(np.subtract(item.position_lps, place)))


def statuses(items):
    return {item.title: item.status for item in items}


def test_every_lesion_and_every_finding_with_a_place_is_an_item(scene):
    ct, node, _ = in_scene(patient())
    findings = (
        Finding("kidney-cut", "warning", "The left kidney is cut.", (45.0, 5.0, 30.0)),
        Finding("thick-slices", "warning", "Slices are thick."),
    )
    items = items_of(node, ct, findings)
    assert {item.title for item in items} == {"Left tumor 1", "Right tumor 1", "Left cyst 1", "Kidney cut"}
    assert {item.status for item in items} == {"open"}
    assert len({item.key for item in items}) == len(items)
    tumor = next(item for item in items if item.title == "Left tumor 1")
    assert tumor.volume_ml == pytest.approx(5.6, rel=0.1)
    assert tumor.diameter_mm == pytest.approx(22.0, abs=2.0)
    np.testing.assert_allclose(tumor.position_lps, LEFT_TUMOR, atol=3.0)
    cut = next(item for item in items if item.title == "Kidney cut")
    assert (cut.reason, cut.volume_ml, cut.position_lps) == ("The left kidney is cut.", None, (45.0, 5.0, 30.0))


def test_the_most_doubtful_come_first_then_tumors_then_cysts(scene):
    """In this scan all labels have 120 HU: only the cyst is doubtful."""
    ct, node, _ = in_scene(patient())
    items = items_of(node, ct)
    assert [item.title for item in items] == ["Left cyst 1", "Left tumor 1", "Right tumor 1"]
    assert "Its mean of 120 HU is high for a cyst" in items[0].reason
    assert items[1].reason == ""


def test_a_decision_is_kept_with_reviewer_and_time(scene):
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient())
    item = items_of(node, ct)[1]
    decided = set_status(node, item, "accepted", "Dr. Özil", time=TIME)
    assert (decided.status, decided.reviewer, decided.time) == ("accepted", "Dr. Özil", TIME)
    assert items_of(node, ct)[1] == decided
    assert json.loads(node.GetAttribute("KidneyTumorSeg.Review"))[0]["reviewer"] == "Dr. Özil"


def test_the_time_is_now_with_its_zone_unless_given(scene):
    from datetime import datetime

    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient())
    time = datetime.fromisoformat(set_status(node, items_of(node, ct)[0], "accepted").time)
    assert time.tzinfo is not None
    assert abs((datetime.now(time.tzinfo) - time).total_seconds()) < 60


def test_a_decision_can_be_changed_and_taken_back(scene):
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient())
    item = set_status(node, items_of(node, ct)[0], "accepted", "A")
    set_status(node, item, "relabeled", "B")
    assert [(i.status, i.reviewer) for i in items_of(node, ct)] == [("relabeled", "B"), ("open", ""), ("open", "")]
    set_status(node, item, "open")
    assert items_of(node, ct)[0].status == "open"
    assert json.loads(node.GetAttribute("KidneyTumorSeg.Review")) == []


def test_a_word_that_is_no_status_is_refused(scene):
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient())
    with pytest.raises(UsageError, match="'seen' is not a status of the review list"):
        set_status(node, items_of(node, ct)[0], "seen")


def test_decisions_follow_their_lesions_when_numbers_shift(scene):
    """The larger left tumor is removed: what was number 2 becomes number 1."""
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient(), "oblique")
    relabel(node, ct, world(LEFT_CYST), "tumor")
    small = item_at(items_of(node, ct), world(LEFT_CYST))
    assert small.title == "Left tumor 2"
    set_status(node, small, "accepted", "A", time=TIME)
    relabel(node, ct, world(LEFT_TUMOR), "nothing")
    after = item_at(items_of(node, ct), world(LEFT_CYST))
    assert (after.title, after.status, after.reviewer) == ("Left tumor 1", "accepted", "A")
    assert after.key == small.key


def test_a_lesion_that_changed_by_more_than_a_fifth_is_open_again_and_says_so(scene):
    from KidneyTumorSegLib.scene.masks import Mask, cropped_mask, erase
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient())
    item = item_at(items_of(node, ct), LEFT_TUMOR)
    set_status(node, item, "accepted", "A")
    whole = cropped_mask(node, "tumor")

    def cut(share):
        """Takes this share of the left tumor's voxels away, the first in the array."""
        left = whole.ras(np.argwhere(np.ones_like(whole.voxels)))[:, 0].reshape(whole.voxels.shape) < 0
        body = whole.voxels & left
        part = body & (np.cumsum(body).reshape(body.shape) <= share * body.sum())
        erase(node, "tumor", Mask(part, whole.start, whole.ijk_to_ras))

    cut(0.17)
    assert item_at(items_of(node, ct), LEFT_TUMOR).status == "accepted"
    cut(0.23)
    again = item_at(items_of(node, ct), LEFT_TUMOR)
    assert again.status == "open"
    assert again.reason.startswith("Its volume went from 5.")
    assert "since it was accepted." in again.reason


def test_a_decision_on_one_kind_is_none_on_another_at_the_same_place(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient())
    set_status(node, item_at(items_of(node, ct), LEFT_TUMOR), "accepted", "A")
    relabel(node, ct, world(LEFT_TUMOR), "cyst")
    assert item_at(items_of(node, ct), LEFT_TUMOR).status == "open"


@pytest.mark.parametrize("layout", ["class", "lesion"])
def test_a_relabeled_lesion_is_known_as_what_it_is_now(scene, layout):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient(), "turned")
    if layout == "lesion":
        by_lesion(node)
    item = item_at(items_of(node, ct), world(LEFT_TUMOR))
    done = relabel(node, ct, world(LEFT_TUMOR), "cyst")
    set_status(node, item, "relabeled", "A", kind="cyst")
    after = item_at(items_of(node, ct), world(LEFT_TUMOR))
    assert (after.kind, after.status, after.gone) == ("cyst", "relabeled", False)
    done.undo()
    set_status(node, item, "open")
    back = item_at(items_of(node, ct), world(LEFT_TUMOR))
    assert (back.kind, back.status) == ("tumor", "open")


def test_a_removed_lesion_stays_in_the_list_as_rejected(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import next_open, set_status, summary

    ct, node, world = in_scene(patient())
    item = item_at(items_of(node, ct), RIGHT_TUMOR)
    relabel(node, ct, world(RIGHT_TUMOR), "nothing")
    set_status(node, item, "rejected", "A", time=TIME)
    items = items_of(node, ct)
    assert items[-1].gone
    assert (items[-1].title, items[-1].status) == ("Right tumor 1, as it was", "rejected")
    assert items[-1].reason == "It was removed."
    assert summary(items) == "1 of 3 reviewed."
    assert next_open(items, items[1].key) is items[0], "nobody is sent to what is gone"


def test_a_removed_lesion_that_is_there_again_is_open(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient())
    item = item_at(items_of(node, ct), RIGHT_TUMOR)
    done = relabel(node, ct, world(RIGHT_TUMOR), "nothing")
    set_status(node, item, "rejected", "A")
    done.undo()  # or the editor's Undo, or a new run
    back = item_at(items_of(node, ct), RIGHT_TUMOR)
    assert (back.status, back.gone) == ("open", False)
    assert back.reason.startswith("It was removed, and is there again.")
    assert len(items_of(node, ct)) == 3


def test_a_lesion_beside_a_removed_one_is_not_taken_for_it(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.masks import cropped_mask, erase
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient())
    tumor = cropped_mask(node, "tumor")
    depth, _, width = tumor.voxels.shape
    erase(node, "tumor", tumor.part(np.s_[0:depth, 2:3, 0:width], tumor.voxels[:, 2:3]))  # a cut of 2.5 mm
    removed = min((one for one in items_of(node, ct) if one.kind == "tumor"), key=lambda one: one.volume_ml)
    relabel(node, ct, world(removed.position_lps), "nothing")
    set_status(node, removed, "rejected", "A")
    items = items_of(node, ct)
    assert [one.status for one in items if one.gone] == ["rejected"]
    assert not any("removed" in one.reason for one in items if not one.gone)


def test_a_lesion_that_is_gone_never_bears_the_title_of_one_that_is_there(scene):
    """Its number goes to the next one where a class has one segment; deciding on it again changes no title."""
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient())
    relabel(node, ct, world(LEFT_CYST), "tumor")
    item = item_at(items_of(node, ct), LEFT_TUMOR)
    relabel(node, ct, world(LEFT_TUMOR), "nothing")
    set_status(node, item, "rejected", "A")
    for _ in range(2):
        titles = [item.title for item in items_of(node, ct)]
        assert sorted(titles) == ["Left tumor 1", "Left tumor 1, as it was", "Right tumor 1"]
        set_status(node, items_of(node, ct)[-1], "rejected", "B")


def test_titles_have_the_numbers_of_the_segments(scene):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient(), "turned")
    by_lesion(node)
    relabel(node, ct, world(LEFT_CYST), "tumor")
    item = item_at(items_of(node, ct), world(LEFT_TUMOR))
    assert item.title == "Left tumor 1"
    relabel(node, ct, world(LEFT_TUMOR), "nothing")
    set_status(node, item, "rejected", "A")
    assert {item.title for item in items_of(node, ct)} == {"Left tumor 2", "Right tumor 1", "Left tumor 1, as it was"}
    assert "tumor_left_2" in node.GetSegmentation().GetSegmentIDs()


@pytest.mark.parametrize(
    ("to", "reason"), [("kidney", "It was made kidney tissue."), ("cyst", "It was made a cyst, which is gone since.")]
)
def test_what_became_of_a_lesion_that_is_none_any_more_is_told(scene, to, reason):
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient())
    item = item_at(items_of(node, ct), RIGHT_TUMOR)
    relabel(node, ct, world(RIGHT_TUMOR), to)
    set_status(node, item, "relabeled", "A", kind=to)
    if to == "cyst":
        relabel(node, ct, world(RIGHT_TUMOR), "nothing")
    last = items_of(node, ct)[-1]
    assert (last.gone, last.title, last.status, last.reason) == (True, "Right tumor 1, as it was", "relabeled", reason)


def test_taking_one_change_back_leaves_decisions_made_since(scene):
    """The item as it was before says it all: other items' decisions are not touched."""
    from KidneyTumorSegLib.scene.fixes import relabel
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient())
    before = item_at(items_of(node, ct), LEFT_TUMOR)
    done = relabel(node, ct, world(LEFT_TUMOR), "cyst")
    set_status(node, before, "relabeled", "A", kind="cyst")
    set_status(node, item_at(items_of(node, ct), RIGHT_TUMOR), "accepted", "B")
    done.undo()
    set_status(node, before, before.status, before.reviewer, before.kind, before.time)
    assert statuses(items_of(node, ct)) == {"Left tumor 1": "open", "Right tumor 1": "accepted", "Left cyst 1": "open"}


def test_both_halves_of_a_parted_lesion_are_to_be_looked_at(scene):
    from KidneyTumorSegLib.scene.fixes import split
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, world = in_scene(patient(joined=True))
    set_status(node, item_at(items_of(node, ct), JOINED[0]), "accepted", "A")
    split(node, ct, world(JOINED[1]))
    halves = [item for item in items_of(node, ct) if item.title.startswith("Right tumor")]
    assert [item.status for item in halves] == ["open", "open"]


def test_decisions_stay_when_ct_and_segmentation_are_registered_later(scene):
    import slicer
    import vtk

    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient(), "turned")
    for item in items_of(node, ct):
        set_status(node, item, "accepted", item.title)
    transform = slicer.mrmlScene.GetNodeByID(ct.GetTransformNodeID())
    moved = vtk.vtkTransform()
    moved.RotateX(20)
    moved.Translate(50.0, -30.0, 80.0)
    transform.SetMatrixTransformToParent(moved.GetMatrix())
    assert {item.title: item.reviewer for item in items_of(node, ct)} == {
        title: title for title in ("Left cyst 1", "Left tumor 1", "Right tumor 1")
    }


def test_a_finding_is_known_again_by_its_kind_and_place(scene):
    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient())
    finding = Finding("kidney-cut", "warning", "Cut.", (45.0, 5.0, 30.0))
    item = next(item for item in items_of(node, ct, (finding,)) if item.kind == "kidney-cut")
    set_status(node, item, "accepted", "A")
    near = Finding("kidney-cut", "warning", "Cut.", (47.0, 5.0, 30.0))
    far = Finding("kidney-cut", "warning", "Cut.", (-45.0, 5.0, 30.0))
    assert [i.status for i in items_of(node, ct, (far, near)) if i.kind == "kidney-cut"] == ["open", "accepted"]
    assert not any(item.kind == "kidney-cut" for item in items_of(node, ct)), "a finding that is gone is not listed"


def test_one_key_goes_to_the_next_open_item_and_round(scene):
    from KidneyTumorSegLib.scene.review import next_open, previous_open, set_status, summary

    ct, node, _ = in_scene(patient())
    first, second, third = items_of(node, ct)
    items = (first, second, third)
    assert next_open(items) is first
    assert next_open(items, first.key) is second
    assert next_open(items, third.key) is first
    assert previous_open(items) is third
    assert previous_open(items, second.key) is first
    assert next_open(items, "what was there before") is first
    assert summary(items) == "0 of 3 reviewed."
    items = (first, set_status(node, second, "accepted"), third)
    assert next_open(items, first.key) is third
    assert previous_open(items, third.key) is first
    items = tuple(set_status(node, item, "accepted") for item in items)
    assert next_open(items, first.key) is None
    assert summary(items) == "3 of 3 reviewed."
    assert summary(()) == "Nothing to review."


def test_a_damaged_record_of_decisions_is_no_decision(scene, caplog):
    ct, node, _ = in_scene(patient())
    for text in ("[{", '[{"key": "x"}]', '{"a": 1}'):
        node.SetAttribute("KidneyTumorSeg.Review", text)
        assert {item.status for item in items_of(node, ct)} == {"open"}
        assert "cannot be read" in caplog.text
        caplog.clear()


def test_decisions_are_saved_and_loaded_with_the_scene(scene, tmp_path):
    import slicer
    from slicer_scene import opened_again

    from KidneyTumorSegLib.scene.review import set_status

    ct, node, _ = in_scene(patient(), "turned")
    name = 'Dr. "Ünal"; head: <R&D>'
    items = items_of(node, ct)
    set_status(node, items[0], "accepted", name, time=TIME)
    set_status(node, items[1], "rejected", name, time=TIME)
    expected = items_of(node, ct)
    with opened_again(tmp_path, ct, node, ct.GetParentTransformNode()):
        loaded = items_of(slicer.util.getNode("CT segmentation"), slicer.util.getNode("CT"))
    assert statuses(loaded) == statuses(expected)
    assert [(item.reviewer, item.time, item.key) for item in loaded] == [
        (item.reviewer, item.time, item.key) for item in expected
    ]

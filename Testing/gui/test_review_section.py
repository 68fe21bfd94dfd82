"""The review list in the panel: one key each to go on, accept, relabel, remove, and take back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from panel_result import cells, corner, labels_of, node_of, paint


def test_what_the_network_was_not_sure_of_comes_first(panel_of, ct, wait_for):
    panel = panel_of("unsure")
    panel.widget.ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)
    first = cells(panel.widget.ui.reviewTable)[0]
    assert first[1] == "Right cyst 1"
    assert first[4] == "The model was not sure of it (mean probability 0.55)."


def test_one_key_goes_to_the_next_lesion_and_the_views_follow(result, ct, scene):
    import vtk

    ui = result.widget.ui
    slice_node = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    tumor = np.argwhere(labels_of(result, ct) == 2)
    ui.nextButton.click()
    assert ui.reviewTable.currentRow() == 0
    ras = [slice_node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    to_ijk = vtk.vtkMatrix4x4()
    ct.GetRASToIJKMatrix(to_ijk)
    i, j, k = np.rint(to_ijk.MultiplyPoint((*ras, 1.0))[:3]).astype(int)
    assert [k, j, i] in tumor.tolist()
    ui.nextButton.click()
    assert ui.reviewTable.currentRow() == 1


def test_accepting_all_is_told_and_kept_in_the_scene(result, scene):
    ui = result.widget.ui
    ui.nextButton.click()
    ui.acceptButton.click()
    assert ui.reviewSummaryLabel.text() == "1 of 2 reviewed."
    assert ui.reviewTable.currentRow() == 1
    ui.acceptButton.click()
    assert ui.reviewSummaryLabel.text() == "2 of 2 reviewed."
    assert ui.warningsLabel.text() == "Everything in the review list was looked at."
    kept = json.loads(node_of(result).GetAttribute("KidneyTumorSeg.Review"))
    assert "accepted" in json.dumps(kept)
    result.exit()
    result.enter()
    assert ui.reviewSummaryLabel.text() == "2 of 2 reviewed."
    ui.reviewTable.cellClicked.emit(0, 0)
    ui.reopenButton.click()
    assert ui.reviewSummaryLabel.text() == "1 of 2 reviewed."


def test_a_tumor_becomes_a_cyst_by_one_click_and_undo_brings_it_back(result, ct):
    ui, before = result.widget.ui, labels_of(result, ct)
    ui.nextButton.click()
    ui.toCystButton.click()
    np.testing.assert_array_equal(labels_of(result, ct), np.where(before == 2, 3, before))
    assert "cyst" in ui.warningsLabel.text()
    assert ui.headlineLabel.text().startswith("2 kidneys, 2 cysts")
    assert "mL" in ui.warningsLabel.text()
    changed = "tumor (25 mL as drawn, 0 mL now), cyst (11 mL as drawn, 36 mL now)"
    assert f"Edited by hand: {changed}." in ui.measureLabel.text()
    assert [row[0] for row in cells(ui.reviewTable) if row[1].startswith("Left")] == ["relabeled"]
    ui.undoButton.click()
    np.testing.assert_array_equal(labels_of(result, ct), before)
    assert "nothing was edited" in ui.measureLabel.text()
    assert [row[0] for row in cells(ui.reviewTable)] == ["open", "open"]
    assert not ui.undoButton.isEnabled()
    assert ui.headlineLabel.text().startswith("2 kidneys, 1 tumor")


def test_undo_leaves_decisions_alone_that_were_made_since(result):
    ui = result.widget.ui
    ui.nextButton.click()
    ui.toCystButton.click()
    row = next(n for n, cell in enumerate(cells(ui.reviewTable)) if cell[1].startswith("Right"))
    ui.reviewTable.cellClicked.emit(row, 0)
    ui.acceptButton.click()
    ui.undoButton.click()
    assert {cell[1]: cell[0] for cell in cells(ui.reviewTable)} == {"Left tumor 1": "open", "Right cyst 1": "accepted"}


def test_undo_that_was_refused_for_later_edits_is_possible_again_without_them(result, ct):
    ui, before = result.widget.ui, labels_of(result, ct)
    ui.correctSection.setCollapsed(False)
    ui.nextButton.click()
    ui.toCystButton.click()
    editor = result.widget.desk.editor
    editor.saveStateForUndo()
    paint(result, ct, "tumor", corner())
    ui.undoButton.click()
    assert "was edited since" in ui.warningsLabel.text()
    editor.undo()
    ui.undoButton.click()
    np.testing.assert_array_equal(labels_of(result, ct), before)


def test_the_editors_own_undo_takes_a_correction_back(result, ct):
    ui, before = result.widget.ui, labels_of(result, ct)
    ui.correctSection.setCollapsed(False)
    ui.nextButton.click()
    ui.toCystButton.click()
    assert not (labels_of(result, ct) == 2).any()
    result.widget.desk.editor.undo()
    np.testing.assert_array_equal(labels_of(result, ct), before)


def test_removing_all_that_there_is_can_be_taken_back(result, ct):
    ui, segmentation = result.widget.ui, node_of(result).GetSegmentation()
    segmentation.RemoveSegment("kidney")
    segmentation.RemoveSegment("cyst")
    segmentation.GetSegment("tumor").SetName("tumor 1")
    segmentation.AddSegment(segmentation.GetSegment("tumor"), "tumor_left_1")
    segmentation.RemoveSegment("tumor")
    result.widget.desk.refresh()
    before = labels_of(result, ct)
    ui.nextButton.click()
    ui.rejectButton.click()
    assert segmentation.GetNumberOfSegments() == 0
    assert ui.headlineLabel.text() == ""
    ui.undoButton.click()
    np.testing.assert_array_equal(labels_of(result, ct), before)


@pytest.mark.parametrize("meanwhile", ["another segmentation is chosen", "the panel is left"])
def test_a_replacement_can_be_taken_back_whatever_is_shown_when_it_is_made(result, scene, wait_for, meanwhile):
    ui, logic, first = result.widget.ui, result.widget.logic, node_of(result)
    ui.segmentButton.click()
    wait_for(lambda: not logic.isRunning)
    second = node_of(result)
    ui.outputSelector.setCurrentNode(first)
    ui.resultBox.setCurrentIndex(1)
    add_result = logic.addResult

    def added(*args):
        if meanwhile == "the panel is left":
            result.exit()
        else:
            ui.outputSelector.setCurrentNode(second)
        return add_result(*args)

    logic.addResult = added
    ui.segmentButton.click()
    wait_for(lambda: not logic.isRunning)
    result.enter()
    assert node_of(result) is first
    ui.undoButton.click()
    assert ui.warningsLabel.text() == "The last change was taken back."


def test_a_false_lesion_is_removed(result, ct):
    ui = result.widget.ui
    ui.nextButton.click()
    ui.rejectButton.click()
    assert not (labels_of(result, ct) == 2).any()
    assert any(row[0] == "removed" for row in cells(ui.reviewTable))


def test_the_buttons_act_on_the_lesion_under_the_crosshair(result, ct, scene):
    ui, before = result.widget.ui, labels_of(result, ct)
    center = node_of(result).GetSegmentCenterRAS("cyst")
    scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCrosshairRAS(*center)
    assert not ui.toTumorButton.isEnabled()
    ui.crosshairCheck.click()
    ui.toTumorButton.click()
    np.testing.assert_array_equal(labels_of(result, ct), np.where(before == 3, 2, before))


def test_a_crosshair_far_from_every_lesion_is_a_sentence(result, ct, scene):
    ui, before = result.widget.ui, labels_of(result, ct)
    scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCrosshairRAS(500, 500, 500)
    ui.crosshairCheck.click()
    ui.toTumorButton.click()
    assert "no tumor or cyst" in ui.warningsLabel.text()
    np.testing.assert_array_equal(labels_of(result, ct), before)


def test_the_views_go_to_the_largest_lesion_when_asked(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    panel.widget.ui.jumpCheck.setChecked(True)
    slice_node = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    panel.widget.ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)
    right = slice_node.GetSliceToRAS().GetElement(0, 3)
    assert right < -20  # the phantom's tumor is on the patient's left

"""The panel's lower half: a new run beside edits, the editor, measurements and saving, on real MRML nodes."""

from __future__ import annotations

import csv
import zipfile

import numpy as np
import pytest
from panel_result import cells, corner, labels_of, node_of, paint


def test_a_fresh_panel_shows_no_empty_tables(panel_of, ct):
    ui = panel_of("truth").widget.ui
    assert not ui.reviewSection.isVisible()
    assert not ui.segmentsTable.isVisible()
    assert ui.helpLabel.isVisible()


def test_the_result_has_its_segments_and_its_lesions_in_the_panel(result):
    ui = result.widget.ui
    assert [row[2] for row in cells(ui.segmentsTable)] == ["kidney", "tumor", "cyst"]
    assert [row[:2] for row in cells(ui.reviewTable)] == [["open", "Left tumor 1"], ["open", "Right cyst 1"]]
    assert ui.reviewSummaryLabel.text() == "0 of 2 reviewed."


def test_numbers_follow_the_editor_a_moment_later(result, ct, wait_for):
    ui = result.widget.ui
    volume = next(row for row in cells(ui.measureTable) if row[0] == "Tumor volume")
    paint(result, ct, "tumor", corner())
    wait_for(lambda: "Edited by hand: tumor" in ui.measureLabel.text(), 10)
    assert next(row for row in cells(ui.measureTable) if row[0] == "Tumor volume") != volume


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_run_keeps_hand_edits_unless_the_user_says_otherwise(result, ct, wait_for, monkeypatch, keep):
    import slicer.util

    asked = []
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text: asked.append(text) or keep)
    ui, before = result.widget.ui, labels_of(result, ct)
    paint(result, ct, "tumor", corner())
    edited = labels_of(result, ct)
    ui.resultBox.setCurrentIndex(1)  # replace
    node = node_of(result)
    ui.segmentButton.click()
    wait_for(lambda: not result.widget.logic.isRunning)
    assert "Edited by hand: tumor." in asked[0]
    assert node_of(result) is node
    np.testing.assert_array_equal(labels_of(result, ct) == 2, (edited if keep else before) == 2)
    assert ("Kept as edited by hand: tumor." in ui.warningsLabel.text()) == keep
    ui.undoButton.click()
    np.testing.assert_array_equal(labels_of(result, ct), edited)


def test_nothing_is_asked_when_nothing_was_edited(result, ct, wait_for, monkeypatch):
    import slicer.util

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", pytest.fail)
    result.widget.ui.resultBox.setCurrentIndex(1)
    result.widget.ui.segmentButton.click()
    wait_for(lambda: not result.widget.logic.isRunning)
    assert result.widget.ui.warningsLabel.text() == "Slices are thick: 6 mm."


def test_the_segmentation_of_another_ct_is_never_replaced(result, ct, scene, wait_for):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    first, before = node_of(result), labels_of(result, ct)
    other = volume_to_node(standard_phantom().scan(phantom_grid((5, 5, 8)))[0], "other")
    ui = result.widget.ui
    ui.resultBox.setCurrentIndex(1)
    ui.inputSelector.setCurrentNode(other)
    ui.segmentButton.click()
    wait_for(lambda: not result.widget.logic.isRunning)
    assert node_of(result) is not first
    ui.outputSelector.setCurrentNode(first)
    np.testing.assert_array_equal(labels_of(result, ct), before)


def test_one_segment_for_each_kidney_and_lesion(panel_of, ct, wait_for):
    panel = panel_of("truth")
    panel.widget.ui.lesionSegmentsCheck.setChecked(True)
    panel.widget.ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)
    names = [row[2] for row in cells(panel.widget.ui.segmentsTable)]
    assert names == ["left kidney", "right kidney", "left tumor 1", "right cyst 1"]


def test_the_editor_is_made_when_it_is_opened_and_edits_the_result(result, ct):
    ui, desk = result.widget.ui, result.widget.desk
    assert desk.editor is None
    ui.correctSection.setCollapsed(False)
    editor = desk.editor
    node = editor.mrmlSegmentEditorNode()
    assert node.GetSegmentationNode() is node_of(result)
    assert node.GetSourceVolumeNode() is ct
    assert node.GetOverwriteMode() == node.OverwriteAllSegments
    assert editor.hasViewObservations
    assert editor.hasShortcuts
    assert "Paint" in editor.shown["effects"]
    assert not editor.unorderedEffectsVisible
    result.exit()
    assert not editor.hasViewObservations
    assert not editor.hasShortcuts
    assert node.GetSegmentationNode() is None
    result.enter()
    assert node.GetSegmentationNode() is node_of(result)


def test_the_editor_lets_go_when_the_scene_is_closed_and_takes_the_next_scene(result, ct, scene, wait_for):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    result.widget.ui.correctSection.setCollapsed(False)
    scene.Clear(False)
    assert result.widget.ui.warningsLabel.text() == ""
    volume_to_node(standard_phantom().scan(phantom_grid((5, 5, 8)))[0], "next")
    result.exit()
    result.enter()
    result.widget.ui.segmentButton.click()
    wait_for(lambda: not result.widget.logic.isRunning)
    editor = result.widget.desk.editor
    assert editor.mrmlSegmentEditorNode().GetSegmentationNode() is node_of(result)


def test_segmenting_a_region_again_changes_nothing_outside_it(result, ct, wait_for, monkeypatch):
    import slicer.util
    import vtk

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text: False)
    ui = result.widget.ui
    truth = labels_of(result, ct)
    ui.nextButton.click()
    ui.rejectButton.click()  # the tumor is gone
    ui.reviewTable.cellClicked.emit(0, 0)  # the cyst
    ui.toKidneyButton.click()
    center = np.argwhere(truth == 2).mean(axis=0)
    ui.placeRegionButton.click()
    region = result.widget._parameterNode.region
    to_ras = vtk.vtkMatrix4x4()
    ct.GetIJKToRASMatrix(to_ras)
    region.SetCenterWorld(*to_ras.MultiplyPoint((*center[::-1], 1.0))[:3])
    region.SetSize(80, 80, 80)
    assert ui.segmentRegionButton.isEnabled()
    ui.segmentRegionButton.click()
    wait_for(lambda: not result.widget.logic.isRunning)
    now = labels_of(result, ct)
    np.testing.assert_array_equal(now == 2, truth == 2)
    assert not (now == 3).any()  # the cyst lies outside the region
    assert ui.headlineLabel.text().startswith("2 kidneys, 1 tumor")  # of the whole, not of the region


def test_the_table_of_measurements_is_copied_and_saved(result, tmp_path, monkeypatch):
    import qt

    ui = result.widget.ui
    rows = cells(ui.measureTable)
    ui.copyTableButton.click()
    copied = qt.QApplication.clipboard().text().splitlines()
    assert copied[0] == "Measurement\tValue\tUnit"
    assert copied[1:] == ["\t".join(row) for row in rows]
    path = tmp_path / "Größe.csv"
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *args: str(path))
    ui.saveTableButton.click()
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1:] == rows
    assert ui.exportLabel.text() == f"Saved: {path}"


@pytest.mark.parametrize("name", ["niño.seg.nrrd", "a.nii.gz", "a.nrrd"])
def test_the_segmentation_is_saved_on_the_voxels_of_the_ct(result, ct, tmp_path, monkeypatch, name):
    import qt

    from KidneyTumorSegLib.volume.read import read_label_map

    proposed = []

    def ask(parent, title, start, endings):
        proposed.append(start)
        return str(tmp_path / name)

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", ask)
    result.widget.ui.saveSegmentationButton.click()
    assert proposed == ["CT segmentation.seg.nrrd"]
    assert result.widget.ui.exportLabel.text() == f"Saved: {tmp_path / name}"
    if not name.endswith(".seg.nrrd"):  # Slicer's own file is read back in the tests of the scene
        np.testing.assert_array_equal(read_label_map(tmp_path / name).labels, labels_of(result, ct))


def test_saving_where_one_may_not_is_a_sentence(result, tmp_path, monkeypatch):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *args: str(tmp_path / "no folder" / "a.nii.gz"))
    result.widget.ui.saveSegmentationButton.click()
    assert "no folder" in result.widget.ui.warningsLabel.text()


def test_asking_for_a_file_can_be_cancelled(result, monkeypatch):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *args: "")
    result.widget.ui.saveSegmentationButton.click()
    assert result.widget.ui.exportLabel.text() == ""


def test_an_older_segmentation_can_be_reviewed(result, ct, scene, wait_for):
    first = node_of(result)
    result.widget.ui.segmentButton.click()
    wait_for(lambda: not result.widget.logic.isRunning)
    assert node_of(result) is not first
    result.widget.ui.outputSelector.setCurrentNode(first)
    assert result.widget.desk.case.segmentation_node is first


def test_a_segmentation_of_something_else_is_a_sentence_under_measurements(result, scene):
    other = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bones")
    other.GetSegmentation().AddEmptySegment("femur", "femur")
    result.widget.ui.outputSelector.setCurrentNode(other)
    assert "no segment that is a kidney, a tumor or a cyst" in result.widget.ui.measureLabel.text()
    assert not result.widget.ui.saveTableButton.isEnabled()


def test_a_saved_scene_opens_with_its_choices_its_edits_and_its_review(result, ct, scene, module, tmp_path):
    import slicer_application
    from slicer_scene import opened_again

    ui = result.widget.ui
    ui.qualityBox.setCurrentIndex(0)
    ui.lesionSegmentsCheck.setChecked(True)
    ui.reviewTable.cellClicked.emit(1, 0)
    ui.acceptButton.click()
    paint(result, ct, "tumor", corner())
    node = node_of(result)
    result.exit()
    with opened_again(tmp_path, ct, node):
        slicer_application.complete_application()
        panel = slicer_application.ModulePanel(module.KidneyTumorSegWidget)
        panel.enter()
        again = panel.widget.ui
        assert again.qualityBox.currentText() == "fast"
        assert again.lesionSegmentsCheck.isChecked()
        assert again.inputSelector.currentNode().GetName() == "CT"
        assert again.outputSelector.currentNode().GetName() == "CT segmentation"
        assert "Edited by hand: tumor" in again.measureLabel.text()
        assert {row[1]: row[0] for row in cells(again.reviewTable)}["Right cyst 1"] == "accepted"
        panel.close()
    slicer_application.complete_application()


@pytest.mark.parametrize("quality", ["standard", "best"])
def test_a_saved_scene_opens_with_its_choices_while_the_panel_is_shown(result, ct, scene, tmp_path, quality):
    ui = result.widget.ui
    ui.qualityBox.setCurrentIndex(["fast", "standard", "best"].index(quality))
    saved = cells(ui.reviewTable)
    for one in (ct, node_of(result)):
        one.AddDefaultStorageNode()
    assert scene.WriteToMRB(str(tmp_path / "case.mrb"), None)
    with zipfile.ZipFile(tmp_path / "case.mrb") as bundle:
        bundle.extractall(tmp_path)
    (description,) = tmp_path.rglob("*.mrml")
    scene.Clear(False)
    assert cells(ui.reviewTable) == []
    scene.SetURL(str(description))
    scene.SetRootDirectory(str(description.parent))
    assert scene.Import(None)
    assert ui.inputSelector.currentNode().GetName() == "CT"
    assert ui.outputSelector.currentNode().GetName() == "CT segmentation"
    assert ui.qualityBox.currentText() == quality
    assert cells(ui.reviewTable) == saved

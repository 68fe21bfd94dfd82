"""The panel in PySide6 offscreen: the real .ui file, real buttons, real MRML, real worker processes."""

from __future__ import annotations

import os

import pytest


def ids(scene):
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def run(panel, wait_for):
    panel.widget.ui.segmentButton.click()
    assert panel.widget.logic.isRunning
    wait_for(lambda: not panel.widget.logic.isRunning)


def test_the_ct_is_already_chosen_and_segment_can_be_clicked(panel_of, ct):
    ui = panel_of("truth").widget.ui
    assert ui.inputSelector.currentNode() is ct
    assert ui.segmentButton.isEnabled()
    assert ui.segmentButton.text() == "Segment"
    assert not ui.progressBar.isVisible()
    assert not ui.setUpButton.isVisible()


def test_one_click_gives_a_segmentation_with_headline_and_warnings(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    run(panel, wait_for)
    ui = panel.widget.ui
    (node,) = (scene.GetNthNodeByClass(n, "vtkMRMLSegmentationNode") for n in range(1))
    assert node.GetName() == "CT segmentation"
    assert panel.widget._parameterNode.outputSegmentation is node
    assert ui.headlineLabel.text().startswith("2 kidneys, 1 tumor")
    assert "left" in ui.headlineLabel.text()
    assert ui.warningsLabel.text() == "Slices are thick: 6 mm."
    assert '"quality": "standard"' in node.GetAttribute("KidneyTumorSeg.RunRecord")
    assert node.GetClosedSurfaceInternalRepresentation("tumor").GetNumberOfPoints() > 0
    assert ui.segmentButton.text() == "Segment"
    assert not ui.progressBar.isVisible()


def test_each_click_gives_a_new_node_and_touches_no_older_one(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    run(panel, wait_for)
    first = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    first.GetSegmentation().RemoveSegment("cyst")
    run(panel, wait_for)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    assert first.GetSegmentation().GetNumberOfSegments() == 2


def test_the_headline_of_one_ct_is_not_shown_over_another(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    run(panel, wait_for)
    assert panel.widget.ui.headlineLabel.text()
    panel.widget.ui.inputSelector.setCurrentNode(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "other"))
    assert panel.widget.ui.headlineLabel.text() == ""


def test_while_it_runs_the_button_cancels_and_the_bar_tells(panel_of, ct, wait_for):
    panel = panel_of("slow")
    ui = panel.widget.ui
    ui.segmentButton.click()
    assert ui.segmentButton.text() == "Cancel"
    assert not ui.inputSelector.isEnabled()
    wait_for(lambda: ui.progressBar.format().startswith("Segmenting") and ui.progressBar.isVisible())
    assert "of 10000 slices" in ui.progressBar.format()


def test_cancel_leaves_the_scene_as_it_was_and_a_click_works_again(panel_of, ct, scene, wait_for, shared_files):
    panel = panel_of("slow")
    ui, logic = panel.widget.ui, panel.widget.logic
    before, files = ids(scene), shared_files()
    for _ in range(2):
        ui.segmentButton.click()
        wait_for(lambda: ui.progressBar.format().startswith("Segmenting"))
        process_id = logic._runner.process_id
        ui.segmentButton.click()
        assert not logic.isRunning
        with pytest.raises(OSError, match="No such process"):
            os.kill(process_id, 0)
        assert ids(scene) == before
        assert shared_files() == files
        assert ui.segmentButton.text() == "Segment"
        assert ui.warningsLabel.text() == "Cancelled. The scene is as it was."


def test_a_killed_worker_is_a_sentence_and_the_next_click_works(panel_of, ct, scene, wait_for):
    panel = panel_of("slow")
    ui, before = panel.widget.ui, ids(scene)
    ui.segmentButton.click()
    wait_for(lambda: ui.progressBar.format().startswith("Segmenting"))
    os.kill(panel.widget.logic._runner.process_id, 9)
    wait_for(lambda: not panel.widget.logic.isRunning)
    assert "most likely because memory ran out" in ui.warningsLabel.text()
    assert ids(scene) == before
    ui.segmentButton.click()
    wait_for(lambda: ui.progressBar.format().startswith("Segmenting"))


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("refuse", "'CT' is no abdomen. Choose a CT of the abdomen."),
        ("crash", "The segmentation ended unexpectedly (CUDA error: an illegal memory access"),
        ("out_of_memory", "There was not enough memory for this scan."),
        ("unexpected", "ZeroDivisionError: a voxel of size zero"),
    ],
)
def test_what_goes_wrong_in_the_worker_is_a_sentence_in_the_panel(panel_of, ct, scene, wait_for, function, sentence):
    panel, before = panel_of(function), ids(scene)
    run(panel, wait_for)
    assert sentence in panel.widget.ui.warningsLabel.text()
    assert panel.widget.ui.headlineLabel.text() == ""
    assert panel.widget.ui.segmentButton.isEnabled()
    assert ids(scene) == before


def test_details_of_a_crash_are_folded_in(panel_of, ct, wait_for):
    panel = panel_of("unexpected")
    run(panel, wait_for)
    ui = panel.widget.ui
    assert "Traceback" not in ui.warningsLabel.text()
    assert not ui.detailsText.isVisible()
    ui.detailsButton.click()
    assert ui.detailsText.isVisible()
    assert "Traceback" in ui.detailsText.toPlainText()


def test_a_sentence_without_details_has_no_details_button(panel_of, ct, wait_for):
    panel = panel_of("refuse")
    run(panel, wait_for)
    assert not panel.widget.ui.detailsButton.isVisible()


def test_the_scene_may_be_closed_in_the_middle_of_a_run(panel_of, ct, scene, wait_for):
    panel = panel_of("slow")
    ui = panel.widget.ui
    ui.segmentButton.click()
    wait_for(lambda: ui.progressBar.format().startswith("Segmenting"))
    scene.Clear(False)
    assert not panel.widget.logic.isRunning
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert "The scene was closed" in ui.warningsLabel.text()
    assert not ui.segmentButton.isEnabled()


def test_the_ct_may_be_deleted_in_the_middle_of_a_run(panel_of, ct, scene, wait_for):
    panel = panel_of("slow")
    ui = panel.widget.ui
    ui.segmentButton.click()
    wait_for(lambda: ui.progressBar.format().startswith("Segmenting"))
    scene.RemoveNode(ct)
    assert not panel.widget.logic.isRunning
    assert ui.warningsLabel.text() == "The CT was removed from the scene, so the run was stopped."


def test_another_node_may_be_deleted_in_the_middle_of_a_run(panel_of, ct, scene, wait_for):
    other = scene.AddNewNodeByClass("vtkMRMLModelNode")
    panel = panel_of("slow")
    panel.widget.ui.segmentButton.click()
    scene.RemoveNode(other)
    assert panel.widget.logic.isRunning


def test_a_ct_that_is_moved_in_the_middle_of_a_run_is_a_sentence(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    panel.widget.ui.segmentButton.click()
    ct.SetOrigin(1.0, 2.0, 3.0)
    wait_for(lambda: not panel.widget.logic.isRunning)
    assert "'CT' was changed or moved since" in panel.widget.ui.warningsLabel.text()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_the_panel_may_be_left_in_the_middle_of_a_run(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    panel.widget.ui.segmentButton.click()
    panel.exit()
    wait_for(lambda: not panel.widget.logic.isRunning)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    panel.enter()
    assert panel.widget.ui.segmentButton.isEnabled()
    assert panel.widget.ui.headlineLabel.text().startswith("2 kidneys")


def test_without_a_ct_the_disabled_button_says_why(panel_of, scene):
    ui = panel_of("truth").widget.ui
    assert not ui.segmentButton.isEnabled()
    assert ui.segmentButton.toolTip() == "Load a CT of the abdomen and choose it above."


def test_a_ct_loaded_later_can_be_chosen(panel_of, scene):
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    ui = panel_of("truth").widget.ui
    node = volume_to_node(standard_phantom().scan(phantom_grid((8, 8, 12)))[0], "later")
    ui.inputSelector.setCurrentNode(node)
    assert ui.segmentButton.isEnabled()
    ui.inputSelector.setCurrentNode(None)
    assert not ui.segmentButton.isEnabled()


def test_label_maps_are_not_offered_as_a_ct(panel_of, scene):
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    ui = panel_of("truth").widget.ui
    assert ui.inputSelector.count() == 1
    assert ui.inputSelector.currentNode() is None


def test_an_empty_volume_is_a_sentence(panel_of, scene):
    scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "void")
    panel = panel_of("truth")
    panel.widget.ui.segmentButton.click()
    assert "'void' holds no voxels" in panel.widget.ui.warningsLabel.text()
    assert panel.widget.ui.segmentButton.isEnabled()


def test_the_choices_are_kept_in_the_scene(panel_of, ct, wait_for):
    panel = panel_of("truth")
    panel.widget.ui.qualityBox.setCurrentIndex(2)
    run(panel, wait_for)
    node = panel.widget._parameterNode.outputSegmentation
    assert '"quality": "best"' in node.GetAttribute("KidneyTumorSeg.RunRecord")
    panel.exit()
    panel.enter()
    assert panel.widget.ui.qualityBox.currentText() == "best"


def test_the_worker_is_warm_when_the_panel_is_open(panel_of, ct):
    assert panel_of("truth").widget.logic._runner.process_id is not None


def test_where_no_process_can_be_started_the_run_is_done_in_slicer_and_the_panel_says_so(
    panel_of, ct, scene, wait_for, monkeypatch
):
    from KidneyTumorSegLib.scene import process_runner

    def none():
        raise process_runner.WorkerDidNotStart("PythonSlicer was not found.")

    monkeypatch.setattr(process_runner, "python_executable", none)
    panel = panel_of("truth")
    panel.widget.ui.segmentButton.click()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    assert "Runs inside Slicer" in panel.widget.ui.stateLabel.text()
    assert panel.widget.ui.headlineLabel.text().startswith("2 kidneys")


def test_a_worker_that_dies_before_it_is_ready_does_not_end_the_run(panel_of, ct, scene, wait_for, monkeypatch):
    from KidneyTumorSegLib.scene.process_runner import ProcessRunner

    panel = panel_of("truth", ProcessRunner("no_such_module:run"))
    run(panel, wait_for)
    assert panel.widget.ui.headlineLabel.text().startswith("2 kidneys")


def test_cancel_can_be_clicked_while_the_run_is_done_in_slicer(panel_of, ct, scene):
    from KidneyTumorSegLib.scene.runner import InProcessRunner

    panel = panel_of("slow", InProcessRunner("fake_pipeline:slow"))
    ui, before = panel.widget.ui, ids(scene)
    import qt

    qt.QTimer.singleShot(600, ui.segmentButton.click)
    ui.segmentButton.click()
    assert not panel.widget.logic.isRunning
    assert ui.warningsLabel.text() == "Cancelled. The scene is as it was."
    assert ids(scene) == before
    assert ui.segmentButton.text() == "Segment"
    assert ui.inputSelector.isEnabled()
    assert not ui.progressBar.isVisible()


def test_a_double_click_begins_a_run_and_does_not_cancel_it(panel_of, ct):
    panel = panel_of("slow")
    panel.widget.ui.segmentButton.click()
    panel.widget.ui.segmentButton.click()
    assert panel.widget.logic.isRunning


@pytest.mark.parametrize("name", ["segmentRegionButton", "selfTestButton", "setUpButton", "sampleButton"])
def test_nothing_else_can_be_begun_in_the_middle_of_a_run(panel_of, ct, scene, name):
    panel = panel_of("slow")
    panel.widget._parameterNode.region = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    button = getattr(panel.widget.ui, name)
    assert button.isEnabled()
    panel.widget.ui.segmentButton.click()
    assert not button.isEnabled()


def test_what_goes_wrong_beside_a_run_does_not_stop_it(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    ui = panel.widget.ui
    run(panel, wait_for)
    scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCrosshairRAS(500, 500, 500)
    ui.crosshairCheck.click()
    ui.segmentButton.click()
    ui.toCystButton.click()
    assert "no tumor or cyst" in ui.warningsLabel.text()
    assert ui.segmentButton.text() == "Cancel"
    wait_for(lambda: not panel.widget.logic.isRunning)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_an_error_nobody_expected_in_the_panel_itself_is_a_sentence(panel_of, ct, wait_for, monkeypatch):
    panel = panel_of("truth")
    monkeypatch.setattr(panel.widget.logic, "addResult", lambda *_: 1 / 0)
    run(panel, wait_for)
    assert panel.widget.ui.warningsLabel.text() == "Something unexpected went wrong: division by zero"

"""What else happens in the scene while a result is shown: nodes go, move, come from files, are of another CT."""

from __future__ import annotations

import numpy as np
import pytest
from panel_result import cells, corner, labels_of, node_of, paint

APART = np.array([[1.0, 0, 0, 100.0], [0, 1, 0, -50.0], [0, 0, 1, 30.0], [0, 0, 0, 1]])


def another_ct():
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    return volume_to_node(standard_phantom().scan(phantom_grid((5, 5, 8)))[0], "other")


def segment(panel, wait_for):
    panel.widget.ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)


def register(result, ct):
    """The CT and its segmentation under one transform, which is returned."""
    from scene_patient import under

    transform = under(ct, np.eye(4))
    node_of(result).SetAndObserveTransformNodeID(transform.GetID())
    return transform


@pytest.mark.parametrize("gone", ["segmentation", "CT", "segments", "choice"])
def test_no_headline_is_left_of_what_is_gone(result, ct, scene, wait_for, gone):
    ui, node = result.widget.ui, node_of(result)
    assert ui.headlineLabel.text()
    if gone == "segmentation":
        scene.RemoveNode(node)
    elif gone == "CT":
        scene.RemoveNode(ct)
    elif gone == "segments":
        node.GetSegmentation().RemoveAllSegments()
    else:
        ui.outputSelector.setCurrentNode(None)
    wait_for(lambda: ui.headlineLabel.text() == "", 10)
    assert cells(ui.measureTable) == []
    assert cells(ui.reviewTable) == []


def test_the_review_follows_a_registration(result, ct, scene, wait_for):
    from KidneyTumorSegLib.scene.geometry import matrix_from_array

    def measured_anew():
        before = result.widget.desk.case
        wait_for(lambda: result.widget.desk.case is not before, 10)

    transform = register(result, ct)
    measured_anew()
    slice_node, center = scene.AddNewNodeByClass("vtkMRMLSliceNode"), node_of(result).GetSegmentCenterRAS("tumor")
    transform.SetMatrixTransformToParent(matrix_from_array(APART))
    measured_anew()
    result.widget.ui.nextButton.click()
    at = [slice_node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
    np.testing.assert_allclose(at, np.array(center) + APART[:3, 3], atol=6)  # a voxel
    result.widget.ui.toCystButton.click()
    assert not (labels_of(result, ct) == 2).any()


def test_a_label_map_is_saved_where_the_file_of_the_ct_is(result, ct, tmp_path, monkeypatch):
    """Slicer writes neither with its parent transform: a mask that had it would lie beside the CT."""
    import qt

    from KidneyTumorSegLib.scene.geometry import matrix_from_array
    from KidneyTumorSegLib.scene.volume_node import node_grid
    from KidneyTumorSegLib.volume.read import read_label_map

    stored = node_grid(ct).affine
    register(result, ct).SetMatrixTransformToParent(matrix_from_array(APART))
    result.widget.desk.refresh()
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *args: str(tmp_path / "a.nii.gz"))
    result.widget.ui.saveSegmentationButton.click()
    np.testing.assert_allclose(read_label_map(tmp_path / "a.nii.gz").grid.affine, stored, atol=1e-3)


def test_what_lies_outside_of_the_ct_is_told(result, ct):
    from KidneyTumorSegLib.scene.geometry import ijk_to_local_ras
    from KidneyTumorSegLib.scene.masks import Mask, paint

    outside = Mask(np.ones((10, 10, 10), bool), (-10, 0, 0), ijk_to_local_ras(ct))
    paint(node_of(result), "tumor", outside)
    result.widget.desk.refresh()
    assert "96 mL lie outside of 'CT' and are not counted." in result.widget.ui.measureLabel.text()


def test_segments_that_were_deleted_or_added_are_told_with_the_numbers(result):
    ui, segmentation = result.widget.ui, node_of(result).GetSegmentation()
    assert "nothing was edited by hand" in ui.measureLabel.text()
    segmentation.RemoveSegment("cyst")
    segmentation.AddEmptySegment("Segment_1", "Tumor")
    result.widget.desk.refresh()
    assert "Edited by hand: Tumor (added), cyst (deleted)." in ui.measureLabel.text()
    for one in ("kidney", "tumor"):
        segmentation.RemoveSegment(one)
    result.widget.desk.refresh()
    assert "The model drew none of these segments" in ui.measureLabel.text()


def test_a_segmentation_is_not_measured_on_a_ct_that_lies_elsewhere(result, ct, scene):
    another_ct().SetOrigin(500, 500, 500)
    scene.RemoveNode(ct)
    result.exit()
    result.enter()
    ui = result.widget.ui
    assert ui.inputSelector.currentNode().GetName() == "other"
    assert "'CT segmentation' lies outside of 'other'" in ui.measureLabel.text()
    assert cells(ui.measureTable) == []


def test_a_region_of_one_ct_never_goes_into_the_segmentation_of_another(result, ct):
    ui, before = result.widget.ui, labels_of(result, ct)
    ui.placeRegionButton.click()
    ui.inputSelector.setCurrentNode(another_ct())
    ui.segmentRegionButton.click()
    assert not result.widget.logic.isRunning
    assert "'CT segmentation' is a segmentation of 'CT'" in ui.warningsLabel.text()
    np.testing.assert_array_equal(labels_of(result, ct), before)


def test_lesions_of_another_ct_give_no_numbers(result, wait_for):
    ui = result.widget.ui
    ui.lesionSegmentsCheck.setChecked(True)
    segment(result, wait_for)
    ui.nextButton.click()
    ui.rejectButton.click()  # left tumor 1 of the first CT
    ui.inputSelector.setCurrentNode(another_ct())
    segment(result, wait_for)
    assert "left tumor 1" in [row[2] for row in cells(ui.segmentsTable)]


@pytest.mark.parametrize("button", ["segmentButton", "segmentRegionButton"])
def test_a_result_that_would_not_fit_is_refused_before_the_run(result, ct, scene, monkeypatch, button):
    from scene_patient import under

    ui, begun = result.widget.ui, []
    monkeypatch.setattr(result.widget.logic, "start", lambda *args: begun.append(args))
    ui.placeRegionButton.click()
    ui.resultBox.setCurrentIndex(1)
    under(ct, APART)
    getattr(ui, button).click()
    assert not begun
    assert "lie under different transforms" in ui.warningsLabel.text()


def test_a_region_outside_of_the_ct_is_refused_before_the_run(result, monkeypatch):
    ui, begun = result.widget.ui, []
    monkeypatch.setattr(result.widget.logic, "start", lambda *args: begun.append(args))
    ui.placeRegionButton.click()
    result.widget._parameterNode.region.SetCenterWorld(900, 0, 0)
    ui.segmentRegionButton.click()
    assert not begun
    assert "The region lies outside of the scan" in ui.warningsLabel.text()


def test_a_region_on_what_holds_no_voxels_is_a_sentence(result, ct, scene):
    ui = result.widget.ui
    ui.inputSelector.setCurrentNode(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "void"))
    scene.RemoveNode(ct)
    ui.placeRegionButton.click()
    assert "'void' holds no voxels" in ui.warningsLabel.text()


def test_a_segmentation_that_is_deleted_in_a_run_of_a_region_does_not_come_back(panel_of, ct, scene, wait_for):
    panel = panel_of("truth")
    segment(panel, wait_for)
    panel.widget.ui.placeRegionButton.click()
    panel.widget.ui.segmentRegionButton.click()
    scene.RemoveNode(node_of(panel))
    wait_for(lambda: not panel.widget.logic.isRunning)
    assert "'CT segmentation' was removed from the scene" in panel.widget.ui.warningsLabel.text()
    assert node_of(panel) is None


def test_edits_in_a_file_are_known_and_kept_when_it_is_replaced(result, ct, scene, tmp_path, wait_for, monkeypatch):
    import slicer.util

    from KidneyTumorSegLib.scene.files import load_segmentation, save_segmentation

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text: "Edited by hand: tumor." in text)
    paint(result, ct, "tumor", corner())
    edited = labels_of(result, ct)
    save_segmentation(node_of(result), tmp_path / "mine.seg.nrrd")
    scene.RemoveNode(node_of(result))
    loaded = load_segmentation(tmp_path / "mine.seg.nrrd")
    result.widget.ui.outputSelector.setCurrentNode(loaded)
    result.widget.ui.resultBox.setCurrentIndex(1)
    segment(result, wait_for)
    assert node_of(result) is loaded
    np.testing.assert_array_equal(labels_of(result, ct), edited)

"""A placed result is taken back whole, by us, by the editor, or because something failed."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.errors import InputError


def test_undo_brings_back_every_voxel_name_color_tag_and_id(two):
    patient = two.Patient(oblique=True, moved=True)
    node = two.place(patient, detail="lesions", record_json="first").node
    two.hand_work(patient, node)
    node.GetSegmentation().GetSegment("kidney_right").SetColor(0.0, 0.5, 1.0)
    node.GetDisplayNode().SetSegmentVisibility("tumor_left_2", False)
    node.GetDisplayNode().SetSegmentOpacity3D("tumor_left_2", 0.25)
    node.CreateClosedSurfaceRepresentation()
    before = two.state(node)
    second = patient.label_map((two.RIGHT_KIDNEY, 1), (two.RIGHT_TUMOR, 2))
    for options in ({"how": "replace", "overwrite_edited": True}, {"how": "merge"}, {"how": "replace"}):
        placed = two.place(
            patient, second if options["how"] == "replace" else None, target=node, record_json="x", **options
        )
        assert two.state(node) != before
        for _ in range(2):  # as often as wanted
            placed.before.restore()
            assert two.state(node) == before
        assert node.GetClosedSurfaceInternalRepresentation("tumor_left_2").GetNumberOfPoints() > 10


def test_the_editors_own_undo_takes_a_replacement_back(two):
    patient = two.Patient()
    node = two.place(patient).node
    editor = two.editor_of(node, patient)
    editor.erase("tumor", patient.mask(two.LEFT_TUMOR_2))
    before, _ = two.state(node)
    two.place(patient, how="replace", overwrite_edited=True, target=node, editor=editor)
    assert two.state(node)[0] != before
    editor.undo()
    assert two.state(node)[0] == before
    editor.undo()  # and further back, before the stroke
    assert np.array_equal(two.labels(patient, node), patient.label_map().labels)


def test_an_editor_that_edits_another_segmentation_is_left_alone(two):
    patient = two.Patient()
    node, other = two.place(patient).node, two.place(patient).node
    editor = two.editor_of(other, patient)
    two.place(patient, how="replace", target=node, editor=editor)
    assert not editor.logic.CanUndo()


def test_what_the_network_told_goes_with_the_result_that_is_undone(two):
    from KidneyTumorSegLib.checks import LesionConfidence
    from KidneyTumorSegLib.scene.confidences import read_confidences

    patient = two.Patient()
    node = two.place(patient).node
    told = (LesionConfidence("cyst", (1.0, 2.0, 3.0), 0.5),)
    placed = two.place(patient, how="replace", target=node, confidences=told)
    assert len(read_confidences(node)) == 1
    placed.before.restore()
    assert read_confidences(node) == ()


def test_on_an_error_the_scene_is_as_it_was(two, monkeypatch):
    import slicer

    from KidneyTumorSegLib.scene import results

    patient = two.Patient()
    node = two.place(patient).node
    two.hand_work(patient, node)
    before, count = two.state(node), slicer.mrmlScene.GetNumberOfNodes()

    def fail(*_):
        raise RuntimeError("half-way")

    monkeypatch.setattr(results, "_keep_record", fail)
    for options in ({"how": "replace", "target": node}, {"how": "merge", "target": node}, {"how": "new"}):
        with pytest.raises(RuntimeError, match="half-way"):
            two.place(patient, detail="lesions", **options)
        assert two.state(node) == before
        assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_nothing_is_undone_in_a_segmentation_that_is_gone(two):
    import slicer

    patient = two.Patient()
    node = two.place(patient).node
    before = two.place(patient, how="replace", target=node).before
    slicer.mrmlScene.RemoveNode(node)
    with pytest.raises(InputError, match="was removed from the scene, so nothing can be undone"):
        before.restore()

"""The AI's segments are known, and so is whether somebody edited them since."""

from __future__ import annotations

import numpy as np
import pytest


def placed(patient, detail="classes"):
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.results import place_result

    label_map = patient.label_map()
    return place_result(label_map, measure(label_map), patient.ct, detail=detail).node


def edited(node):
    from KidneyTumorSegLib.scene.edits import edited_segments

    return edited_segments(node)


def editor_of(node, patient):
    from segment_editor import SegmentEditor

    return SegmentEditor(node, patient.ct)


def one_voxel(patient, *at):
    return patient.mask(np.s_[at[0] : at[0] + 1, at[1] : at[1] + 1, at[2] : at[2] + 1])


def test_what_the_ai_drew_is_known_and_unedited(two):
    from KidneyTumorSegLib.scene.edits import has_edits, is_ai, removed_segments

    node = placed(two.Patient())
    node.GetSegmentation().AddEmptySegment("Segment_1", "ureter")
    assert [is_ai(node, one) for one in ("kidney", "tumor", "cyst", "Segment_1", "none")] == [True] * 3 + [False] * 2
    assert (edited(node), removed_segments(node), has_edits(node)) == ((), (), False)


@pytest.mark.parametrize(("order", "oblique", "moved"), [(0, False, False), (17, True, False), (40, True, True)])
def test_one_voxel_painted_or_erased_makes_the_segment_edited_and_undoing_it_does_not(two, order, oblique, moved):
    from KidneyTumorSegLib.scene.edits import has_edits

    patient = two.Patient(two.ORDERS[order], oblique=oblique, moved=moved)
    node = placed(patient)
    editor = editor_of(node, patient)
    editor.paint("cyst", one_voxel(patient, 0, 0, 0))  # into background
    assert edited(node) == ("cyst",)
    assert has_edits(node)
    editor.undo()
    assert edited(node) == ()
    editor.erase("tumor", one_voxel(patient, 6, 6, 45))  # deep inside
    assert edited(node) == ("tumor",)
    editor.paint("tumor", one_voxel(patient, 6, 6, 45))  # and put back by hand
    assert edited(node) == ()
    editor.paint("tumor", one_voxel(patient, 2, 2, 36))  # taken from the kidney
    assert edited(node) == ("kidney", "tumor")


def test_voxels_changed_from_python_are_noticed(two):
    import slicer

    patient = two.Patient()
    node = placed(patient)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(node, "tumor", patient.ct)
    array[patient.mask(two.LEFT_TUMOR_2)] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, "tumor", patient.ct)
    assert edited(node) == ("tumor",)


def test_a_mask_moved_by_one_voxel_is_edited_though_its_shape_is_the_same(two):
    patient = two.Patient()
    node = placed(patient)
    editor = editor_of(node, patient)
    editor.erase("cyst", patient.mask(two.LEFT_CYST))
    k, j, i = two.LEFT_CYST
    editor.paint("cyst", patient.mask((k, slice(j.start + 1, j.stop + 1), i)))
    assert "cyst" in edited(node)


def test_an_empty_mask_is_known_too(two):
    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.results import place_result

    patient = two.Patient()
    label_map = patient.label_map((two.LEFT_KIDNEY, 1))
    node = place_result(label_map, measure(label_map), patient.ct).node
    assert edited(node) == ()
    editor = editor_of(node, patient)
    editor.paint("cyst", one_voxel(patient, 0, 0, 0))
    assert edited(node) == ("cyst",)
    editor.erase("cyst", one_voxel(patient, 0, 0, 0))
    assert edited(node) == ()
    node.GetSegmentation().ClearSegment("kidney")
    assert edited(node) == ("kidney",)


def test_how_a_segmentation_is_stored_shown_or_moved_is_no_edit(two):
    import slicer

    patient = two.Patient(oblique=True)
    node = placed(patient, "lesions")
    segmentation = node.GetSegmentation()
    steps = {
        "layers parted": lambda: segmentation.SeparateSegmentLabelmap("tumor_left_1"),
        "layers collapsed": lambda: segmentation.CollapseBinaryLabelmaps(True),
        "surfaces made": node.CreateClosedSurfaceRepresentation,
        "surfaces removed": node.RemoveClosedSurfaceRepresentation,
        "color": lambda: segmentation.GetSegment("tumor_left_1").SetColor(0, 0, 1),
        "hidden": lambda: node.GetDisplayNode().SetVisibility(False),
        "order": lambda: segmentation.ReorderSegments(["cyst_left_1", "tumor", "kidney_left"]),
        "another tag": lambda: segmentation.GetSegment("tumor").SetTag("Segmentation.Status", "completed"),
        "under a transform": lambda: node.SetAndObserveTransformNodeID(
            slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode").GetID()
        ),
        "hardened": node.HardenTransform,
    }
    for name, step in steps.items():
        step()
        assert edited(node) == (), name


def test_more_extent_around_a_mask_is_no_edit(two):
    import vtk

    patient = two.Patient(oblique=True)
    node = placed(patient)
    editor = editor_of(node, patient)
    everywhere = np.ones_like(patient.label_map().labels, bool)
    node.GetSegmentation().AddEmptySegment("Segment_1", "body")
    editor.node.SetOverwriteMode(editor.node.OverwriteNone)
    editor.paint("Segment_1", everywhere)
    assert edited(node) == ()
    image = node.GetSegmentation().GetSegment("kidney").GetRepresentation("Binary labelmap")
    k, j, i = everywhere.shape
    pad = vtk.vtkImageConstantPad()
    pad.SetInputData(image)
    pad.SetOutputWholeExtent(0, i - 1, 0, j - 1, -2, k - 1)
    pad.Update()
    extent = image.GetExtent()
    image.ShallowCopy(pad.GetOutput())
    assert image.GetExtent() != extent
    assert edited(node) == ()


@pytest.mark.parametrize("detail", ["classes", "lesions"])
def test_a_seg_nrrd_file_keeps_what_is_edited_and_what_is_not(two, tmp_path, detail):
    from KidneyTumorSegLib.scene.edits import drawn_bodies, removed_segments
    from KidneyTumorSegLib.scene.files import load_segmentation, save_segmentation

    patient = two.Patient(two.ORDERS[29], oblique=True)
    node = placed(patient, detail)
    before = drawn_bodies(node)
    again = load_segmentation(save_segmentation(node, tmp_path / "a.seg.nrrd"))
    assert edited(again) == ()
    assert drawn_bodies(again) == before
    last = "cyst" if detail == "classes" else "cyst_left_1"
    tumor = "tumor" if detail == "classes" else "tumor_left_2"
    editor_of(again, patient).erase(tumor, one_voxel(patient, 9, 3, 34))
    again.GetSegmentation().RemoveSegment(last)
    for _ in range(2):
        again = load_segmentation(save_segmentation(again, tmp_path / "b.seg.nrrd"))
        assert edited(again) == (tumor,)
        assert removed_segments(again) == (last,)


def test_a_scene_bundle_keeps_what_is_edited_and_the_next_run_respects_it(two, tmp_path):
    import slicer
    from slicer_scene import opened_again

    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.masks import segment_part
    from KidneyTumorSegLib.scene.results import place_result

    patient = two.Patient(two.ORDERS[17], oblique=True, moved=True)
    node = placed(patient)
    editor_of(node, patient).erase("tumor", patient.mask(two.LEFT_TUMOR_2))
    label_map = patient.label_map()
    expected = np.zeros_like(label_map.labels)
    segment_part(node, "tumor", patient.ct).write(expected, 1)
    with opened_again(tmp_path, patient.ct, node, patient.ct.GetParentTransformNode()):
        node, ct = slicer.util.getNode("CT segmentation"), slicer.util.getNode("CT")
        assert edited(node) == ("tumor",)
        kept = place_result(label_map, measure(label_map), ct, how="replace", target=node).kept
        assert kept == ("tumor",)
        now = np.zeros_like(label_map.labels)
        segment_part(node, "tumor", ct).write(now, 1)
        assert np.array_equal(now, expected)


def test_a_copy_of_the_node_is_as_edited_as_the_original_and_a_copied_segment_is_protected(two):
    import slicer

    patient = two.Patient()
    node = placed(patient)
    editor_of(node, patient).erase("tumor", patient.mask(two.RIGHT_TUMOR))
    copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "copy")
    copy.Copy(node)
    assert edited(copy) == ("tumor",)
    segment = slicer.vtkSegment()
    segment.DeepCopy(node.GetSegmentation().GetSegment("cyst"))
    node.GetSegmentation().AddSegment(segment, "cyst_copy")
    assert edited(node) == ("tumor", "cyst_copy")


def test_a_surface_that_became_the_truth_counts_as_edited(two):
    node = placed(two.Patient())
    node.CreateClosedSurfaceRepresentation()
    node.SetSourceRepresentationToClosedSurface()
    assert edited(node) == ("kidney", "tumor", "cyst")

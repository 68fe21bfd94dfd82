"""A run's result in the scene: where it lies, what its segments are, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.errors import InputError, UsageError

ALL_LESIONS = ("kidney_left", "kidney_right", "tumor_left_1", "tumor_left_2", "tumor_right_1", "tumor", "cyst_left_1")


def test_a_new_result_lies_beside_its_ct_with_its_record_and_is_readable_over_it(two):
    import slicer

    patient = two.Patient(moved=True)
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = tree.CreateStudyItem(tree.GetSceneItemID(), "study")
    tree.CreateItem(study, patient.ct)
    placed = two.place(patient, record_json='{"model": "a|b: c"}')
    node = placed.node
    assert (placed.kept, placed.left_out_ml, placed.before) == ((), 0.0, None)
    assert node.GetAttribute("KidneyTumorSeg.RunRecord") == '{"model": "a|b: c"}'
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study
    assert node.GetTransformNodeID() == patient.ct.GetTransformNodeID()
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is patient.ct
    shown = node.GetDisplayNode()
    assert (shown.GetOpacity2DFill(), shown.GetSliceIntersectionThickness()) == (0.3, 2)
    assert two.ids(node) == ("kidney", "tumor", "cyst")
    assert two.place(patient).node.GetName() == "CT segmentation_1"


@pytest.mark.parametrize("detail", ["classes", "lesions"])
@pytest.mark.parametrize("order", range(48))
def test_the_segments_together_are_the_label_map_for_every_storage_order(two, order, detail):
    patient = two.Patient(two.ORDERS[order])
    node = two.place(patient, detail=detail).node
    assert np.array_equal(two.labels(patient, node), patient.label_map().labels)
    if detail == "lesions":
        assert two.ids(node) == ALL_LESIONS
        assert np.array_equal(two.mask(patient, node, "tumor_left_2"), patient.mask(two.LEFT_TUMOR_2))
        assert np.array_equal(two.mask(patient, node, "tumor_right_1"), patient.mask(two.RIGHT_TUMOR))


@pytest.mark.parametrize(("oblique", "moved"), [(True, False), (True, True), (False, True)])
def test_oblique_and_under_a_transform_each_lesion_has_its_own_segment_and_no_voxel_is_lost(two, oblique, moved):
    patient = two.Patient(two.ORDERS[29], oblique=oblique, moved=moved)
    node = two.place(patient, detail="lesions").node
    assert two.ids(node) == ALL_LESIONS
    covered = sum(two.mask(patient, node, one).astype(int) for one in two.ids(node))
    assert np.array_equal(covered, patient.label_map().labels != 0)  # nothing twice, nothing missing
    assert np.array_equal(two.mask(patient, node, "tumor_left_1"), patient.mask(two.LEFT_TUMOR_1))
    assert np.array_equal(two.mask(patient, node, "tumor"), patient.mask(two.SPECK))


def test_lesion_segments_say_their_side_in_name_and_code_and_differ_in_shade(two):
    node = two.place(two.Patient(), detail="lesions").node
    names = [node.GetSegmentation().GetSegment(one).GetName() for one in two.ids(node)]
    assert names == [
        "left kidney",
        "right kidney",
        "left tumor 1",
        "left tumor 2",
        "right tumor 1",
        "tumor (too small to list)",
        "left cyst 1",
    ]
    kidney, tumor = (two.tag(node, one, "TerminologyEntry").split("~") for one in ("kidney_left", "tumor_right_1"))
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
        node = two.place(patient, empty, detail=detail).node
        assert two.ids(node) == ("kidney", "tumor", "cyst")
        assert not two.labels(patient, node).any()


def test_what_cannot_be_placed_is_refused_in_a_sentence(two):
    import slicer

    patient, other = two.Patient(), two.Patient(moved=True)
    node = two.place(patient).node
    with pytest.raises(InputError, match="There is no segmentation to change"):
        two.place(patient, how="replace")
    with pytest.raises(InputError, match="'CT segmentation' and 'CT_1' lie under different transforms"):
        two.place(other, how="merge", target=node)
    with pytest.raises(InputError, match="'CT' was changed or moved since"):
        two.place(patient, other.label_map())
    with pytest.raises(UsageError, match="cannot be placed as 'over' with 'classes'"):
        two.place(patient, how="over")
    node.CreateClosedSurfaceRepresentation()
    node.SetSourceRepresentationToClosedSurface()
    with pytest.raises(InputError, match="'CT segmentation' is made of surfaces"):
        two.place(patient, how="replace", target=node)
    slicer.mrmlScene.RemoveNode(node)
    with pytest.raises(InputError, match="There is no segmentation to change"):
        two.place(patient, how="merge", target=node)

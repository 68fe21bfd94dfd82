"""Which segment is what: by its code, by the product's own ID, by its name."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.anatomy import CYST, KIDNEY, TUMOR

TISSUE = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~~^^~^^"
)


def of(segment_id="Segment_1", name="Segment_1", entry=""):
    import slicer

    from KidneyTumorSegLib.scene.segment_names import structure_of

    segment = slicer.vtkSegment()
    segment.SetName(name)
    if entry:
        segment.SetTag("TerminologyEntry", entry)
    return structure_of(segment_id, segment)


@pytest.mark.parametrize(
    ("segment_id", "structure"),
    [
        ("kidney", KIDNEY),
        ("kidney_left", KIDNEY),
        ("tumor_right_12", TUMOR),
        ("cyst_left_1_added", CYST),
        ("tumor_added_2", TUMOR),
        ("kidney_stone", None),
        ("tumor_thrombus", None),
        ("Segment_1", None),
    ],
)
def test_the_products_own_ids_are_known_and_others_are_not_taken_for_them(scene, segment_id, structure):
    assert of(segment_id, "?") is structure


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("Left  Kidney", KIDNEY),
        ("kidney right", KIDNEY),
        ("left tumor 2", TUMOR),
        ("tumor 2 left", TUMOR),
        (" Cyst ", CYST),
        ("kidney stone", None),
        ("tumor thrombus", None),
        ("liver", None),
    ],
)
def test_a_name_says_what_it_is_when_it_says_nothing_else(scene, name, structure):
    assert of(name=name) is structure
    assert of(name=name, entry=TISSUE) is structure


def test_a_code_counts_more_than_id_and_name(scene):
    assert of("tumor_left_1", "left tumor 1", CYST.terminology_entry) is CYST
    assert of("Segment_4", "?", TUMOR.terminology_entry_on("left")) is TUMOR
    refined = TISSUE.replace("~SCT^85756007^Tissue~^^~", "~SCT^86049000^Neoplasm, Primary~^^~")
    assert of("tumor_left_1", "left tumor 1", refined) is TUMOR


def test_a_cyst_of_another_organ_is_none_of_ours(scene):
    assert of(name="cyst", entry=CYST.terminology_entry.replace("64033007^Kidney", "10200004^Liver")) is None
    assert of(name="?", entry=CYST.terminology_entry.replace("SCT^64033007^Kidney", "^^")) is CYST


def test_all_segments_of_one_structure_are_read_back(scene):
    """One segment for each lesion, and one that somebody drew himself."""
    import two_kidneys as two
    from segment_editor import SegmentEditor

    from KidneyTumorSegLib.measurements import measure
    from KidneyTumorSegLib.scene.results import place_result
    from KidneyTumorSegLib.scene.segment_names import segments_of
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node, segment_id_of

    patient = two.Patient(two.ORDERS[29], oblique=True, moved=True)
    label_map = patient.label_map()
    node = place_result(label_map, measure(label_map), patient.ct, detail="lesions").node
    node.GetSegmentation().AddEmptySegment("Segment_9", "right cyst")
    editor = SegmentEditor(node, patient.ct)
    drawn = patient.mask(np.s_[0:2, 0:2, 20:22])
    editor.paint("Segment_9", drawn)
    expected = label_map.labels.copy()
    expected[drawn] = 3
    assert np.array_equal(label_map_from_node(node, patient.ct).labels, expected)
    assert segments_of(node, CYST) == ("cyst_left_1", "Segment_9")
    assert (segment_id_of(node, TUMOR), segment_id_of(node, KIDNEY)) == ("tumor", "kidney_left")

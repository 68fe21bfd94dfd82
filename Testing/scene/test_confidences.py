"""What the network told of its lesions stays with the segmentation, wherever that is moved."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.checks import LesionConfidence

TUMOR = LesionConfidence("tumor", (90.0, 38.0, 14.0), 0.62)
CYST = LesionConfidence("cyst", (-80.0, 40.0, -20.0), 0.9)


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "CT segmentation")


def test_what_is_kept_is_read_again(node):
    from KidneyTumorSegLib.scene.confidences import keep_confidences, read_confidences

    assert read_confidences(node) == ()
    keep_confidences(node, [TUMOR, CYST])
    assert read_confidences(node) == (TUMOR, CYST)


def test_a_new_run_replaces_what_was_told_of_the_same_place_only(node):
    from KidneyTumorSegLib.scene.confidences import keep_confidences, read_confidences

    keep_confidences(node, [TUMOR, CYST])
    again = LesionConfidence("tumor", (91.0, 39.0, 14.0), 0.8)
    keep_confidences(node, [again])
    assert set(read_confidences(node)) == {again, CYST}


def test_places_follow_a_registration(node, scene):
    import slicer

    from KidneyTumorSegLib.scene.confidences import keep_confidences, read_confidences
    from KidneyTumorSegLib.scene.geometry import matrix_from_array

    keep_confidences(node, [TUMOR])
    moved = np.array([[0, -1, 0, 5], [1, 0, 0, -7], [0, 0, 1, 11], [0, 0, 0, 1.0]])
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "registration")
    transform.SetMatrixTransformToParent(matrix_from_array(moved))
    node.SetAndObserveTransformNodeID(transform.GetID())
    (it,) = read_confidences(node)
    ras = moved @ (-90.0, -38.0, 14.0, 1.0)
    np.testing.assert_allclose(it.lps, (-ras[0], -ras[1], ras[2]))


def test_what_cannot_be_read_is_nothing(node, caplog):
    from KidneyTumorSegLib.scene.confidences import ATTRIBUTE, read_confidences

    node.SetAttribute(ATTRIBUTE, '[{"kind": "tumor"}]')
    assert read_confidences(node) == ()
    assert "cannot be read" in caplog.text

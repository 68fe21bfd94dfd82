"""A scene is left as it was when something fails half-way."""

from __future__ import annotations

import pytest


def add_two_nodes(scene):
    import slicer

    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "half")
    node.CreateDefaultDisplayNodes()
    tree.CreateItem(tree.GetSceneItemID(), node)


def test_half_done_work_is_taken_back(scene):
    import slicer

    from KidneyTumorSegLib.scene.undo import undone_on_error

    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    counts = scene.GetNumberOfNodes(), tree.GetNumberOfItems()

    def fail_half_way():
        with undone_on_error():
            add_two_nodes(scene)
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    assert (scene.GetNumberOfNodes(), tree.GetNumberOfItems()) == counts


def test_done_work_stays(scene):
    from KidneyTumorSegLib.scene.undo import undone_on_error

    scene.AddNewNodeByClass("vtkMRMLSubjectHierarchyNode")
    count = scene.GetNumberOfNodes()
    with undone_on_error():
        add_two_nodes(scene)
    assert scene.GetNumberOfNodes() == count + 2  # the segmentation and its display

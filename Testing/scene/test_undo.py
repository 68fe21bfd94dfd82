"""A change is taken back whole, and only that change; a scene is left as it was when something fails half-way."""

from __future__ import annotations

import numpy as np
import pytest
from scene_patient import LEFT_TUMOR, in_scene, patient, same, segments

from KidneyTumorSegLib.errors import InputError


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


def changed(scene):
    """CT, segmentation, its voxels before, and the way back from a tumor that was made a cyst."""
    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient(), "turned")
    before = segments(node, ct)
    return ct, node, before, relabel(node, ct, world(LEFT_TUMOR), "cyst")


def test_how_it_is_shown_and_what_is_noted_since_stays_when_the_voxels_go_back(scene):
    ct, node, before, done = changed(scene)
    node.SetAttribute("Note", "seen")
    node.GetSegmentation().GetSegment("cyst").SetColor(0.0, 0.5, 1.0)
    node.GetDisplayNode().SetSegmentOpacity3D("kidney", 0.25)
    done.undo()
    assert same(segments(node, ct), before)
    assert node.GetAttribute("Note") == "seen"
    assert node.GetSegmentation().GetSegment("cyst").GetColor() == (0.0, 0.5, 1.0)
    assert node.GetDisplayNode().GetSegmentOpacity3D("kidney") == 0.25


def test_a_name_given_since_is_an_edit_that_undo_does_not_lose(scene):
    _, node, _, done = changed(scene)
    node.GetSegmentation().GetSegment("cyst").SetName("proven by biopsy")
    with pytest.raises(InputError, match="was edited since, and undoing would lose those edits"):
        done.undo()
    assert node.GetSegmentation().GetSegment("cyst").GetName() == "proven by biopsy"


def test_surfaces_shown_since_are_those_of_what_came_back(scene):
    _, node, _, done = changed(scene)
    node.CreateClosedSurfaceRepresentation()
    points = node.GetClosedSurfaceInternalRepresentation("cyst").GetNumberOfPoints()
    done.undo()
    assert 10 < node.GetClosedSurfaceInternalRepresentation("cyst").GetNumberOfPoints() < points


def test_painting_after_an_undo_is_noticed_and_undo_of_the_change_before_it_is_refused(scene):
    import slicer
    from segment_editor import SegmentEditor

    ct, node, _, done = changed(scene)
    done.undo()
    seen, segmentation = [], node.GetSegmentation()
    segmentation.AddObserver(slicer.vtkSegmentation.SourceRepresentationModified, lambda *_: seen.append(1))
    SegmentEditor(node, ct).paint("cyst", np.ones(segments(node, ct)["cyst"].shape, bool))
    assert seen
    with pytest.raises(InputError, match="taken back already"):
        done.undo()


@pytest.mark.parametrize("whose", ["editor's", "ours", "editor's, then ours"])
def test_a_correction_is_taken_back_by_the_editor_or_by_us(scene, whose):
    from segment_editor import SegmentEditor

    from KidneyTumorSegLib.scene.fixes import relabel

    ct, node, world = in_scene(patient())
    before = segments(node, ct)
    editor = SegmentEditor(node, ct)
    done = relabel(node, ct, world(LEFT_TUMOR), "cyst", editor=editor)
    assert not same(segments(node, ct), before)
    if "editor's" in whose:
        editor.undo()
    if "ours" in whose:
        done.undo()
    assert same(segments(node, ct), before)

"""The sample: a CT with a tumor and a cyst and its truth, made here, offered where Slicer's users look for samples."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def sample_data(scene, monkeypatch):
    import slicer

    from KidneyTumorSegLib.gui import sample_data
    from KidneyTumorSegLib.volume.phantom import phantom_grid

    monkeypatch.setattr(slicer.modules, "sampleDataSources", {}, raising=False)
    monkeypatch.setattr(sample_data, "phantom_grid", lambda: phantom_grid((4.0, 4.0, 6.0)))
    return sample_data


def sources(sample_data):
    import slicer

    return slicer.modules.sampleDataSources[sample_data.CATEGORY]


def test_the_sample_is_a_ct_with_a_hidden_truth_on_its_grid(sample_data):
    import slicer

    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node
    from KidneyTumorSegLib.scene.volume_node import volume_from_node
    from KidneyTumorSegLib.volume.phantom import standard_phantom

    node = sample_data.load_sample()
    truth = slicer.mrmlScene.GetFirstNodeByName("phantom truth")
    assert node.GetName() == "Kidney phantom"
    assert truth.IsA("vtkMRMLSegmentationNode")
    assert not truth.GetDisplayNode().GetVisibility()
    expected = standard_phantom().scan(volume_from_node(node).grid)[1]
    assert np.array_equal(label_map_from_node(truth, node).labels, expected.labels)
    assert set(np.unique(expected.labels)) == {0, 1, 2, 3}


def test_loading_it_twice_gives_two_and_touches_no_other(sample_data, ct):
    first, second = sample_data.load_sample(), sample_data.load_sample()
    assert first is not second
    assert first.GetName() != second.GetName()
    assert ct.GetName() == "CT"


def test_a_failure_half_way_leaves_the_scene_as_it_was(sample_data, scene, monkeypatch):
    def fails(*them):
        raise MemoryError

    sample_data.slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(
        scene
    )  # the scene's own, made when asked for
    before = scene.GetNumberOfNodes()
    monkeypatch.setattr(sample_data, "segmentation_to_node", fails)
    with pytest.raises(MemoryError):
        sample_data.load_sample()
    assert scene.GetNumberOfNodes() == before


def test_the_sample_data_module_offers_it_once_with_a_picture(sample_data):
    sample_data.register()
    sample_data.register()
    (source,) = sources(sample_data)
    assert source.sampleName == "Kidney phantom (CT with tumor and cyst)"
    assert Path(source.thumbnailFileName).is_file()
    assert source.nodeNames == ["Kidney phantom"]


def test_a_click_there_loads_it_without_the_internet_and_shows_it(sample_data, scene):
    from SampleData import click

    view = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    sample_data.register()
    (node,) = click(sources(sample_data)[0])
    assert scene.IsNodePresent(node)
    assert view.GetBackgroundVolumeID() == node.GetID()


def test_a_module_that_is_loaded_anew_replaces_its_sample(sample_data):
    sample_data.register()
    before = sources(sample_data)[0].customDownloader
    again = importlib.reload(sample_data)
    again.register()
    (source,) = sources(again)
    assert source.customDownloader is not before


def test_a_slicer_without_sample_data_is_no_error(sample_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "SampleData", None)
    sample_data.register()


def test_the_picture_is_that_of_the_phantom():
    from PIL import Image

    from KidneyTumorSegLib.resources import resource

    scripts = Path(__file__).resolve().parents[1] / "screenshots"
    sys.path.insert(0, str(scripts))
    try:
        made = importlib.import_module("sample_thumbnail").thumbnail()
    finally:
        sys.path.remove(str(scripts))
    kept = Image.open(resource("Icons", "KidneyPhantom.png"))
    assert kept.size == (260, 280)
    assert np.array_equal(np.asarray(kept.convert("RGB")), np.asarray(made))

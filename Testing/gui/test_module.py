"""The module as Slicer lists it, its logic for scripts, and its self-test, which is the same in Slicer."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

import pytest

from KidneyTumorSegLib.resources import resource
from KidneyTumorSegLib.settings import DEFAULT_MODEL, Settings

ORIENTATIONS = ["axial", "coronal", "sagittal", "flipped", "oblique", "transformed"]


def test_slicer_gets_title_category_help_and_icon(module):
    from slicer_application import module_parent

    parent = module_parent(module.__file__)
    module.KidneyTumorSeg(parent)
    assert parent.title == "Kidney Tumor Segmentation"
    assert parent.categories == ["Segmentation"]
    assert parent.contributors
    assert "not a medical device" in parent.helpText
    assert "does not leave this computer" in parent.helpText
    assert parent.acknowledgementText
    assert not parent.icon.isNull()


def test_a_script_gets_a_segmentation_without_an_event_loop(module, ct, scene):
    steps = []
    node = module.KidneyTumorSegLogic("fake_pipeline:truth").process(ct, Settings(quality="fast"), steps.append)
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    assert '"quality": "fast"' in node.GetAttribute("KidneyTumorSeg.RunRecord")
    assert steps[-1].fraction == 1.0


def test_the_first_ct_is_the_likely_input_and_never_a_label_map_or_a_hidden_volume(module, scene):
    logic = module.KidneyTumorSegLogic("fake_pipeline:truth")
    assert logic.likelyInput() is None
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    hidden = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hidden")
    hidden.SetHideFromEditors(True)
    scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "color")
    assert logic.likelyInput() is None
    ct = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    assert logic.likelyInput() is ct


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_self_test_scans_keep_the_patient_in_place(module, scene, orientation):
    """The world position of the phantom's tumor, asked of the volume node, is the same however it is stored."""
    import numpy as np

    from KidneyTumorSegLib.gui.phantom_scan import phantom_scan
    from KidneyTumorSegLib.scene.volume_node import volume_from_node

    node, truth = phantom_scan(orientation)
    volume = volume_from_node(node)
    assert volume.grid.same_as(truth.grid)
    center = volume.grid.world(np.argwhere(truth.labels == 2)).mean(axis=0)
    np.testing.assert_allclose(center, (90.0, 38.0, 14.0), atol=0.3)
    k, j, i = np.rint(volume.grid.index((90.0, 38.0, 14.0))).astype(int)
    assert abs(volume.voxels[k, j, i] - 40) < 60


def self_test_names():
    return sorted(
        line.split("(")[0].split()[1]
        for line in (Path(__file__).parents[2] / "KidneyTumorSeg" / "KidneyTumorSeg.py").read_text().splitlines()
        if line.startswith("    def test_")
    )


def run_self_test(test_class, name):
    suite = unittest.TestSuite([test_class(name)])
    result = unittest.TestResult()
    suite.run(result)
    problems = result.errors + result.failures
    assert not problems, problems[0][1]
    assert not result.skipped
    assert result.testsRun == 1


@pytest.mark.parametrize("name", self_test_names())
def test_the_self_test_passes_with_the_truth_as_pipeline(module, scene, name):
    class WithTruth(module.KidneyTumorSegTest):
        work = "fake_pipeline:truth"
        kidneyDiceAtLeast = 0.999

    run_self_test(WithTruth, name)


def test_the_self_test_fails_with_a_wrong_pipeline(module, scene):
    class WithNonsense(module.KidneyTumorSegTest):
        work = "fake_pipeline:threshold"

    with pytest.raises(AssertionError, match="not greater than"):
        run_self_test(WithNonsense, "test_axial")


def test_where_nothing_is_installed_the_self_test_is_skipped_and_says_why(module, scene, monkeypatch):
    """Slicer's build machines run it without PyTorch: that is no failure, and no success either."""
    from KidneyTumorSegLib.gui import packages

    monkeypatch.setattr(packages, "missing", lambda: ("torch",))
    result = unittest.TestResult()
    module.KidneyTumorSegTest("test_axial").run(result)
    assert not result.errors + result.failures
    ((_, reason),) = result.skipped
    assert reason.startswith("Not installed yet: PyTorch.")


def test_reload_and_test_runs_them_all(module, scene):
    ran = []

    class Recorded(module.KidneyTumorSegTest):
        def checkScan(self, name):
            ran.append(name)

    Recorded().runTest()
    assert sorted(ran) == sorted(ORIENTATIONS)


@pytest.mark.parametrize("shown", [True, False])
def test_a_reload_loads_the_library_anew_and_enters_the_new_panel_if_one_is_shown(panel_of, monkeypatch, shown):
    """As Slicer's `slicer.util.reloadScriptedModule`: it makes a new panel and sets it up, and does not enter it."""
    import slicer
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget

    entered, panel = [], panel_of("truth")
    panel.parent.isEntered = shown
    new = SimpleNamespace(enter=lambda: entered.append(True))
    monkeypatch.setattr(slicer.modules, "KidneyTumorSegWidget", new, raising=False)
    monkeypatch.setattr(ScriptedLoadableModuleWidget, "onReload", lambda widget: None, raising=False)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "modules", dict(sys.modules))  # of other tests nothing is thrown away
        panel.widget.onReload()
        left = [name for name in sys.modules if name.startswith("KidneyTumorSegLib")]
    assert not left
    assert entered == [True] * shown


@pytest.mark.slow
@pytest.mark.skipif(
    not (resource("Models", DEFAULT_MODEL) / "weights.safetensors").is_file(), reason="no bundled model in this tree"
)
@pytest.mark.parametrize("name", self_test_names())
def test_the_self_test_passes_with_the_bundled_model(module, scene, name):
    run_self_test(module.KidneyTumorSegTest, name)


def test_opening_the_module_imports_neither_torch_nor_anything_of_it():
    """Slicer loads every module at start: that must cost nothing."""
    standins = Path(__file__).resolve().parent.parent / "standins"
    library = Path(__file__).resolve().parents[2] / "KidneyTumorSeg"
    code = f"""
import sys
sys.path[:0] = [{str(library)!r}, {str(standins)!r}]
import slicer_application
slicer_application.start()
import KidneyTumorSeg
heavy = ("torch", "torchvision", "segmentation_models_pytorch", "SimpleITK", "pydicom", "matplotlib", "scipy")
print([name for name in heavy if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.stdout.strip() == "[]", shown.stderr

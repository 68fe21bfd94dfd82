"""What stands around a run: the model's card, the device, first use, sample data, self-test, bug report."""

from __future__ import annotations

import pytest


@pytest.fixture
def quick_panel(panel_of):
    """The panel with a pipeline that finds the truth, in this process."""
    from KidneyTumorSegLib.scene.runner import InProcessRunner

    return panel_of("truth", InProcessRunner("fake_pipeline:truth"))


def test_the_card_of_the_model_is_one_click_away(ct, quick_panel):
    from KidneyTumorSegLib.models import open_model

    ui = quick_panel.widget.ui
    assert not ui.modelCardLabel.isVisible()
    ui.modelCardButton.click()
    assert ui.modelCardLabel.isVisible()
    contract = open_model("unet-resnet34").contract
    for words in (contract.title, contract.license, contract.limits[0], f"n = {contract.scores[0].n}"):
        assert words in ui.modelCardLabel.text()


def test_a_scene_that_names_a_model_which_is_not_here_gets_the_default(ct, quick_panel):
    quick_panel.exit()
    quick_panel.widget.logic.getParameterNode().model = "from-another-hospital"
    quick_panel.enter()
    assert quick_panel.widget._parameterNode.model == "unet-resnet34"


def test_the_device_belongs_to_the_computer_and_not_to_the_scene(ct, quick_panel, scene):
    import slicer

    quick_panel.widget.ui.deviceBox.setCurrentIndex(1)
    assert slicer.app.userSettings().value("KidneyTumorSeg/Device") == "cpu"
    assert quick_panel.widget.choices.settings().device == "cpu"
    scene.Clear(False)
    quick_panel.exit()
    quick_panel.enter()
    assert quick_panel.widget.choices.settings().device == "cpu"


def test_the_state_line_says_what_computes_and_how_long_the_last_such_scan_took(panel_of, ct, wait_for):
    panel = panel_of("truth")
    ui = panel.widget.ui
    assert ui.stateLabel.text() == "Getting ready…"
    wait_for(lambda: ui.stateLabel.text() == "CPU, 2 threads: ready.")
    ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)
    assert ui.stateLabel.text() == "CPU, 2 threads: ready. About 1 s for this scan."


def test_the_state_line_names_the_device_that_was_chosen(ct):
    from KidneyTumorSegLib.gui.state_line import state_line

    card = "NVIDIA RTX A2000, 11 GB free"
    assert state_line(card, ct, "auto", "standard") == f"{card}: ready."
    assert state_line(card, ct, "cpu", "standard") == "CPU: ready."
    assert state_line("CPU, 8 threads", ct, "cpu", "standard") == "CPU, 8 threads: ready."


def lacking(module, monkeypatch):
    lacks = ["torch"]
    monkeypatch.setattr(module.packages, "missing", lambda: tuple(lacks))
    return lacks


class Dialog:
    """In place of the dialog of the first use, which has tests of its own."""

    def __init__(self, lacks, agrees, sentence):
        self.lacks, self.agrees, self.sentence, self.asked = lacks, agrees, sentence, 0

    def __call__(self, parent, volume_node):
        return self

    def run(self, repairs):
        self.asked += 1
        if self.agrees:
            self.lacks.clear()
        return self.agrees


def use(monkeypatch, dialog):
    from KidneyTumorSegLib.gui import first_use

    monkeypatch.setattr(first_use, "FirstUse", dialog)
    return dialog


def test_segment_installs_what_is_missing_first_and_then_runs(module, ct, quick_panel, monkeypatch):
    dialog = use(monkeypatch, Dialog(lacking(module, monkeypatch), True, "All is there."))
    ui = quick_panel.widget.ui
    ui.segmentButton.click()
    assert dialog.asked == 1
    assert ui.headlineLabel.text().startswith("2 kidneys")


def test_not_now_changes_nothing(module, ct, quick_panel, scene, monkeypatch):
    use(monkeypatch, Dialog(lacking(module, monkeypatch), False, "Nothing was installed."))
    ui = quick_panel.widget.ui
    ui.segmentButton.click()
    assert ui.warningsLabel.text() == "Nothing was installed."
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert ui.segmentButton.isEnabled()
    assert ui.setUpButton.isVisible()


def test_the_run_goes_on_after_the_restart_that_an_installation_asked_for(ct, quick_panel):
    from KidneyTumorSegLib.gui.pending_run import remember_run

    remember_run(ct)
    quick_panel.exit()
    quick_panel.enter()
    assert quick_panel.widget.ui.headlineLabel.text().startswith("2 kidneys")
    quick_panel.widget.panel.clear()
    quick_panel.exit()
    quick_panel.enter()
    assert quick_panel.widget.ui.headlineLabel.text() == ""  # once


def test_after_a_restart_without_the_ct_the_panel_asks_for_it(ct, quick_panel, scene):
    from KidneyTumorSegLib.gui.pending_run import remember_run

    remember_run(ct)
    scene.RemoveNode(ct)
    quick_panel.exit()
    quick_panel.enter()
    assert quick_panel.widget.ui.warningsLabel.text() == "Load 'CT' again and click Segment."


def test_the_sample_is_loaded_and_chosen(quick_panel):
    quick_panel.widget.ui.sampleButton.click()
    chosen = quick_panel.widget.ui.inputSelector.currentNode()
    assert chosen.GetName() == "Kidney phantom"
    assert quick_panel.widget.ui.segmentButton.isEnabled()


def test_the_self_test_says_figures_and_leaves_the_scene_alone(ct, quick_panel, scene):
    ui, count = quick_panel.widget.ui, scene.GetNumberOfNodes()
    ui.selfTestButton.click()
    assert ui.warningsLabel.text().startswith("Self-test passed: kidney Dice 1.00, tumor Dice 1.00, ")
    assert scene.GetNumberOfNodes() == count
    assert ui.segmentButton.text() == "Segment"


def test_the_self_test_can_be_cancelled(panel_of, ct, wait_for):
    panel = panel_of("slow")
    ui = panel.widget.ui
    ui.selfTestButton.click()
    assert ui.segmentButton.text() == "Cancel"
    wait_for(lambda: ui.progressBar.format().startswith("Segmenting"))
    ui.segmentButton.click()
    assert not panel.widget.logic.isRunning
    assert ui.warningsLabel.text().startswith("Cancelled.")


def test_the_bug_report_in_the_clipboard_has_the_last_error_and_no_name(panel_of, scene):
    import qt

    from KidneyTumorSegLib.scene.runner import InProcessRunner
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    volume_to_node(standard_phantom().scan(phantom_grid((8, 8, 12)))[0], "Doe^Jane")
    panel = panel_of("refuse", InProcessRunner("fake_pipeline:refuse"))
    panel.widget.ui.segmentButton.click()
    assert "Doe^Jane" in panel.widget.ui.warningsLabel.text()
    panel.widget.ui.bugReportButton.click()
    report = qt.QApplication.clipboard().text()
    assert "is no abdomen" in report
    assert "Doe" not in report
    assert "clipboard" in panel.widget.ui.toolsLabel.text()


def test_slicers_start_offers_the_sample(module, scene):
    import slicer
    import slicer_application

    module.KidneyTumorSeg(slicer_application.module_parent("KidneyTumorSeg.py"))
    slicer_application.ON_START[-1]()
    offered = [source.sampleName for sources in slicer.modules.sampleDataSources.values() for source in sources]
    assert "Kidney phantom (CT with tumor and cyst)" in offered

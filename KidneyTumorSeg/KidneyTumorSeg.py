"""Kidney Tumor Segmentation in 3D Slicer: the module, its panel, its logic, its self-test.

From a script:

    logic = slicer.util.getModuleLogic("KidneyTumorSeg")
    segmentationNode = logic.process(slicer.util.getNode("CT"))
"""

import logging
import sys
import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from KidneyTumorSegLib.errors import InputError, KidneyTumorSegError
from KidneyTumorSegLib.gui import packages, sample_data
from KidneyTumorSegLib.gui.desk import Desk
from KidneyTumorSegLib.gui.panel import Panel
from KidneyTumorSegLib.gui.parameters import KidneyTumorSegParameterNode
from KidneyTumorSegLib.gui.phantom_scan import check_scan
from KidneyTumorSegLib.gui.placing import Place, Shown, place_whole
from KidneyTumorSegLib.gui.run_choices import RunChoices
from KidneyTumorSegLib.gui.run_plans import Plan, place_region, region_run, whole_run
from KidneyTumorSegLib.gui.self_test import SelfTest, SelfTestReport
from KidneyTumorSegLib.gui.set_up import pending_volume, set_up
from KidneyTumorSegLib.gui.tools_section import ToolsSection
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.resources import resource
from KidneyTumorSegLib.scene.fallback_runner import FallbackRunner
from KidneyTumorSegLib.scene.runner import PIPELINE, OnError, OnStep, resolve
from KidneyTumorSegLib.scene.segmentation_node import show_in_3d
from KidneyTumorSegLib.scene.volume_node import likely_ct, volume_from_node
from KidneyTumorSegLib.settings import Settings

if TYPE_CHECKING:
    from KidneyTumorSegLib.pipeline import Result

PUMP_EVERY_MS = 50
SCENE_WIDGETS = ("inputSelector", "outputSelector", "regionSelector", "segmentsTable")


class KidneyTumorSeg(ScriptedLoadableModule):
    """What Slicer shows of the module in its menus and its help."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self.parent.title = _("Kidney Tumor Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["KidneyTumorSeg contributors"]
        self.parent.helpText = _(
            "Finds kidneys, kidney tumors and kidney cysts in a CT of the abdomen: choose the CT, click Segment. "
            "The result is a segmentation that you can correct in the Segment Editor. "
            "The CT does not leave this computer. For research; not a medical device."
        )
        self.parent.acknowledgementText = _(
            "Built on 3D Slicer, PyTorch and segmentation_models.pytorch. "
            "The card of each model says which data it was trained on."
        )
        # In the source tree Resources is not beside this file, where Slicer looks for the icon.
        self.parent.icon = qt.QIcon(str(resource("Icons", "KidneyTumorSeg.png")))
        slicer.app.connect("startupCompleted()", sample_data.register)


class KidneyTumorSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. All that can go wrong ends in `attempt`, as a sentence in the panel."""

    def __init__(self, parent: Any = None) -> None:
        self.logic = None
        self.panel = None
        self._parameterNode = None
        self._guiTag = None
        self._shownInput = None
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self) -> None:
        """Called once, when the panel is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(str(resource("UI", "KidneyTumorSeg.ui")))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        for widget in (uiWidget, *(getattr(self.ui, name) for name in SCENE_WIDGETS)):
            widget.setMRMLScene(slicer.mrmlScene)
        self.logic = KidneyTumorSegLogic()
        self.panel = Panel(self.ui)
        self.choices = RunChoices(self.ui, self.logic.runner, self.refresh)
        self.desk = Desk(self.ui, self.attempt, self.panel.show_note, self.panel.show_measured)
        self.timer = qt.QTimer()
        self.timer.setInterval(PUMP_EVERY_MS)
        self.timer.connect("timeout()", self.onTimer)
        self.tools = ToolsSection(self.ui, self.attempt, lambda node: setattr(self._parameterNode, "inputVolume", node))
        self.ui.segmentButton.connect("clicked(bool)", self.onSegmentButton)
        for button, action in (
            (self.ui.segmentRegionButton, lambda: self.startRun(region_run)),
            (self.ui.placeRegionButton, lambda: place_region(self._parameterNode)),
            (self.ui.setUpButton, self.setUp),
            (self.ui.selfTestButton, self.startSelfTest),
        ):
            button.connect("clicked(bool)", lambda checked, action=action: self.attempt(action))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneIsNew)
        self.addObserver(scene, scene.StartImportEvent, lambda *_: self.exit())  # selectors list its nodes at the end
        self.addObserver(scene, scene.EndImportEvent, self.onSceneIsNew)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The module is unloaded, or Slicer closes."""
        if self.logic is not None:
            self.timer.stop()
            self.desk.close()
            self.logic.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """The panel is shown."""
        self.initializeParameterNode()
        self.desk.enter()
        if not packages.missing():
            self.logic.warmUp()
            self.timer.start()
        self.attempt(self.resume)

    def exit(self) -> None:
        """Another panel is shown; a run goes on."""
        self.desk.exit()
        self.setParameterNode(None)

    def onReload(self) -> None:
        """Developer mode: load the library anew too; Slicer by itself reloads this file alone."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "KidneyTumorSegLib"]:
            del sys.modules[name]
        super().onReload()
        if self.parent.isEntered:  # Slicer puts a new panel in the place of this one, but does not enter it
            slicer.modules.KidneyTumorSegWidget.enter()

    def initializeParameterNode(self) -> None:
        """Follow the scene's parameter node, with a CT already chosen if there is one."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            self._parameterNode.inputVolume = self.logic.likelyInput()

    def setParameterNode(self, parameterNode: KidneyTumorSegParameterNode | None) -> None:
        """Bind the panel's widgets to a parameter node, or to none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
        self._parameterNode = parameterNode
        self.choices.follow(parameterNode)
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
            self.refresh()

    def refresh(self, caller: Any = None, event: Any = None) -> None:
        """Show whether Segment can be clicked, and why not, and what the lower half is about."""
        chosen = self._parameterNode
        volumeNode = chosen.inputVolume if chosen is not None else None
        if chosen is not None:  # else the panel was left: what it was about stays
            self.attempt(lambda: self.desk.show(volumeNode, chosen.outputSegmentation))
        if self.logic.isRunning:
            return
        if volumeNode is not None and volumeNode is not self._shownInput:
            self.panel.clear()
            self._shownInput = volumeNode
        lacks = packages.missing_sentence()
        self.panel.show_set_up(bool(lacks))
        self.panel.show_state(lacks or self.choices.line())
        self.panel.show_ready("" if volumeNode is not None else _("Load a CT of the abdomen and choose it above."))
        self.ui.segmentRegionButton.setEnabled(chosen is not None and chosen.region is not None)

    def onSegmentButton(self, checked: bool = False) -> None:
        """Segment, or Cancel while a run is under way."""
        if not self.logic.isRunning:
            self.attempt(lambda: self.startRun(whole_run))
        elif not self.panel.is_double_click:
            self.stop(_("Cancelled. The scene is as it was."))

    def resume(self) -> None:
        """Go on with the run for which Slicer had to be restarted, if there is one."""
        node, sentence = pending_volume()
        if node is not None:
            self._parameterNode.inputVolume = node
            self.onSegmentButton()
        elif sentence:
            self.panel.show_message(sentence)

    def setUp(self) -> bool:
        """Whether everything is installed, after asking."""
        done, sentence = set_up(self.parent.window(), self._parameterNode.inputVolume)
        if done:
            self.logic.close()  # a worker from before would not find what is new
            self.logic.warmUp()
        self.refresh()
        self.panel.show_message(sentence)
        return done

    def startRun(self, makePlan: Callable[[Any, Settings, Any], Plan]) -> None:
        """Begin a run with the panel's choices, once everything is installed."""
        if packages.missing() and not self.setUp():
            return
        chosen = self._parameterNode
        settings, place = makePlan(chosen, self.choices.settings(), self.desk.editor)
        run = chosen.inputVolume, settings, self.panel.show_step, self.onDone, self.showError, place
        self.beginRun(lambda: self.logic.start(*run))

    def startSelfTest(self) -> None:
        """Run the phantom, with the panel's choices; the scene is not touched."""
        if packages.missing() and not self.setUp():
            return
        test = SelfTest(self.logic.runner, self.choices.settings())
        self.beginRun(lambda: test.start(self.panel.show_step, self.onSelfTest, self.showError))

    def beginRun(self, start: Callable[[], None]) -> None:
        """From a click to a run, which may be over when `start` comes back, if it was done in this process."""
        self.panel.show_running()
        self.timer.start()
        start()
        self.endRun()

    def onSelfTest(self, report: SelfTestReport) -> None:
        """The self-test has ended."""
        self.endRun()
        self.tools.self_test = report.sentence
        self.panel.show_message(report.sentence)

    def onTimer(self) -> None:
        """Deliver what the worker sent."""
        self.attempt(self.logic.pump)
        if not self.logic.isRunning and self.logic.runner.runs_on is not None:
            self.timer.stop()
            self.refresh()

    def onDone(self, shown: Shown, result: "Result") -> None:
        """A run has ended well."""
        self.choices.remember(result.record)
        self.tools.last_record = result.record.to_json()
        self.endRun()
        self.panel.show_result(result, shown.remarks)
        chosen = self.logic.getParameterNode()  # also when the panel was left meanwhile
        self.attempt(lambda: self.desk.show(chosen.inputVolume, shown.node, anew=True))
        chosen.outputSegmentation = shown.node
        self.desk.can_undo(shown.undo)
        if chosen.showSurfaces:
            show_in_3d(shown.node)
        if chosen.jumpToLargest:
            self.desk.go_to_largest()

    def stop(self, sentence: str) -> None:
        """End the run now, and say why."""
        self.logic.cancel()
        self.endRun()
        self.panel.show_message(sentence)

    def endRun(self) -> None:
        """Back to waiting for a click, unless a run goes on: what ended or went wrong was beside it."""
        if not self.logic.isRunning:
            self.timer.stop()
        self.refresh()

    def onNodeRemoved(self, caller: Any, event: Any) -> None:
        """The CT may have been deleted in the middle of a run."""
        if self.logic.isRunning and self.logic.inputIsGone:
            self.stop(_("The CT was removed from the scene, so the run was stopped."))

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """Nothing of the old scene may be touched from now on."""
        self.panel.clear()
        if self.logic.isRunning:
            self.stop(_("The scene was closed, so the run was stopped."))
        self.exit()
        self.desk.show(None, None)
        self.refresh()

    def onSceneIsNew(self, caller: Any, event: Any) -> None:
        """An empty scene, or one that was loaded with its choices."""
        if self.parent.isEntered:
            self.initializeParameterNode()
            self.desk.enter()

    def showError(self, error: KidneyTumorSegError) -> None:
        """A sentence in the panel, the details folded in and in Slicer's log."""
        details = "\n".join(getattr(error, "__notes__", ()))
        logging.error("%s\n%s", error, details)
        self.tools.last_error = f"{error}\n{details}"
        self.endRun()
        self.panel.show_message(str(error), details)

    def attempt(self, action: Callable[[], None]) -> None:
        """The panel's door: every error ends here."""
        try:
            action()
        except KidneyTumorSegError as error:
            self.showError(error)
        except Exception as error:
            logging.exception("unexpected")
            self.logic.cancel()
            self.showError(KidneyTumorSegError(_("Something unexpected went wrong: {error}").format(error=error)))


class KidneyTumorSegLogic(ScriptedLoadableModuleLogic):
    """Segments volume nodes; usable without the panel.

    Args:
        work: the pipeline, as `module:function`.
        runner: what runs it for `start`; by default a worker process, or this one where none can be started.
    """

    def __init__(self, work: str = PIPELINE, runner: FallbackRunner | None = None) -> None:
        super().__init__()
        self._work = work
        self._runner = runner or FallbackRunner(work, slicer.app.processEvents)
        self._input = None

    def getParameterNode(self) -> KidneyTumorSegParameterNode:
        """The panel's choices in this scene."""
        return KidneyTumorSegParameterNode(super().getParameterNode())

    def process(self, volumeNode: Any, settings: Settings | None = None, onStep: OnStep | None = None) -> Any:
        """Segment a CT in this process and wait for it; needs no event loop.

        Args:
            volumeNode: vtkMRMLScalarVolumeNode.
            settings: `KidneyTumorSegLib.settings.Settings`; None: the defaults.
            onStep: told of each `KidneyTumorSegLib.progress.Step`.

        Returns:
            A new vtkMRMLSegmentationNode with the segments kidney, tumor and cyst.

        Raises:
            InputError, EnvironmentProblem: with a sentence for the user; the scene is as it was.
        """
        volume = volume_from_node(volumeNode)
        return self.addResult(resolve(self._work)(volume, settings or Settings(), Progress(onStep)), volumeNode).node

    def start(
        self,
        volumeNode: Any,
        settings: Settings,
        onStep: OnStep,
        onDone: Callable[[Shown, "Result"], None],
        onError: OnError,
        place: Place | None = None,
    ) -> None:
        """Begin to segment a CT and return; call `pump` from a timer.

        Args:
            volumeNode: vtkMRMLScalarVolumeNode.
            settings: the choices.
            onStep: told of each step.
            onDone: given what is shown and the `Result`, or
            onError: given a `KidneyTumorSegError`; neither after `cancel`.
            place: puts the result into the scene; by default as a new segmentation.

        Raises:
            InputError, EnvironmentProblem: the run could not begin.
        """
        volume = volume_from_node(volumeNode)
        self._input = volumeNode
        self._runner.start(
            volume, settings, onStep, lambda result: onDone(self.addResult(result, volumeNode, place), result), onError
        )

    def addResult(self, result: "Result", volumeNode: Any, place: Place | None = None) -> Shown:
        """A run's labels and record into the scene."""
        if not slicer.mrmlScene.IsNodePresent(volumeNode):
            raise InputError(_("The CT was removed from the scene, so its result cannot be shown."))
        return (place or place_whole())(result, volumeNode)

    def likelyInput(self) -> Any:
        """The first volume in the scene that can be a CT, or None."""
        return likely_ct()

    def warmUp(self) -> None:
        """Start the worker, so that the first run need not wait for it."""
        self._runner.warm_up()

    def cancel(self) -> None:
        """Stop the run at once; the scene is as it was."""
        self._runner.cancel()
        self._input = None

    def pump(self) -> None:
        """Deliver what the worker sent."""
        self._runner.pump()

    def close(self) -> None:
        """End the worker and give everything back."""
        self._runner.close()
        self._input = None

    @property
    def isRunning(self) -> bool:
        """Whether a run is under way."""
        return self._runner.is_running

    @property
    def runner(self) -> FallbackRunner:
        """What computes."""
        return self._runner

    @property
    def inputIsGone(self) -> bool:
        """Whether the CT of this run is no longer in the scene."""
        return self._input is not None and not slicer.mrmlScene.IsNodePresent(self._input)


class KidneyTumorSegTest(ScriptedLoadableModuleTest):
    """Reload and Test: synthetic abdomens with known truth, scanned in every way that Slicer may load them.

    The same class runs outside Slicer, on the same MRML classes.
    """

    work = PIPELINE
    kidneyDiceAtLeast = 0.8
    """Of kidney with masses. A phantom is no patient: this says that the journey works, not how good a model is."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """All tests, one after the other, each in an empty scene."""
        for name in unittest.TestLoader().getTestCaseNames(type(self)):
            self.delayDisplay(name)
            self.setUp()
            getattr(self, name)()

    def test_axial(self) -> None:  # noqa: D102
        self.checkScan("axial")

    def test_coronal(self) -> None:  # noqa: D102
        self.checkScan("coronal")

    def test_sagittal(self) -> None:  # noqa: D102
        self.checkScan("sagittal")

    def test_flipped(self) -> None:  # noqa: D102
        self.checkScan("flipped")

    def test_oblique(self) -> None:  # noqa: D102
        self.checkScan("oblique")

    def test_under_parent_transform(self) -> None:  # noqa: D102
        self.checkScan("transformed")

    def test_refusal_leaves_the_scene_as_it_was(self) -> None:
        """An empty volume is refused in a sentence."""
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        count = slicer.mrmlScene.GetNumberOfNodes()
        refusal = ""
        try:
            KidneyTumorSegLogic(self.work).process(node)
        except InputError as error:
            refusal = str(error)
        assert "'empty' holds no voxels" in refusal
        assert slicer.mrmlScene.GetNumberOfNodes() == count

    def checkScan(self, name: str) -> None:
        """Segment one scan, and compare with its truth in Slicer's world."""
        segmentationNode = check_scan(name, KidneyTumorSegLogic(self.work).process, self.kidneyDiceAtLeast)
        center = segmentationNode.GetSegmentCenterRAS("tumor")
        assert center is not None, f"{name}: no tumor was found."
        assert center[0] < 0, f"{name}: the phantom's tumor is on the patient's left, not at {center}."

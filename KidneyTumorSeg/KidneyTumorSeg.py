"""Kidney Tumor Segmentation in 3D Slicer: the module, its panel, its logic, its self-test.

From a script:

    logic = slicer.util.getModuleLogic("KidneyTumorSeg")
    segmentationNode = logic.process(slicer.util.getNode("CT"))
"""

import logging
import sys
import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from KidneyTumorSegLib.anatomy import REGIONS
from KidneyTumorSegLib.errors import InputError, KidneyTumorSegError
from KidneyTumorSegLib.gui import packages
from KidneyTumorSegLib.gui.panel import Panel
from KidneyTumorSegLib.gui.phantom_scan import phantom_scan
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.resources import resource
from KidneyTumorSegLib.scene.fallback_runner import FallbackRunner
from KidneyTumorSegLib.scene.runner import PIPELINE, OnError, OnStep, resolve
from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node, segmentation_to_node, show_in_3d
from KidneyTumorSegLib.scene.undo import undone_on_error
from KidneyTumorSegLib.scene.volume_node import volume_from_node
from KidneyTumorSegLib.settings import DEFAULT_MODEL, QUALITIES, Settings

if TYPE_CHECKING:
    from KidneyTumorSegLib.pipeline import Result

PUMP_EVERY_MS = 50
RECORD_ATTRIBUTE = "KidneyTumorSeg.RunRecord"


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


@parameterNodeWrapper
class KidneyTumorSegParameterNode:
    """The panel's choices; saved with the scene.

    inputVolume: the CT.
    model, quality, device: as in `settings.Settings`.
    outputSegmentation: of the last run.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    model: str = DEFAULT_MODEL
    quality: Annotated[str, Choice(list(QUALITIES))] = "standard"
    device: str = "auto"
    outputSegmentation: vtkMRMLSegmentationNode


class KidneyTumorSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. All that can go wrong ends in `_attempt`, as a sentence in the panel."""

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
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.inputSelector.setMRMLScene(slicer.mrmlScene)
        self.logic = KidneyTumorSegLogic()
        self.panel = Panel(self.ui)
        self.timer = qt.QTimer()
        self.timer.setInterval(PUMP_EVERY_MS)
        self.timer.connect("timeout()", self.onTimer)
        self.ui.segmentButton.connect("clicked(bool)", self.onSegmentButton)
        self.ui.installButton.connect("clicked(bool)", self.onInstallButton)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The module is unloaded, or Slicer closes."""
        if self.logic is not None:
            self.timer.stop()
            self.logic.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """The panel is shown."""
        self.initializeParameterNode()
        self.refresh()
        if not packages.missing():
            self.logic.warmUp()

    def exit(self) -> None:
        """Another panel is shown; a run goes on."""
        self.setParameterNode(None)

    def onReload(self) -> None:
        """Developer mode: load the library anew too; Slicer by itself reloads this file alone."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "KidneyTumorSegLib"]:
            del sys.modules[name]
        super().onReload()

    def initializeParameterNode(self) -> None:
        """Follow the scene's parameter node, with a CT already chosen if there is one."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            self._parameterNode.inputVolume = self.logic.likelyInput()

    def setParameterNode(self, parameterNode: KidneyTumorSegParameterNode | None) -> None:
        """Bind the panel's widgets to a parameter node, or to none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
            self.refresh()

    def refresh(self) -> None:
        """Show whether Segment can be clicked, and why not."""
        if self.logic.isRunning:
            return
        chosen = self._parameterNode.inputVolume if self._parameterNode is not None else None
        if chosen is not None and chosen is not self._shownInput:
            self.panel.clear()
            self._shownInput = chosen
        missing = packages.missing_sentence()
        self.panel.show_missing(missing)
        self.panel.show_place(self.logic.placeNote)
        if missing:
            self.panel.show_ready(missing)
        elif chosen is None:
            self.panel.show_ready(_("Load a CT of the abdomen and choose it above."))
        else:
            self.panel.show_ready()

    def onParametersModified(self, caller: Any = None, event: Any = None) -> None:
        """A choice was changed, here or elsewhere."""
        self.refresh()

    def onSegmentButton(self, checked: bool = False) -> None:
        """Segment, or Cancel while a run is under way."""
        if self.logic.isRunning:
            self.stop(_("Cancelled. The scene is as it was."))
        else:
            self._attempt(self.startRun)

    def startRun(self) -> None:
        """Begin a run with the panel's choices."""
        chosen = self._parameterNode
        settings = Settings(model=chosen.model, quality=chosen.quality, device=chosen.device)
        self.panel.show_running()
        self.timer.start()
        self.logic.start(chosen.inputVolume, settings, self.panel.show_step, self.onDone, self.showError)

    def onTimer(self) -> None:
        """Deliver what the worker sent."""
        self._attempt(self.logic.pump)

    def onDone(self, segmentationNode: Any, result: "Result") -> None:
        """A run has ended well."""
        self.endRun()
        self.panel.show_result(result)
        if self._parameterNode is not None:
            self._parameterNode.outputSegmentation = segmentationNode
        self.logic.showIn3D(segmentationNode)

    def stop(self, sentence: str) -> None:
        """End the run now, and say why."""
        self.logic.cancel()
        self.endRun()
        self.panel.show_message(sentence)

    def endRun(self) -> None:
        """Back to waiting for a click."""
        self.timer.stop()
        self.refresh()

    def onInstallButton(self, checked: bool = False) -> None:
        """Install what is missing; the user is asked."""
        self._attempt(packages.install)
        self.refresh()

    def onNodeRemoved(self, caller: Any, event: Any) -> None:
        """The CT may have been deleted in the middle of a run."""
        if self.logic.isRunning and self.logic.inputIsGone:
            self.stop(_("The CT was removed from the scene, so the run was stopped."))

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """Nothing of the old scene may be touched from now on."""
        if self.logic.isRunning:
            self.stop(_("The scene was closed, so the run was stopped."))
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        """A new, empty scene."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def showError(self, error: KidneyTumorSegError) -> None:
        """A sentence in the panel, the details in its tooltip and in Slicer's log."""
        details = "\n".join(getattr(error, "__notes__", ()))
        logging.error("%s\n%s", error, details)
        self.endRun()
        self.panel.show_message(str(error), details)

    def _attempt(self, action: Callable[[], None]) -> None:
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
        return self.addResult(resolve(self._work)(volume, settings or Settings(), Progress(onStep)), volumeNode)

    def start(
        self,
        volumeNode: Any,
        settings: Settings,
        onStep: OnStep,
        onDone: Callable[[Any, "Result"], None],
        onError: OnError,
    ) -> None:
        """Begin to segment a CT and return; call `pump` from a timer.

        Args:
            volumeNode: vtkMRMLScalarVolumeNode.
            settings: the choices.
            onStep: told of each step.
            onDone: given the new segmentation node and the `Result`, or
            onError: given a `KidneyTumorSegError`; neither after `cancel`.

        Raises:
            InputError, EnvironmentProblem: the run could not begin.
        """
        volume = volume_from_node(volumeNode)
        self._input = volumeNode
        self._runner.start(
            volume, settings, onStep, lambda result: onDone(self.addResult(result, volumeNode), result), onError
        )

    def addResult(self, result: "Result", volumeNode: Any) -> Any:
        """A new segmentation node with the labels and the record of a run."""
        if not slicer.mrmlScene.IsNodePresent(volumeNode):
            raise InputError(_("The CT was removed from the scene, so its result cannot be shown."))
        with undone_on_error():
            node = segmentation_to_node(result.label_map, volumeNode)
            node.SetAttribute(RECORD_ATTRIBUTE, result.record.to_json())
        return node

    def showIn3D(self, segmentationNode: Any) -> None:
        """Make the surfaces for the 3D view."""
        show_in_3d(segmentationNode)

    def likelyInput(self) -> Any:
        """The first volume in the scene that can be a CT, or None."""
        nodes = slicer.mrmlScene.GetNodesByClass("vtkMRMLScalarVolumeNode")
        nodes.UnRegister(slicer.mrmlScene)
        for n in range(nodes.GetNumberOfItems()):
            node = nodes.GetItemAsObject(n)
            if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors():
                return node
        return None

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
    def inputIsGone(self) -> bool:
        """Whether the CT of this run is no longer in the scene."""
        return self._input is not None and not slicer.mrmlScene.IsNodePresent(self._input)

    @property
    def placeNote(self) -> str:
        """A sentence if runs do not have a process of their own."""
        if self._runner.is_in_process:
            return _("Runs inside Slicer, which may respond slowly meanwhile: no other process could be started.")
        return ""


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
        from KidneyTumorSegLib.evaluation import dice

        volumeNode, truth = phantom_scan(name)
        segmentationNode = KidneyTumorSegLogic(self.work).process(volumeNode)
        found = label_map_from_node(segmentationNode, volumeNode)
        assert found.grid.same_as(truth.grid), "The result is not on the scan's grid."
        region = list(REGIONS[0].labels)
        agreement = dice(np.isin(truth.labels, region), np.isin(found.labels, region))
        assert agreement > self.kidneyDiceAtLeast, f"{name}: Dice {agreement:.3f} is not greater than wanted."
        assert segmentationNode.GetTransformNodeID() == volumeNode.GetTransformNodeID()
        center = segmentationNode.GetSegmentCenterRAS("tumor")
        assert center is not None, f"{name}: no tumor was found."
        assert center[0] < 0, f"{name}: the phantom's tumor is on the patient's left, not at {center}."

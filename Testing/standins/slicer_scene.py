"""A MRML scene with application and module logics from the `slicer-core` wheel, and the names that `slicer.util` wants.

Follows what Slicer does at start: Base/QTCore/qSlicerCoreApplication.cxx (scene, application logic) and
Base/QTApp/qSlicerApplicationHelper.cxx (module logics).
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
import slicer.util
import vtk

_PYTHON = str(Path(__file__).resolve().parent / "slicer_python")
if _PYTHON not in slicer.__path__:  # Python files of Slicer that the wheel lacks
    slicer.__path__.append(_PYTHON)

# Without the Terminologies logic: its files are not in the wheel, and the tags that hold the codes need none.
_MODULE_LOGICS = {
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Models": "vtkSlicerModelsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


class Slicer:
    """One scene with its logics. Keep it alive as long as the scene is used."""

    def __init__(self) -> None:
        vtk.vtkOutputWindow.GetInstance().SetDisplayModeToAlwaysStdErr()
        self.scene = slicer.vtkMRMLScene()
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetName("default")
        self.scene.AddNode(crosshair)
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        color_logic = self.application.GetColorLogic()
        color_logic.SetMRMLScene(self.scene)
        color_logic.AddDefaultColorNodes()
        self.application.SetSliceLogics(vtk.vtkCollection())
        self.application.SetViewLogics(vtk.vtkCollection())
        for factory in (
            slicer.vtkMRMLSliceViewDisplayableManagerFactory,
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory,
        ):
            factory.GetInstance().SetMRMLApplicationLogic(self.application)
        self.logics = {name: self._logic(name, class_name) for name, class_name in _MODULE_LOGICS.items()}
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)

    def _logic(self, name: str, class_name: str) -> Any:
        logic = getattr(slicer, class_name)()
        logic.SetMRMLScene(self.scene)
        logic.SetMRMLApplicationLogic(self.application)
        self.application.SetModuleLogic(name, logic)
        return logic

    def install(self) -> None:
        """Make this the scene that `slicer.mrmlScene`, `slicer.util` and `slicer.modules` mean."""
        slicer.mrmlScene = self.scene
        slicer.modules = SimpleNamespace(
            **{name.lower(): SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in self.logics.items()}
        )
        slicer.app = SimpleNamespace(
            applicationLogic=lambda: self.application,
            mrmlScene=lambda: self.scene,
            testingEnabled=lambda: True,
            temporaryPath=tempfile.gettempdir(),
            processEvents=lambda: None,
            majorVersion=5,
            minorVersion=12,
        )


@contextmanager
def opened_again(folder: Path, *nodes: Any) -> Iterator[Any]:
    """The scene saved as a bundle in a folder, and opened as another one, which is the scene inside the block."""
    for one in nodes:
        one.AddDefaultStorageNode()
    assert slicer.mrmlScene.WriteToMRB(str(folder / "case.mrb"), None)
    with zipfile.ZipFile(folder / "case.mrb") as bundle:
        bundle.extractall(folder)
    (description,) = folder.rglob("*.mrml")
    other = Slicer()
    other.install()
    try:
        other.scene.SetURL(str(description))
        other.scene.SetRootDirectory(str(description.parent))
        assert other.scene.Import(None)
        yield other.scene
    finally:
        the_slicer()


_THE_SLICER: list[Slicer] = []


def the_slicer() -> Slicer:
    """The one scene of this process, made at the first call and emptied at every call."""
    if not _THE_SLICER:
        _THE_SLICER.append(Slicer())
    one = _THE_SLICER[0]
    one.scene.Clear(False)
    one.install()
    return one

"""A Slicer without its window: real MRML and logics, Qt offscreen, stand-ins for the Python names the wheel lacks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import mrml_widgets
import qt
import slicer
from slicer_scene import the_slicer

_SLICER_PYTHON = str(Path(__file__).resolve().parent / "slicer_python")


def start():
    """An empty scene and a running Qt, as after Slicer's start. Returns the scene."""
    if _SLICER_PYTHON not in slicer.__path__:
        slicer.__path__.append(_SLICER_PYTHON)
        mrml_widgets.install()
    application = qt.QApplication.instance() or qt.QApplication([sys.argv[0]])
    one = the_slicer()
    slicer.app.processEvents = application.processEvents
    return one.scene


def module_parent(path):
    """Follows Base/QTGUI/qSlicerScriptedLoadableModule.cxx: what a module class fills in."""
    return SimpleNamespace(path=str(path))


class ModulePanel:
    """What Slicer does with a module's widget: makes it, enters it, leaves it, cleans it up."""

    def __init__(self, widget_class):
        self.parent = slicer.qMRMLWidget()
        self.parent.setLayout(qt.QtWidgets.QVBoxLayout())
        self.parent.setMRMLScene(slicer.mrmlScene)
        self.widget = widget_class(self.parent)
        self.widget.setup()
        self.parent.show()

    def enter(self):
        self.parent.isEntered = True
        self.widget.enter()

    def exit(self):
        self.parent.isEntered = False
        self.widget.exit()

    def close(self):
        self.widget.cleanup()
        for selector in self.parent.findChildren(mrml_widgets.qMRMLNodeComboBox):
            selector.setMRMLScene(None)
        self.parent.close()
        self.parent.deleteLater()
        qt.QApplication.instance().processEvents()

"""A Slicer without its window: real MRML and logics, Qt offscreen, stand-ins for the Python names the wheel lacks."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import mrml_widgets
import qt
import slicer
from slicer_scene import the_slicer


class _Settings(dict):
    """Follows Qt's QSettings, in memory: what one test keeps is gone in the next process."""

    def value(self, key, default=None):
        return self.get(key, default)

    def setValue(self, key, value):
        self[key] = value

    def remove(self, key):
        self.pop(key, None)

    def contains(self, key):
        return key in self

    def sync(self):
        pass


_SETTINGS = _Settings()
ON_START = []
"""What was connected to the application's `startupCompleted()`."""


def start():
    """An empty scene and a running Qt, as after Slicer's start. Returns the scene."""
    mrml_widgets.install()
    qt.QApplication.instance() or qt.QApplication([sys.argv[0]])
    one = the_slicer()
    _SETTINGS.clear()
    complete_application()
    return one.scene


def complete_application():
    """What `slicer.app` has beyond a scene's own parts; again when another scene was installed."""
    slicer.app.processEvents = qt.QApplication.instance().processEvents
    slicer.app.userSettings = lambda: _SETTINGS
    slicer.app.connect = lambda signal, slot: ON_START.append(slot) if signal == "startupCompleted()" else None


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

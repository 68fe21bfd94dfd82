"""Stand-in for PythonQt's `qt` on PySide6: the same names, and the two habits of PythonQt that the panel uses.

Follows Slicer's PythonQt (github.com/commontk/PythonQt): widgets have `name`, and `connect("signal(args)", slot)`.
"""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from PySide6.QtCore import QFile, Qt

__all__ = ["QApplication", "QFile", "QIcon", "QTimer", "QUiLoader", "QWidget", "Qt"]

QApplication = QtWidgets.QApplication
QIcon = QtGui.QIcon


class PythonQt:
    """What PythonQt adds to every QObject."""

    def __init_subclass__(cls):
        super().__init_subclass__()
        cls.connect, cls.disconnect = PythonQt.connect, PythonQt.disconnect  # else PySide's own are found first

    @property
    def name(self):
        return self.objectName()

    def connect(self, signal, slot):
        getattr(self, signal.partition("(")[0]).connect(slot)

    def disconnect(self, signal, slot):
        getattr(self, signal.partition("(")[0]).disconnect(slot)


class QTimer(PythonQt, QtCore.QTimer):
    pass


class QWidget(PythonQt, QtWidgets.QWidget):
    pass


class QLabel(PythonQt, QtWidgets.QLabel):
    pass


class QPushButton(PythonQt, QtWidgets.QPushButton):
    pass


class QComboBox(PythonQt, QtWidgets.QComboBox):
    pass


class QProgressBar(PythonQt, QtWidgets.QProgressBar):
    pass


CUSTOM_WIDGETS = {}
"""qMRML and ctk classes by name; filled by `mrml_widgets`."""


class QUiLoader(QtUiTools.QUiLoader):
    """Loads the real .ui file, with the classes of this file and of `CUSTOM_WIDGETS`."""

    def createWidget(self, class_name, parent=None, name=""):
        kind = CUSTOM_WIDGETS.get(class_name) or globals().get(class_name)
        if kind is None:
            raise RuntimeError(f"The .ui file uses {class_name}, for which there is no stand-in.")
        widget = kind(parent)
        widget.setObjectName(name)
        return widget

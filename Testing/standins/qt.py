"""Stand-in for PythonQt's `qt` on PySide6: the same names, and the habits of PythonQt that the panel uses.

Follows Slicer's PythonQt (github.com/commontk/PythonQt): widgets have `name`, and `connect("signal(args)", slot)`;
a file dialog gives its path alone.
"""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from PySide6.QtCore import QFile, Qt

__all__ = ["CUSTOM_WIDGETS", "QApplication", "QFile", "QIcon", "QKeySequence", "QTableWidgetItem", "QUiLoader", "Qt"]

QApplication = QtWidgets.QApplication
QIcon = QtGui.QIcon
QKeySequence = QtGui.QKeySequence
QTableWidgetItem = QtWidgets.QTableWidgetItem


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


class QFileDialog(QtWidgets.QFileDialog):
    @staticmethod
    def getSaveFileName(*args):
        return QtWidgets.QFileDialog.getSaveFileName(*args)[0]

    @staticmethod
    def getOpenFileName(*args):
        return QtWidgets.QFileDialog.getOpenFileName(*args)[0]


_MORE_NAMES = {"QTimer": QtCore.QTimer, "QShortcut": QtGui.QShortcut} | {
    name: getattr(QtWidgets, name)
    for name in (
        "QCheckBox", "QComboBox", "QDialog", "QFrame", "QLabel", "QLineEdit", "QPlainTextEdit", "QProgressBar",
        "QPushButton", "QTableWidget", "QToolButton", "QVBoxLayout", "QWidget",
    )
}  # fmt: skip
for _name, _kind in _MORE_NAMES.items():
    globals()[_name] = type(_name, (PythonQt, _kind), {})

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


# PythonQt calls a dialog's loop as Qt for Python did once.
globals()["QDialog"].exec_ = lambda self: self.exec()

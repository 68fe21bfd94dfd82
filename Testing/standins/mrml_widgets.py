"""Stand-ins for the qMRML widgets of the panel's .ui file."""

from __future__ import annotations

import qt
import slicer
from PySide6 import QtCore, QtWidgets


class qMRMLWidget(qt.QWidget):
    """Follows Libs/MRML/Widgets/qMRMLWidget.h, and `isEntered` of Base/QTGUI/qSlicerAbstractModuleWidget.h."""

    isEntered = False

    def setMRMLScene(self, scene):
        self.scene = scene


class qMRMLNodeComboBox(qt.PythonQt, QtWidgets.QComboBox):
    """Follows Libs/MRML/Widgets/qMRMLNodeComboBox.h: lists the scene's nodes of its types, none first."""

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._tags, self._nodes = None, [], [None]
        self.currentIndexChanged.connect(lambda index: self.currentNodeChanged.emit(self.currentNode()))

    def setMRMLScene(self, scene):
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent):
                self._tags.append(scene.AddObserver(event, lambda caller, event: self._fill()))
            self._fill()

    def currentNode(self):
        return self._nodes[self.currentIndex()] if 0 <= self.currentIndex() < len(self._nodes) else None

    def setCurrentNode(self, node):
        self.setCurrentIndex(self._nodes.index(node))

    def _fill(self):
        before = self.currentNode()
        self.blockSignals(True)
        nodes = [self._scene.GetNthNode(n) for n in range(self._scene.GetNumberOfNodes())]
        types = self.property("nodeTypes") or []
        children = self.property("showChildNodeTypes")
        self._nodes = [None] + [
            node for node in nodes if any(node.IsA(t) if children else node.GetClassName() == t for t in types)
        ]
        self.clear()
        self.addItems([node.GetName() if node else self.property("noneDisplay") or "None" for node in self._nodes])
        self.setCurrentIndex(self._nodes.index(before) if before in self._nodes else 0)
        self.blockSignals(False)
        if self.currentNode() is not before:
            self.currentNodeChanged.emit(self.currentNode())


def install():
    for kind in (qMRMLWidget, qMRMLNodeComboBox):
        qt.CUSTOM_WIDGETS[kind.__name__] = kind
        setattr(slicer, kind.__name__, kind)

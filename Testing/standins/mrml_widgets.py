"""Stand-ins for the qMRML and ctk widgets of the panel."""

from __future__ import annotations

import ctk_widgets
import qt
import slicer
from PySide6 import QtCore, QtGui, QtWidgets


class qMRMLWidget(qt.QWidget):
    """Follows Libs/MRML/Widgets/qMRMLWidget.h, and `isEntered` of Base/QTGUI/qSlicerAbstractModuleWidget.h."""

    isEntered = False

    def setMRMLScene(self, scene):
        self.scene = scene


class qMRMLNodeComboBox(qt.PythonQt, QtWidgets.QComboBox):
    """Follows Libs/MRML/Widgets/qMRMLNodeComboBox.h: lists the scene's nodes of its types, none first.

    As with qMRMLSceneModel.cxx, what is imported is listed when the import has ended; a node that is not listed cannot
    be chosen.
    """

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._tags, self._nodes = None, [], [None]
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        self.currentIndexChanged.connect(lambda index: self.currentNodeChanged.emit(self.currentNode()))

    def setMRMLScene(self, scene):
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._tags.append(scene.AddObserver(event, lambda caller, event: self._fill()))
            self._fill()

    def currentNode(self):
        return self._nodes[self.currentIndex()] if 0 <= self.currentIndex() < len(self._nodes) else None

    def setCurrentNode(self, node):
        if node not in self._nodes:
            self._fill()
        self.setCurrentIndex(self._nodes.index(node) if node in self._nodes else 0)

    def _fill(self):
        if self._scene.IsImporting():
            return
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


class qMRMLSegmentsTableView(qt.PythonQt, QtWidgets.QTableWidget):
    """Follows Modules/Loadable/Segmentations/Widgets/qMRMLSegmentsTableView.h: eye, color and name of each segment."""

    def __init__(self, parent=None):
        super().__init__(0, 3, parent)
        self._node, self._tags = None, []
        self.setHorizontalHeaderLabels(["", "", "Name"])
        self.verticalHeader().setVisible(False)
        self.horizontalHeader().setStretchLastSection(True)
        self.setEditTriggers(QtWidgets.QAbstractItemView.NoEditTriggers)
        self.itemClicked.connect(self._toggle)

    def setMRMLScene(self, scene):
        pass

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node):
        for tag in self._tags:
            self._node.GetSegmentation().RemoveObserver(tag)
        self._node, self._tags = node, []
        if node is not None:
            kinds = slicer.vtkSegmentation
            for event in (kinds.SegmentAdded, kinds.SegmentRemoved, kinds.SegmentModified):
                self._tags.append(node.GetSegmentation().AddObserver(event, lambda *_: self._fill()))
        self._fill()

    def _fill(self):
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        ids = list(segmentation.GetSegmentIDs()) if segmentation else []
        self.setRowCount(len(ids))
        for row, segment_id in enumerate(ids):
            segment, display = segmentation.GetSegment(segment_id), self._node.GetDisplayNode()
            eye = QtWidgets.QTableWidgetItem("●" if display and display.GetSegmentVisibility(segment_id) else "○")
            eye.setData(QtCore.Qt.UserRole, segment_id)
            color = QtWidgets.QTableWidgetItem()
            color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            for column, item in enumerate((eye, color, QtWidgets.QTableWidgetItem(segment.GetName()))):
                self.setItem(row, column, item)
        self.setColumnWidth(0, 26)
        self.setColumnWidth(1, 26)

    def _toggle(self, item):
        if item.column() == 0:
            segment_id, display = item.data(QtCore.Qt.UserRole), self._node.GetDisplayNode()
            display.SetSegmentVisibility(segment_id, not display.GetSegmentVisibility(segment_id))
            self._fill()


class qMRMLSegmentationShow3DButton(qt.QPushButton):
    """Follows Modules/Loadable/Segmentations/Widgets/qMRMLSegmentationShow3DButton.cxx: makes or drops surfaces."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = None
        self.setCheckable(True)
        self.toggled.connect(self._toggled)

    def setSegmentationNode(self, node):
        self._node = node
        self.blockSignals(True)
        shown = node is not None and node.GetSegmentation().ContainsRepresentation("Closed surface")
        self.setChecked(shown)
        self.setEnabled(node is not None)
        self.blockSignals(False)

    def _toggled(self, on):
        if on:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.RemoveClosedSurfaceRepresentation()


class qMRMLSegmentEditorWidget(qt.QWidget):
    """Follows Modules/Loadable/Segmentations/Widgets/qMRMLSegmentEditorWidget.h: what the panel sets, and undo by the
    real `vtkSlicerSegmentEditorLogic`. No effects: tests change segments as effects do, through that logic.

    Methods are only what is a slot or Q_INVOKABLE there: PythonQt knows no others, and sets a property whose setter is
    neither as an attribute (`unorderedEffectsVisible`).
    """

    unorderedEffectsVisible = True

    def __init__(self, parent=None):
        super().__init__(parent)
        self.editorNode = self.activeEffectName = None
        self.hasViewObservations = self.hasShortcuts = False
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.shown = {}
        layout = QtWidgets.QVBoxLayout(self)
        self._label = QtWidgets.QLabel("Segment Editor")
        self._label.setFrameStyle(QtWidgets.QFrame.StyledPanel)
        self._label.setMinimumHeight(60)
        layout.addWidget(self._label)

    def setMRMLScene(self, scene):
        self.logic.SetMRMLScene(scene)

    def setMRMLSegmentEditorNode(self, node):
        self.editorNode = node
        self.logic.SetSegmentEditorNode(node)

    def mrmlSegmentEditorNode(self):
        return self.editorNode

    def setSegmentationNode(self, node):
        if self.editorNode is not None:
            self.editorNode.SetAndObserveSegmentationNode(node)
        self._label.setText(f"Segment Editor: {node.GetName()}" if node else "Segment Editor")

    def segmentationNode(self):
        return self.editorNode.GetSegmentationNode() if self.editorNode is not None else None

    def setSourceVolumeNode(self, node):
        if self.editorNode is not None:
            self.editorNode.SetAndObserveSourceVolumeNode(node)

    def setMaximumNumberOfUndoStates(self, count):
        self.logic.SetMaximumNumberOfUndoStates(count)

    def saveStateForUndo(self):
        self.logic.SaveStateForUndo()

    def undo(self):
        self.logic.Undo()

    def setActiveEffectByName(self, name):
        self.activeEffectName = name

    def setupViewObservations(self):
        self.hasViewObservations = True

    def removeViewObservations(self):
        self.hasViewObservations = False

    def installKeyboardShortcuts(self, parent=None):
        self.hasShortcuts = True

    def uninstallKeyboardShortcuts(self):
        self.hasShortcuts = False

    def setEffectNameOrder(self, names):
        self.shown["effects"] = list(names)

    def setSegmentationNodeSelectorVisible(self, visible):
        self.shown["segmentation selector"] = visible

    def setSourceVolumeNodeSelectorVisible(self, visible):
        self.shown["source volume selector"] = visible

    def setSwitchToSegmentationsButtonVisible(self, visible):
        self.shown["switch button"] = visible


def install():
    for kind in (
        qMRMLWidget,
        qMRMLNodeComboBox,
        qMRMLSegmentsTableView,
        qMRMLSegmentationShow3DButton,
        qMRMLSegmentEditorWidget,
    ):
        qt.CUSTOM_WIDGETS[kind.__name__] = kind
        setattr(slicer, kind.__name__, kind)
    qt.CUSTOM_WIDGETS["ctkCollapsibleButton"] = ctk_widgets.ctkCollapsibleButton

"""Stand-ins for the CTK widgets of the panel."""

from __future__ import annotations

import qt
from PySide6 import QtCore, QtGui, QtWidgets

_HEADER_PX = 26


class ctkCollapsibleButton(qt.PythonQt, QtWidgets.QAbstractButton):
    """Follows CTK's Libs/Widgets/ctkCollapsibleButton.h: a header that shows or hides what lies in it."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = False
        self.setFocusPolicy(QtCore.Qt.StrongFocus)
        self.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Preferred)
        self.clicked.connect(lambda: self.setCollapsed(not self._collapsed))

    def _is_collapsed(self):
        return self._collapsed

    def setCollapsed(self, collapsed):
        changed, self._collapsed = collapsed != self._collapsed, collapsed
        self._apply()
        if changed:
            self.contentsCollapsed.emit(collapsed)

    collapsed = QtCore.Property(bool, _is_collapsed, setCollapsed)

    def event(self, event):
        if event.type() in (QtCore.QEvent.Polish, QtCore.QEvent.Show):
            self._apply()
        return super().event(event)

    def hitButton(self, position):
        return position.y() < _HEADER_PX

    def sizeHint(self):
        size = self.layout().sizeHint() if self.layout() and not self._collapsed else QtCore.QSize(100, 0)
        return QtCore.QSize(size.width(), size.height() if not self._collapsed else _HEADER_PX)

    def minimumSizeHint(self):
        return self.sizeHint()

    def paintEvent(self, event):
        painter = QtGui.QPainter(self)
        palette = self.palette()
        painter.fillRect(0, 0, self.width(), _HEADER_PX, palette.color(QtGui.QPalette.Button))
        painter.setPen(palette.color(QtGui.QPalette.Mid))
        painter.drawRect(0, 0, self.width() - 1, self.height() - 1)
        painter.setPen(palette.color(QtGui.QPalette.ButtonText))
        arrow = "▸" if self._collapsed else "▾"
        painter.drawText(8, 0, self.width(), _HEADER_PX, QtCore.Qt.AlignVCenter, f"{arrow}  {self.text()}")

    def _apply(self):
        if self.layout() is not None:
            self.layout().setContentsMargins(9, _HEADER_PX + 6, 9, 6)
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                hidden = child.property("hiddenByCollapse")
                if self._collapsed and not child.isHidden():
                    child.setProperty("hiddenByCollapse", True)
                    child.hide()
                elif not self._collapsed and hidden:
                    child.setProperty("hiddenByCollapse", False)
                    child.show()
        self.setMaximumHeight(_HEADER_PX if self._collapsed else 16777215)
        self.updateGeometry()

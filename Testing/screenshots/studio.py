"""A Slicer window without Slicer's window: the module's panel beside four views, drawn into one picture.

The panel is the real one on the stand-ins of `Testing/standins`; the views are drawn by Slicer's own displayable
managers. What Slicer itself adds (menus, tool bars, controller bars) is left out.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

_TESTING = Path(__file__).resolve().parent.parent
_FOLDERS = (_TESTING / "standins", _TESTING / "screenshots", _TESTING.parent / "KidneyTumorSeg")
sys.path[:0] = [str(folder) for folder in _FOLDERS]

import slicer_application  # noqa: E402
from PySide6 import QtCore, QtGui, QtWidgets  # noqa: E402
from views import SLICE_VIEWS, THREE_D_COLOR, SliceView, ThreeDView  # noqa: E402

LEAST = QtCore.QSize(1600, 940)
"""The window's size; higher where the panel is, as if a user had made it so."""
_PANEL_WIDTH, _BAR, _GAP = 470, 16, 3
_WAIT_S = 900.0
_NOISE_HU = 4.0
"""Little: noise makes the pictures' files large."""

_DARK = {
    "Window": "#323232", "WindowText": "#f0f0f0", "Base": "#232323", "AlternateBase": "#2d2d2d", "Text": "#f0f0f0",
    "Button": "#3c3c3c", "ButtonText": "#f0f0f0", "ToolTipBase": "#3c3c3c", "ToolTipText": "#f0f0f0",
    "Highlight": "#4a80b0", "HighlightedText": "#ffffff", "Link": "#7db4e8", "PlaceholderText": "#9a9a9a",
    "Light": "#5a5a5a", "Midlight": "#4a4a4a", "Mid": "#2a2a2a", "Dark": "#1e1e1e", "Shadow": "#101010",
}  # fmt: skip
_LIGHT = {
    "Window": "#f0f0f0", "WindowText": "#101010", "Base": "#ffffff", "AlternateBase": "#f6f6f6", "Text": "#101010",
    "Button": "#f0f0f0", "ButtonText": "#101010", "Highlight": "#3878b8", "HighlightedText": "#ffffff",
}  # fmt: skip


def start_qt(dark: bool) -> None:
    """Qt offscreen, in one of Slicer's two styles, with letters on machines that have no fonts."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    application.setStyle("Fusion")
    palette = QtGui.QPalette(application.style().standardPalette())
    for name, color in (_DARK if dark else _LIGHT).items():
        palette.setColor(getattr(QtGui.QPalette.ColorRole, name), QtGui.QColor(color))
    for name in ("WindowText", "Text", "ButtonText"):
        role = getattr(QtGui.QPalette.ColorRole, name)
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, role, QtGui.QColor("#808080" if dark else "#a0a0a0"))
    application.setPalette(palette)
    if not QtGui.QFontDatabase.families():
        from matplotlib import get_data_path

        for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
            QtGui.QFontDatabase.addApplicationFont(str(Path(get_data_path()) / "fonts" / "ttf" / name))
    application.setFont(QtGui.QFont("DejaVu Sans", 9))


class Studio:
    """One scene with the panel and the four views of Slicer's usual layout.

    Args:
        dark: Slicer's dark style.

    Attributes:
        scene: the MRML scene.
        ct: what is in the background of the views; None at first.
        panel: the module's panel, None until `open_panel`.
    """

    def __init__(self, dark: bool = False) -> None:
        start_qt(dark)
        self.scene = slicer_application.start()
        self.module = importlib.import_module("KidneyTumorSeg")
        self.ct: Any = None
        self.panel: Any = None
        self._ratio = QtWidgets.QApplication.primaryScreen().devicePixelRatio()
        self._slices: dict[str, SliceView] = {}
        self._three_d: list[ThreeDView] = []
        self._place = QtCore.QRect()
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load_phantom(self, phantom: Any = None) -> Any:
        """A phantom as a CT in the scene.

        Args:
            phantom: None: the standard one.
        """
        from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

        volume, _ = (phantom or standard_phantom()).scan(phantom_grid((1.2, 1.2, 2.5)), _NOISE_HU)
        return self.load(volume, "CT abdomen")

    def load(self, volume: Any, name: str) -> Any:
        """A `Volume` as a CT in the scene; it will be shown in the slice views."""
        from KidneyTumorSegLib.scene.volume_node import volume_to_node

        self.ct = volume_to_node(volume, name)
        return self.ct

    def open_panel(self, work: str, missing: tuple[str, ...] = ()) -> Any:
        """Open the module's panel, and the views beside it.

        Args:
            work: what its runs do, `module:function`.
            missing: Python packages that it shall believe to be missing.
        """
        import slicer

        from KidneyTumorSegLib.gui import packages
        from KidneyTumorSegLib.scene.fallback_runner import FallbackRunner
        from KidneyTumorSegLib.scene.process_runner import ProcessRunner

        runner = FallbackRunner(work, slicer.app.processEvents, ProcessRunner(work, _FOLDERS))
        logic = self.module.KidneyTumorSegLogic(work, runner)
        self.replace(packages, "has_code", lambda name: name not in missing)
        self.replace(self.module, "KidneyTumorSegLogic", lambda: logic)
        self.panel = slicer_application.ModulePanel(self.module.KidneyTumorSegWidget)
        self.panel.enter()
        self._open_views()
        if not missing:
            self.wait(lambda: logic.runner.runs_on is not None)
        return self.panel.widget

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Put something else in the place of an attribute, until the studio is closed."""
        self._patches.enter_context(patch.object(owner, name, value))

    def run(self) -> None:
        """Click Segment and wait for the result."""
        self.panel.widget.ui.segmentButton.click()
        self.wait(lambda: not self.panel.widget.logic.isRunning)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let Qt's events and timers run until a condition holds."""
        end = time.monotonic() + _WAIT_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("The picture's state did not come about.")
            QtWidgets.QApplication.processEvents()
            time.sleep(0.01)

    def look_at(self, position_ras: Any, field_of_view_mm: float | None = None) -> None:
        """Move all slices to a point."""
        for view in self._slices.values():
            view.jump(position_ras, field_of_view_mm)

    def picture(self, dialog: Any = None) -> QtGui.QImage:
        """The window as it is now.

        Args:
            dialog: a widget shown over its middle.
        """
        for _ in range(3):
            QtWidgets.QApplication.processEvents()
        panel = self._lay_out()
        for view in (*self._slices.values(), *self._three_d):
            view.resize(self._view_size_px())
        self._three_d[0].fit(1.1)
        size = QtCore.QSize(LEAST.width(), panel.height())
        image = QtGui.QImage(size * self._ratio, QtGui.QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(self._ratio)
        image.fill(QtWidgets.QApplication.palette().color(QtGui.QPalette.ColorRole.Window))
        painter = QtGui.QPainter(image)
        painter.drawPixmap(0, 0, self.panel.parent.grab())
        self._draw_views(painter)
        if dialog is not None:
            _draw_dialog(painter, dialog, size)
        painter.end()
        return image

    def close(self) -> None:
        """End the panel's worker and give the views back."""
        if self.panel is not None:
            self.panel.close()
        for view in (*self._slices.values(), *self._three_d):
            view.close()
        self._patches.close()

    def _lay_out(self) -> QtCore.QSize:
        """Give the panel the room that it wants, and the rest to four views."""
        widget = self.panel.parent
        widget.resize(_PANEL_WIDTH, LEAST.height())
        QtWidgets.QApplication.processEvents()
        least = widget.minimumSizeHint()
        width = max(_PANEL_WIDTH, least.width())
        wanted = widget.heightForWidth(width) if widget.hasHeightForWidth() else widget.sizeHint().height()
        panel = QtCore.QSize(width, max(wanted, least.height(), LEAST.height()))
        widget.resize(panel)
        QtWidgets.QApplication.processEvents()
        view_width = (LEAST.width() - panel.width() - 3 * _GAP) // 2
        self._place = QtCore.QRect(panel.width() + _GAP, _GAP, view_width, (panel.height() - 3 * _GAP) // 2 - _BAR)
        return panel

    def _view_size_px(self) -> tuple[int, int]:
        return round(self._place.width() * self._ratio), round(self._place.height() * self._ratio)

    def _open_views(self) -> None:
        """Slicer's four views, with the CT in the slices."""
        self._lay_out()
        self._slices = {name: SliceView(name, self._view_size_px()) for name in SLICE_VIEWS}
        self._three_d = [ThreeDView(self._view_size_px())]
        if self.ct is not None:
            for view in self._slices.values():
                view.show(self.ct)

    def _draw_views(self, painter: QtGui.QPainter) -> None:
        size = self._place.size()
        places = {"Red": (0, 0), "3D": (1, 0), "Green": (0, 1), "Yellow": (1, 1)}
        for name, (column, row) in places.items():
            left = self._place.left() + column * (size.width() + _GAP)
            top = self._place.top() + row * (size.height() + _BAR + _GAP)
            bar = QtCore.QRect(left, top, size.width(), _BAR)
            color, text = self._title(name)
            painter.fillRect(bar, QtGui.QColor(*color))
            painter.setPen(QtGui.QColor("black"))
            painter.drawText(bar.adjusted(6, 0, -6, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, text)
            array = (self._three_d[0] if name == "3D" else self._slices[name]).picture()
            height, width, _ = array.shape
            view = QtGui.QImage(array.data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888)
            view.setDevicePixelRatio(self._ratio)
            painter.drawImage(left, top + _BAR, view)

    def _title(self, name: str) -> tuple[tuple[int, int, int], str]:
        """Color and text of a view's bar, as Slicer's: the direction and place of the slice."""
        if name == "3D":
            return THREE_D_COLOR, "1"
        letters = {"Red": ("I", "S"), "Green": ("P", "A"), "Yellow": ("L", "R")}[name]
        offset = self._slices[name].logic.GetSliceOffset()
        if name == "Yellow":
            offset = -offset if self._slices[name].node.GetSliceToRAS().GetElement(0, 2) < 0 else offset
        return SLICE_VIEWS[name].color, f"{name[0]}    {letters[offset >= 0]}: {abs(offset):.1f} mm"


def _draw_dialog(painter: QtGui.QPainter, dialog: Any, window: QtCore.QSize) -> None:
    """A dialog over the dimmed window, with a title bar."""
    dialog.show()
    QtWidgets.QApplication.processEvents()
    pixmap = dialog.grab()
    size = pixmap.deviceIndependentSize().toSize()
    painter.fillRect(QtCore.QRect(QtCore.QPoint(0, 0), window), QtGui.QColor(0, 0, 0, 90))
    left, top = (window.width() - size.width()) // 2, (window.height() - size.height()) // 3
    painter.fillRect(QtCore.QRect(left - 1, top - 27, size.width() + 2, size.height() + 28), QtGui.QColor("#5a6b7c"))
    painter.setPen(QtGui.QColor("white"))
    painter.drawText(left + 8, top - 9, dialog.windowTitle())
    painter.drawPixmap(left, top, pixmap)

"""The panel for everybody: without a mouse, with large letters, in the dark style."""

from __future__ import annotations

import re

import pytest

from KidneyTumorSegLib.resources import resource

UI_FILES = sorted(resource("UI").glob("*.ui"))


@pytest.fixture
def open_panel(panel_of, ct, wait_for):
    """The panel with a result, all sections open, as tall as it wants to be."""
    from ctk_widgets import ctkCollapsibleButton

    panel = panel_of("truth")
    panel.widget.ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)
    for section in panel.parent.findChildren(ctkCollapsibleButton):
        section.setCollapsed(False)
    return panel


def lay_out(panel, width=480):
    import qt

    for _ in range(3):
        least = panel.parent.minimumSizeHint()
        height = max(panel.parent.heightForWidth(width), panel.parent.sizeHint().height(), least.height())
        panel.parent.resize(max(width, least.width()), height)
        qt.QApplication.instance().processEvents()


def controls(panel):
    """What a user can click or type into, and sees now."""
    from PySide6 import QtWidgets

    kinds = (QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QTableView)
    found = [w for kind in kinds for w in panel.parent.findChildren(kind)]
    ours = set(vars(panel.widget.ui).values())
    return [w for w in found if w in ours and w.isVisible()]


def test_everything_can_be_reached_with_the_tab_key(open_panel):
    from PySide6.QtCore import Qt

    reached = controls(open_panel)
    assert len(reached) > 20
    assert not [w.objectName() for w in reached if not w.focusPolicy() & Qt.FocusPolicy.TabFocus]


def test_every_control_says_what_it_does(open_panel):
    from ctk_widgets import ctkCollapsibleButton

    silent = [w.objectName() for w in controls(open_panel) if not w.toolTip()]
    of_slicer = {"segmentsTable"}  # its cells speak for themselves
    assert set(silent) <= of_slicer | {w.objectName() for w in open_panel.parent.findChildren(ctkCollapsibleButton)}


def test_no_letter_is_a_shortcut_twice(open_panel):
    from PySide6 import QtWidgets

    labels = open_panel.parent.findChildren(QtWidgets.QLabel)
    letters = [found[1].lower() for w in labels if w.buddy() and (found := re.search(r"&(\w)", w.text()))]
    assert letters
    assert len(letters) == len(set(letters))


@pytest.mark.parametrize("times", [1.0, 1.5])
def test_no_text_is_cut_off_however_large_the_letters(open_panel, times):
    import qt
    from PySide6 import QtWidgets

    application = qt.QApplication.instance()
    before = application.font()
    larger = application.font()
    larger.setPointSizeF(before.pointSizeF() * times)
    try:
        application.setFont(larger)
        lay_out(open_panel)
        cut = []
        for w in open_panel.parent.findChildren(QtWidgets.QWidget):
            if not w.isVisible() or not isinstance(w, QtWidgets.QLabel | QtWidgets.QPushButton | QtWidgets.QCheckBox):
                continue
            wraps = isinstance(w, QtWidgets.QLabel) and w.wordWrap()
            needed = w.heightForWidth(w.width()) if wraps else w.minimumSizeHint().height()
            if w.height() < needed or (not wraps and w.width() < w.minimumSizeHint().width()):
                cut.append((w.objectName(), w.size().toTuple(), w.minimumSizeHint().toTuple()))
    finally:
        application.setFont(before)
    assert not cut


@pytest.mark.parametrize("file", UI_FILES, ids=lambda file: file.name)
def test_slicers_styles_are_left_as_they_are(file):
    """A color of our own would be unreadable in one of Slicer's two styles."""
    text = file.read_text(encoding="utf-8")
    assert "styleSheet" not in text
    assert "<colorrole" not in text


def test_no_code_paints_the_panel():
    folder = resource("UI").parents[1] / "KidneyTumorSeg" / "KidneyTumorSegLib" / "gui"
    assert not [file.name for file in folder.glob("*.py") if "setStyleSheet" in file.read_text(encoding="utf-8")]

"""Sample data and bug report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _


class ToolsSection:
    """The buttons at the end of Advanced.

    Args:
        ui: the panel's widgets by name.
        attempt: runs an action; its errors become sentences in the panel.
        use: takes the volume node of sample data that was loaded.
    """

    def __init__(self, ui: Any, attempt: Callable[[Callable[[], None]], None], use: Callable[[Any], None]) -> None:
        self._ui, self._use = ui, use
        self.last_error = self.last_record = self.self_test = ""
        ui.sampleButton.connect("clicked(bool)", lambda *_: attempt(self._load_sample))
        ui.bugReportButton.connect("clicked(bool)", lambda *_: attempt(self._copy_bug_report))
        ui.toolsLabel.setVisible(False)

    def _load_sample(self) -> None:
        from ..scene.views import show_volume
        from .sample_data import load_sample

        node = load_sample()
        show_volume(node)
        self._use(node)

    def _copy_bug_report(self) -> None:
        from .bug_report import bug_report

        qt.QApplication.clipboard().setText(bug_report(self.last_record, self.self_test, self.last_error))
        self._ui.toolsLabel.setText(_("The bug report is in the clipboard. Read it, then paste it into your message."))
        self._ui.toolsLabel.setVisible(True)

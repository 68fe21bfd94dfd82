"""The one dialog of the first use: what will be installed, how big it is, where it goes; then it is done, or not."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import EnvironmentProblem
from ..resources import resource
from .installation import Outcome, carry_out
from .packages import Plan, Range, make_plan, missing
from .pending_run import remember_run
from .preflight import Check, Machine, preflight

Install = Callable[[Plan, Callable[[str], None]], Outcome]


class FirstUse:
    """Asks once, then installs. Nothing is changed before Install is clicked.

    Args:
        parent: the window above which it is shown; may be None.
        volume_node: the CT that was to be segmented: the wish is kept if Slicer must be restarted.
        look: tells the facts about this computer (replaced in tests).
        install: carries a plan out (replaced in tests).
    """

    def __init__(
        self,
        parent: Any = None,
        volume_node: Any = None,
        look: Callable[[], Machine] = Machine.here,
        install: Install = carry_out,
    ) -> None:
        self._volume_node, self._look, self._install = volume_node, look, install
        self._wheels, self._repairs, self._busy, self._again, self._done = "", False, False, False, False
        self._told: list[str] = []
        self.sentence = ""
        """How it ended, for the panel."""
        self.dialog = slicer.util.loadUI(str(resource("UI", "FirstUse.ui")))
        if parent is not None:
            self.dialog.setParent(parent, qt.Qt.Dialog)
        self.ui = slicer.util.childWidgetVariables(self.dialog)
        self.dialog.connect("rejected()", self._on_rejected)
        self.ui.installButton.connect("clicked(bool)", self._on_install)
        self.ui.folderButton.connect("clicked(bool)", self._on_folder)
        self.ui.restartButton.connect("clicked(bool)", self._on_restart)
        self.ui.continueButton.connect("clicked(bool)", self._on_continue)
        self.ui.notNowButton.connect("clicked(bool)", self._on_not_now)
        self.ui.detailsButton.connect("toggled(bool)", self._on_details)

    def run(self, repairs: bool = False) -> bool:
        """Show the dialog if something is missing or broken, and wait for its end.

        Args:
            repairs: PyTorch is removed and installed anew, even if it seems whole.

        Returns:
            Whether everything is there now and can be used without a restart.
        """
        self._repairs = repairs
        if not self.plan().parts:
            return True
        self.show_plan()
        while True:
            self._again = False
            self.dialog.exec_()
            if self._done or not self._again:
                break
        self.dialog.deleteLater()
        return self._done

    def plan(self) -> Plan:
        """What would be done now."""
        return make_plan(self._look(), self._wheels, self._repairs)

    def show_plan(self) -> None:
        """What will be installed, and what stands against it."""
        machine = self._look()
        plan = make_plan(machine, self._wheels, self._repairs)
        checks = preflight(machine, plan.has_torch)
        self.ui.partsLabel.setText(_table(plan))
        self.ui.sizeLabel.setText(plan.sentence)
        source = _("From: {wheels}").format(wheels=plan.wheels) + "\n" if plan.wheels else ""
        self.ui.whereLabel.setText(source + _("Into: {folder}").format(folder=plan.folder))
        self.ui.remarksLabel.setText("\n\n".join(_remark(check) for check in checks if not check.ok or check.remedy))
        self.ui.remarksLabel.setVisible(any(not check.ok or check.remedy for check in checks))
        self.ui.installButton.setText(_("Repair") if plan.repairs else _("Install"))
        self.ui.installButton.setEnabled(not any(check.stops for check in checks))
        self.ui.detailsText.setPlainText("")
        self.ui.detailsButton.setVisible(False)
        self.ui.detailsButton.setChecked(False)
        self.ui.detailsText.setVisible(False)
        self._show("", ask=True)

    def _on_install(self, checked: bool = False) -> None:
        self._show(_("Starting"), busy=True)
        self._told = []
        self.ui.detailsText.setPlainText("")
        self.ui.detailsButton.setVisible(True)
        slicer.app.processEvents()
        try:
            outcome = self._install(self.plan(), self._on_line)
        except EnvironmentProblem as problem:
            self._show_problem(problem)
        else:
            self._show_outcome(outcome)

    def _on_line(self, line: str) -> None:
        if line.strip():
            self._tell_details(line)
            self.ui.statusLabel.setText(in_short(line))
            slicer.app.processEvents()

    def _tell_details(self, text: str) -> None:
        """Once: what pip printed is in its error again."""
        if text not in "\n".join(self._told):
            self._told.append(text)
            self.ui.detailsText.appendPlainText(text)

    def _show_outcome(self, outcome: Outcome) -> None:
        self.sentence = outcome.sentence
        if outcome.needs_restart:
            warning = _("Save your work first: what is not saved is lost.")
            self._show("\n\n".join(part for part in (outcome.sentence, outcome.remark, warning) if part), restart=True)
        elif outcome.remark:
            self._tell_details(outcome.details)
            self._show(f"{outcome.sentence}\n\n{outcome.remark}", proceed=True)
        else:
            self._on_continue()

    def _show_problem(self, problem: EnvironmentProblem) -> None:
        """A sentence; the plan for another try is that of what is missing now."""
        self.sentence = str(problem)
        self._tell_details("\n".join(getattr(problem, "__notes__", ())))
        self._repairs = self._repairs or not missing()  # all is there, and yet it does not load
        self.ui.installButton.setText(_("Repair") if self._repairs else _("Try again"))
        self._show(str(problem), ask=True)

    def _show(
        self, text: str, busy: bool = False, ask: bool = False, restart: bool = False, proceed: bool = False
    ) -> None:
        self._busy = busy
        ui = self.ui
        ui.statusLabel.setText(text)
        ui.statusLabel.setVisible(bool(text))
        ui.progressBar.setVisible(busy)
        ui.installButton.setVisible(ask)
        ui.folderButton.setVisible(ask)
        ui.restartButton.setVisible(restart)
        ui.continueButton.setVisible(proceed)
        ui.notNowButton.setVisible(ask or restart)
        self.dialog.adjustSize()

    def _on_folder(self, checked: bool = False) -> None:
        """A folder with wheels. What is missing in it is told by pip, by name."""
        folder = qt.QFileDialog.getExistingDirectory(self.dialog, _("Folder with the packages (wheels)"))
        if folder:
            self._wheels = str(folder)
            self.show_plan()

    def _on_details(self, checked: bool) -> None:
        self.ui.detailsText.setVisible(checked)
        self.dialog.adjustSize()

    def _on_restart(self, checked: bool = False) -> None:
        remember_run(self._volume_node)
        slicer.util.restart()
        self.dialog.reject()

    def _on_continue(self, checked: bool = False) -> None:
        self._busy, self._done = False, True
        self.dialog.accept()

    def _on_not_now(self, checked: bool = False) -> None:
        self.dialog.reject()

    def _on_rejected(self) -> None:
        """Escape and the window's corner do not end an installation that is under way."""
        if self._busy:
            self._again = True
            self.dialog.show()


def in_short(line: str) -> str:
    """A line of pip for people: "Downloading torch (846.7 MB)"."""
    if found := re.search(r"Downloading \S*?([\w.]+)-\d\S*\.(?:whl|metadata)\S* \((.+?)\)", line):
        return _("Downloading {name} ({size})").format(name=found[1], size=found[2])
    if found := re.match(r"\s*Collecting ([\w.-]+)", line):
        return _("Looking for {name}").format(name=found[1])
    if line.startswith("Installing collected packages"):
        return _("Unpacking. This takes a while, and nothing seems to move.")
    return line.strip()


def _table(plan: Plan) -> str:
    """The parts as rows of a table, rich text."""
    first = [(_("PyTorch extension"), _("Slicer's own way to install PyTorch; then a restart"), "")]
    parts = [(part.name, part.purpose, _about(part.disk_mb)) for part in plan.parts]
    rows = "".join(
        f"<tr><td><b>{html.escape(name)}</b></td><td>&nbsp;&nbsp;{html.escape(purpose)}&nbsp;&nbsp;</td>"
        f"<td align='right'>{html.escape(size)}</td></tr>"
        for name, purpose, size in (first if plan.needs_extension else []) + parts
    )
    head = "<tr><td></td><td></td><td align='right'>{}</td></tr>".format(html.escape(_("on disk")))
    return f"<table cellpadding='2'>{head}{rows}</table>"


def _about(size: Range) -> str:
    if size.high >= 1000:
        return _("up to {size} GB").format(size=f"{size.high / 1000:.0f}")
    return _("up to {size} MB").format(size=round(size.high))


def _remark(check: Check) -> str:
    mark = "\N{WARNING SIGN}" if not check.ok else "\N{BULLET}"
    return f"{mark} {check.sentence} {check.remedy}".strip()

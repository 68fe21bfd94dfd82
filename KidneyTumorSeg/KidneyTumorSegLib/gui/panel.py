"""What the panel shows in each of its states. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..progress import Step

if TYPE_CHECKING:
    from ..pipeline import Result

_FULL = 1000


class Panel:
    """The widgets of `Resources/UI/KidneyTumorSeg.ui`.

    Args:
        ui: the loaded widgets by name, as `slicer.util.childWidgetVariables` gives them.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        ui.progressBar.setRange(0, _FULL)
        ui.progressBar.setVisible(False)
        ui.installButton.setVisible(False)
        self._shows_missing = False
        self.clear()

    def show_ready(self, reason_not: str = "") -> None:
        """Waiting for a click on Segment.

        Args:
            reason_not: why it cannot be clicked; empty if it can.
        """
        self._ui.progressBar.setVisible(False)
        self._ui.inputSelector.setEnabled(True)
        self._ui.qualityBox.setEnabled(True)
        self._ui.segmentButton.setText(_("Segment"))
        self._ui.segmentButton.setEnabled(not reason_not)
        self._ui.segmentButton.setToolTip(reason_not or _("Find kidneys, tumors and cysts in the chosen CT."))

    def show_running(self) -> None:
        """A run has begun."""
        self.clear()
        self._ui.progressBar.setVisible(True)
        self._ui.progressBar.setValue(0)
        self._ui.progressBar.setFormat(_("Starting"))
        self._ui.inputSelector.setEnabled(False)
        self._ui.qualityBox.setEnabled(False)
        self._ui.segmentButton.setText(_("Cancel"))
        self._ui.segmentButton.setEnabled(True)
        self._ui.segmentButton.setToolTip(_("Stop the run. The scene stays as it was."))

    def show_step(self, step: Step) -> None:
        """Where the run is."""
        self._ui.progressBar.setValue(round(step.fraction * _FULL))
        self._ui.progressBar.setFormat(str(step))

    def show_result(self, result: Result) -> None:
        """The headline, and the warnings in words."""
        from ..measurements import headline  # SciPy comes with it, and the panel opens without

        self._say(headline(result.measurements), [f.text for f in result.findings if f.severity == "warning"])

    def show_message(self, text: str, details: str = "") -> None:
        """A sentence: why there is no result."""
        self._say("", [text] if text else (), details)

    def clear(self) -> None:
        """No headline and no sentences: what they said is over, or was of another CT."""
        self._say("", ())

    def show_place(self, text: str) -> None:
        """Where the computation runs, if that matters to the user."""
        self._ui.stateLabel.setText(text)
        self._ui.stateLabel.setVisible(bool(text))

    def show_missing(self, sentence: str) -> None:
        """What must be installed first; an empty sentence if nothing."""
        if sentence or self._shows_missing:
            self.show_message(sentence)
        self._shows_missing = bool(sentence)
        self._ui.installButton.setVisible(self._shows_missing)

    def _say(self, headline_text: str, lines: Any, details: str = "") -> None:
        self._ui.headlineLabel.setText(headline_text)
        self._ui.headlineLabel.setVisible(bool(headline_text))
        self._ui.warningsLabel.setText("\n".join(lines))
        self._ui.warningsLabel.setToolTip(details)
        self._ui.warningsLabel.setVisible(bool(lines))

"""What the panel shows of a run in each of its states. It decides nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..progress import Step

if TYPE_CHECKING:
    from ..measurements import Measurements
    from ..pipeline import Result

_FULL = 1000
_RUN_CHOICES = (
    "inputSelector", "modelBox", "qualityBox", "deviceBox", "resultBox", "lesionSegmentsCheck", "segmentRegionButton",
    "selfTestButton", "sampleButton", "setUpButton",
)  # fmt: skip
"""What may not be changed, or begun, in the middle of a run."""
_DOUBLE_CLICK_S = 0.4


class Panel:
    """The widgets of `Resources/UI/KidneyTumorSeg.ui` that belong to a run.

    Args:
        ui: the loaded widgets by name, as `slicer.util.childWidgetVariables` gives them.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        ui.progressBar.setRange(0, _FULL)
        ui.progressBar.setVisible(False)
        ui.detailsText.setVisible(False)
        ui.detailsButton.connect("toggled(bool)", ui.detailsText.setVisible)
        self._running_since = float("-inf")
        ui.helpLabel.setText(_help())
        self.show_set_up(False)
        self.clear()

    def show_ready(self, reason_not: str = "") -> None:
        """Waiting for a click on Segment.

        Args:
            reason_not: why it cannot be clicked; empty if it can.
        """
        self._ui.progressBar.setVisible(False)
        self._let_choose(True)
        self._ui.segmentButton.setText(_("Segment"))
        self._ui.segmentButton.setEnabled(not reason_not)
        self._ui.segmentButton.setToolTip(reason_not or _("Find kidneys, tumors and cysts in the chosen CT."))

    def show_running(self) -> None:
        """A run has begun."""
        self._running_since = time.monotonic()
        self.clear()
        self._ui.progressBar.setVisible(True)
        self._ui.progressBar.setValue(0)
        self._ui.progressBar.setFormat(_("Starting"))
        self._let_choose(False)
        self._ui.segmentButton.setText(_("Cancel"))
        self._ui.segmentButton.setEnabled(True)
        self._ui.segmentButton.setToolTip(_("Stop the run. The scene stays as it was."))

    @property
    def is_double_click(self) -> bool:
        """Whether the run began so short a time ago that a click now is the second half of a double click."""
        return time.monotonic() - self._running_since < _DOUBLE_CLICK_S

    def show_step(self, step: Step) -> None:
        """Where the run is."""
        self._ui.progressBar.setValue(round(step.fraction * _FULL))
        self._ui.progressBar.setFormat(str(step))

    def show_result(self, result: Result, remarks: tuple[str, ...] = ()) -> None:
        """The headline, and the warnings in words.

        Args:
            result: of the run.
            remarks: what else the user should know, sentences, before the warnings.
        """
        from ..measurements import headline  # SciPy comes with it, and the panel opens without

        warnings = [finding.text for finding in result.findings if finding.severity == "warning"]
        self._say(headline(result.measurements), [*remarks, *warnings])

    def show_message(self, text: str, details: str = "") -> None:
        """A sentence: why there is no result, or what was done."""
        self._say("", [text] if text else (), details)

    def show_note(self, text: str) -> None:
        """A sentence on what was done to the result; its headline stays."""
        self._say(self._headline, [text])

    def show_measured(self, measurements: Measurements | None) -> None:
        """Bring the headline up to date, if one is shown; None: there is nothing any more that it could tell of."""
        from ..measurements import headline

        if self._headline:
            self._headline = headline(measurements) if measurements is not None else ""
            self._ui.headlineLabel.setText(self._headline)
            self._ui.headlineLabel.setVisible(bool(self._headline))

    def clear(self) -> None:
        """No headline and no sentences: what they said is over, or was of another CT."""
        self._say("", ())

    def show_state(self, text: str) -> None:
        """Where the computation runs, and whether it is ready."""
        self._ui.stateLabel.setText(text)
        self._ui.stateLabel.setVisible(bool(text))

    def show_set_up(self, wanted: bool) -> None:
        """Offer to install or repair."""
        self._ui.setUpButton.setVisible(wanted)

    def _let_choose(self, allowed: bool) -> None:
        for name in _RUN_CHOICES:
            getattr(self._ui, name).setEnabled(allowed)

    def _say(self, headline_text: str, lines: Any, details: str = "") -> None:
        self._headline = headline_text
        self._ui.headlineLabel.setText(headline_text)
        self._ui.headlineLabel.setVisible(bool(headline_text))
        self._ui.warningsLabel.setText("\n".join(lines))
        self._ui.warningsLabel.setVisible(bool(lines))
        self._ui.detailsText.setPlainText(details)
        self._ui.detailsButton.setChecked(False)
        self._ui.detailsButton.setVisible(bool(details))


def _help() -> str:
    """Three steps and where to read more, as rich text."""
    steps = (
        _("Load a CT of the abdomen and click Segment."),
        _("Look at each line of the review list, and correct what is wrong."),
        _("Read the measurements and save."),
    )
    more = f'<a href="{HOMEPAGE}">{_("More in the documentation")}</a>.'
    scope = _(
        "Finds kidneys, tumors and cysts in CT of the abdomen, best with contrast agent; not in MRI or ultrasound. "
        "The model's card tells its license and what it is bad at."
    )
    note = _("For research; not a medical device. The CT does not leave this computer.")
    listed = "".join(f"<li>{step}</li>" for step in steps)
    return f"<ol>{listed}</ol><p>{scope}</p><p>{more}</p><p>{note}</p>"


HOMEPAGE = "https://github.com/PLACEHOLDER/SlicerKidneyTumorSeg"
"""Of the extension, as the top CMakeLists.txt says (a test ties them)."""

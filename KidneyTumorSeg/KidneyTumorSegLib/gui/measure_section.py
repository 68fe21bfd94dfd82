"""The table of measurements: of the segmentation as it is now, AI's or corrected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from .table import as_text, fill

if TYPE_CHECKING:
    from .case import Case

Row = tuple[str, str, str]
_WORTH_A_WORD_ML = 0.1


class MeasureSection:
    """Shows, copies and saves the quantities of a case.

    Args:
        ui: the panel's widgets by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._rows: list[Row] = []
        ui.copyTableButton.connect("clicked(bool)", self.copy)
        self.show(None)

    def show(self, case: Case | None) -> None:
        """The numbers of a case; None: there is none."""
        self._rows = rows_of(case) if case is not None else []
        fill(self._ui.measureTable, _header(), self._rows, numbers=(1,))
        self._ui.measureLabel.setText(note_of(case))
        for widget in (self._ui.copyTableButton, self._ui.saveTableButton):
            widget.setEnabled(bool(self._rows))

    def copy(self, checked: bool = False) -> None:
        """The table to the clipboard, columns parted by tabs."""
        qt.QApplication.clipboard().setText(as_text(_header(), self._rows))

    def save(self, path: Path) -> None:
        """The table as .csv.

        Raises:
            InputError: the file cannot be written there.
        """
        import csv

        from ..export.atomic import atomic_write

        with atomic_write(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows([_header(), *self._rows])


def rows_of(case: Case) -> list[Row]:
    """Name, value and unit: the quantities, then each lesion."""
    from ..measurements.quantities import format_value

    rows = [
        (it.title, format_value(it.value), it.unit) if it.value is not None else (it.title, _("not known"), it.reason)
        for it in case.measurements.quantities
    ]
    for lesion in case.measurements.lesions:
        rows.append((_("{lesion}, volume").format(lesion=lesion.title), format_value(lesion.volume_ml), "mL"))
        rows.append((_("{lesion}, diameter").format(lesion=lesion.title), format_value(lesion.diameter_mm), "mm"))
    return rows


def note_of(case: Case | None) -> str:
    """Whether the numbers are the AI's or of an edited segmentation, and what left and right were told by."""
    from ..measurements.quantities import format_value

    if case is None:
        return _("Segment a CT, or choose a segmentation under Result.")
    if not case.from_model:
        drawn = _("The model drew none of these segments, as far as is known.")
    elif case.edited:
        names = ", ".join(case.edited)
        drawn = _("Edited by hand: {names}. The numbers are of the edited segmentation.").format(names=names)
    else:
        drawn = _("As the model drew it; nothing was edited by hand.")
    sentences = [drawn, case.measurements.sides_note]
    if case.outside_ml >= _WORTH_A_WORD_ML:
        text = _("{volume} mL lie outside of '{scan}' and are not counted.")
        outside = format_value(case.outside_ml)
        sentences.append(text.format(volume=outside, scan=case.volume_node.GetName()))
    return " ".join(sentences)


def _header() -> Row:
    return _("Measurement"), _("Value"), _("Unit")

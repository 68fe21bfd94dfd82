"""Rows of text in a table widget, with a header; the same in PythonQt and PySide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

_RIGHT = qt.Qt.AlignRight | qt.Qt.AlignVCenter


def fill(table: Any, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """Show rows.

    Args:
        table: a QTableWidget.
        header: names of the columns.
        rows: as many texts each as there are columns.
        numbers: columns that hold numbers; they are aligned to the right.
    """
    table.blockSignals(True)
    table.setColumnCount(len(header))
    table.setHorizontalHeaderLabels(list(header))
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            if column in numbers:
                item.setTextAlignment(_RIGHT)
            table.setItem(row, column, item)
    table.verticalHeader().setVisible(False)
    table.horizontalHeader().setStretchLastSection(False)  # else the last column keeps an earlier width
    table.resizeColumnsToContents()
    table.resizeRowsToContents()
    table.horizontalHeader().setStretchLastSection(True)
    table.blockSignals(False)


def as_text(header: Sequence[str], rows: Sequence[Sequence[str]], separator: str = "\t") -> str:
    """The same rows for the clipboard or a file, one line each."""
    return "\n".join(separator.join(row) for row in (header, *rows)) + "\n"

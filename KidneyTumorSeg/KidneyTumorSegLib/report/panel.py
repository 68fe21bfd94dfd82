"""The numbers beside the views: headline, volumes with the outlines' legend, lesions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..anatomy import CYST, KIDNEY, STRUCTURES, TUMOR
from ..measurements import Lesion, Measurements, headline
from ..measurements.quantities import format_value
from .style import FAINT, TEXT, line_pattern

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DISCLAIMER = "Research use only, not a medical device"
MIN_WIDTH_PX, MIN_HEIGHT_PX = 540.0, 480.0
"""What the numbers need."""
_MAX_ENLARGED = 1.3
_SIDE_COLUMNS = (("left", 265.0), ("right", 390.0))
"""Where the numbers of each side end, from the left; the whole stands in the last column."""
_TOTAL_COLUMN = 515.0
_LINE = 27.0
_BOTTOM = 96.0
_LEFT = 14.0
_LETTER = 12.5
"""Width of a letter of the headline."""


@dataclass(frozen=True)
class _Page:
    """Axes to write on: x to the right, y down, in pixels that are `enlarged` when there is room."""

    axes: Axes
    width: float
    height: float
    enlarged: float

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        color: str | tuple[float, float, float] = TEXT,
        bold: bool = False,
        to_left: bool = False,
    ) -> None:
        """Write one line; `to_left`: it ends at x."""
        self.axes.text(
            x, y, text, fontsize=size * self.enlarged, color=color, fontweight="bold" if bold else "normal",
            ha="right" if to_left else "left", va="center", parse_math=False,
        )  # fmt: skip


def draw_panel(axes: Axes, size_px: tuple[float, float], measurements: Measurements, title: str, note: str) -> None:
    """Write the numbers into axes of this size.

    Args:
        axes: empty.
        size_px: width and height.
        measurements: what is written.
        title: the first line; may be empty.
        note: small print above the disclaimer.
    """
    enlarged = float(np.clip(min(size_px[0] / MIN_WIDTH_PX, size_px[1] / MIN_HEIGHT_PX), 1.0, _MAX_ENLARGED))
    page = _Page(axes, size_px[0] / enlarged, size_px[1] / enlarged, enlarged)
    axes.set_axis_off()
    axes.set_xlim(0, page.width)
    axes.set_ylim(page.height, 0)
    y = 14.0
    if title:
        page.text(_LEFT, y, _shortened(title, 60), size=11, color=FAINT)
        y += 34
    for line in _wrapped(headline(measurements), page.width):
        page.text(_LEFT, y, line, size=15, bold=True)
        y += 30
    y = _write_volumes(page, y + 16, measurements)
    _write_lesions(page, y + 16, page.height - _BOTTOM, measurements.lesions)
    if measurements.sides_note and "two kidneys" not in measurements.sides_note:
        page.text(_LEFT, page.height - 60, measurements.sides_note, size=9, color=TEXT)
    page.text(_LEFT, page.height - 38, note, size=9, color=FAINT)
    page.text(_LEFT, page.height - 14, DISCLAIMER, size=10, color=FAINT)


def _write_volumes(page: _Page, y: float, measurements: Measurements) -> float:
    page.text(_LEFT, y, "Volume, mL", size=10, color=FAINT)
    for name, x in (*_SIDE_COLUMNS, ("total", _TOTAL_COLUMN)):
        page.text(x, y, name, size=10, color=FAINT, to_left=True)
    y += _LINE
    for structure in STRUCTURES:
        page.axes.plot(
            (_LEFT, _LEFT + 44), (y, y), color=structure.color_fraction, linewidth=2.6,
            linestyle=line_pattern(structure),
        )  # fmt: skip
        page.text(_LEFT + 56, y, structure.name, size=12)
        for side, x in _SIDE_COLUMNS:
            page.text(x, y, _value(measurements, f"{structure.id}_{side}_volume_ml"), size=12, to_left=True)
        page.text(_TOTAL_COLUMN, y, _value(measurements, f"{structure.id}_volume_ml"), size=12, to_left=True)
        y += _LINE
    return y


def _write_lesions(page: _Page, y: float, end: float, lesions: tuple[Lesion, ...]) -> None:
    """One line a lesion, tumors before cysts, the largest first; what does not fit is counted."""
    if not lesions:
        return
    page.text(_LEFT, y, "Lesions", size=10, color=FAINT)
    page.text(_SIDE_COLUMNS[1][1], y, "longest axial", size=10, color=FAINT, to_left=True)
    page.text(_TOTAL_COLUMN, y, "volume", size=10, color=FAINT, to_left=True)
    y += _LINE
    ordered = sorted(lesions, key=lambda lesion: (lesion.kind != TUMOR.id, -lesion.volume_ml))
    room = max(2, int((end - y) // _LINE) + 1)
    shown = ordered if len(ordered) <= room else ordered[: room - 1]
    for lesion in shown:
        structure = TUMOR if lesion.kind == TUMOR.id else CYST
        page.text(_LEFT, y, lesion.title, size=12, color=structure.color_fraction)
        page.text(_SIDE_COLUMNS[1][1], y, f"{format_value(lesion.diameter_mm)} mm", size=12, to_left=True)
        page.text(_TOTAL_COLUMN, y, f"{format_value(lesion.volume_ml)} mL", size=12, to_left=True)
        y += _LINE
    if len(shown) < len(ordered):
        page.text(_LEFT, y, f"and {len(ordered) - len(shown)} more", size=11, color=FAINT)


def _value(measurements: Measurements, key: str) -> str:
    """A dash for what is not there: no kidney on that side, or no lesion."""
    value = measurements.quantity(key).value
    is_lesion = not key.startswith(KIDNEY.id)
    return "-" if value is None or (is_lesion and value == 0) else format_value(value)


def _wrapped(text: str, width: float) -> list[str]:
    """Lines that fit, broken at commas."""
    lines: list[str] = []
    for part in text.split(", "):
        if lines and len(lines[-1]) + 2 + len(part) <= (width - 2 * _LEFT) / _LETTER:
            lines[-1] += ", " + part
        else:
            if lines:
                lines[-1] += ","
            lines.append(part)
    return lines


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"

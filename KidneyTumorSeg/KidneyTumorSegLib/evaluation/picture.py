"""The best, the median and the worst case in one picture: the slice where each disagrees most with its reference."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..anatomy import STRUCTURES, Structure
from .case import TARGETS, CaseScore
from .markdown import kind_title
from .snapshot import Snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BACKGROUND, _TEXT, _FAINT = "#0b0d10", "#f2f2f2", "#9aa4ae"
_DPI, _PANEL_INCHES, _GAP_INCHES = 100, 4.5, 0.12
_HEADING_INCHES, _TITLE_INCHES, _LEGEND_INCHES = 0.42, 0.5, 0.5
_WINDOW_HU = (-120.0, 260.0)
_REFERENCE_ALPHA = 0.35
_LETTERS = 66
"""As many fit above a panel."""


def draw_cases(path: Path, cases: Sequence[CaseScore]) -> bool:
    """Draw one row for each kind of data: best, median and worst case by mean Dice of the known regions.

    The reference is a filled area, the prediction a line of the same color.

    Args:
        path: of the PNG.
        cases: scored here, not read from a table (those have no pictures).

    Returns:
        Whether there was anything to draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawable = [case for case in cases if case.snapshot is not None]
    kinds = list(dict.fromkeys(case.kind for case in drawable))
    if not kinds:
        return False
    rows = [_three([case for case in drawable if case.kind == kind]) for kind in kinds]
    panels = [max(_height_inches(case) for case in row.values()) for row in rows]
    width = 3 * _PANEL_INCHES + 4 * _GAP_INCHES
    height = sum(panels) + len(rows) * (_HEADING_INCHES + _TITLE_INCHES) + _LEGEND_INCHES
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)
    top = height
    for kind, row, panel in zip(kinds, rows, panels, strict=True):
        heading = 1 - (height - top + 0.3) / height
        figure.text(_GAP_INCHES / width, heading, kind_title(kind), color=_TEXT, fontsize=13, weight="bold")
        top -= _HEADING_INCHES + _TITLE_INCHES
        for column, (place, case) in enumerate(row.items()):
            own, left = _height_inches(case), _GAP_INCHES + column * (_PANEL_INCHES + _GAP_INCHES)
            axis = figure.add_axes((left / width, (top - own) / height, _PANEL_INCHES / width, own / height))
            _draw(axis, case)
            lines = (f"{place}: {case.name}{_where(case)}", case.failure or _dice(case))
            for line, above in zip(lines, (0.27, 0.07), strict=True):
                figure.text(left / width, (top + above) / height, _cut(line), color=_TEXT, fontsize=9)
        top -= panel
    _legend(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name in a script the font lacks
        figure.savefig(path, format="png", dpi=_DPI, facecolor=_BACKGROUND)
    return True


def _height_inches(case: CaseScore) -> float:
    """Of a panel of full width."""
    shot = case.snapshot
    assert shot is not None
    (rows, columns), (step_j, step_i) = shot.reference.shape, shot.spacing_mm
    return float(_PANEL_INCHES * rows * step_j / (columns * step_i))


def _three(cases: list[CaseScore]) -> dict[str, CaseScore]:
    """By mean Dice, ties by name; of two cases there is no median, of one only the worst."""
    ordered = sorted(cases, key=lambda case: (case.mean_dice, case.name))
    chosen = {"worst": ordered[0]}
    if len(ordered) > 2:
        chosen["median"] = ordered[(len(ordered) - 1) // 2]
    if len(ordered) > 1:
        chosen["best"] = ordered[-1]
    return chosen


def _draw(axis: Axes, case: CaseScore) -> None:
    shot = case.snapshot
    assert shot is not None
    axis.set_axis_off()
    rows, columns = shot.reference.shape
    step_j, step_i = shot.spacing_mm
    edges = (0.0, columns * step_i, rows * step_j, 0.0)
    image = np.zeros(shot.reference.shape) if shot.image is None else shot.image.astype(np.float32)
    low, high = _WINDOW_HU if shot.image is not None else (-1.0, 1.0)
    axis.imshow(image, cmap="gray", vmin=low, vmax=high, extent=edges, interpolation="bilinear", aspect="auto")
    for structure in STRUCTURES:
        _fill(axis, shot, structure, edges)
    for structure in STRUCTURES:
        _outline(axis, shot, structure)
    axis.set_xlim(edges[0], edges[1])
    axis.set_ylim(edges[2], edges[3])


def _where(case: CaseScore) -> str:
    shot = case.snapshot
    assert shot is not None
    number, count = shot.slice_number
    return f", slice {number} of {count}" if count > 1 else ""


def _fill(axis: Axes, shot: Snapshot, structure: Structure, edges: tuple[float, float, float, float]) -> None:
    mask = shot.reference == structure.value
    if mask.any():
        color = np.zeros((*mask.shape, 4))
        color[mask] = (*structure.color_fraction, _REFERENCE_ALPHA)
        axis.imshow(color, extent=edges, interpolation="nearest", aspect="auto")


def _outline(axis: Axes, shot: Snapshot, structure: Structure) -> None:
    """The prediction's outline, half-way between voxels, with a dark casing."""
    mask = np.pad(shot.prediction == structure.value, 1).astype(np.float32)
    if not mask.any():
        return
    step_j, step_i = shot.spacing_mm
    x, y = (np.arange(-1, n - 1) + 0.5 for n in mask.shape[::-1])
    for color, width in ((_BACKGROUND, 3.2), (structure.color_fraction, 1.8)):
        style: dict[str, Any] = {"colors": [color], "linewidths": width, "linestyles": "solid"}
        axis.contour(x * step_i, y * step_j, mask, levels=[0.5], **style)


def _dice(case: CaseScore) -> str:
    """Dice of what reference or prediction holds."""
    told = []
    for target in TARGETS:
        score = case.target(target.id)
        if score.dice is not None and (score.reference_ml or score.prediction_ml):
            told.append(f"{target.title} {score.dice:.2f}")
    return "Dice: " + ", ".join(told) if told else "nothing in reference and prediction"


def _cut(line: str) -> str:
    return line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…"


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colors = [(structure.name, structure.color_fraction) for structure in STRUCTURES]
    handles: list[Any] = [Patch(color=color, alpha=0.7, label=name) for name, color in colors]
    handles.append(Patch(color=_FAINT, alpha=0.5, label="area: reference"))
    handles.append(Line2D([], [], color=_FAINT, linewidth=1.8, label="line: prediction"))
    figure.legend(handles=handles, loc="lower center", ncols=5, frameon=False, labelcolor=_TEXT, fontsize=11)

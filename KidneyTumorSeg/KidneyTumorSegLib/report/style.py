"""Colors and lines of the pictures."""

from __future__ import annotations

from typing import Any

from ..anatomy import Structure

DPI = 100
BACKGROUND = "#0b0d10"
TEXT = "#f2f2f2"
FAINT = "#9aa4ae"

_PATTERNS: dict[str, Any] = {"solid": "solid", "dashed": (0, (5.0, 1.6)), "dotted": (0, (1.4, 1.3))}
"""Closer than matplotlib's own, so that small lesions show a line, not a few dots."""


def line_pattern(structure: Structure) -> Any:
    """How the outline of a structure is drawn, as matplotlib wants it."""
    return _PATTERNS[structure.line_style]


def halo() -> list[Any]:
    """A dark rim that keeps white letters readable on bright tissue."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.5, foreground=BACKGROUND)]

"""The panel keeps to what PythonQt, Slicer's Qt for Python, knows; the stand-ins are PySide, which knows more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "KidneyTumorSeg"
FILES = [MODULE_FOLDER / "KidneyTumorSeg.py", *sorted((MODULE_FOLDER / "KidneyTumorSegLib" / "gui").glob("*.py"))]
PROPERTIES = {
    "checkable", "checked", "collapsed", "count", "currentIndex", "currentRow", "currentText", "enabled", "font",
    "format", "geometry", "height", "icon", "interval", "maximum", "minimum", "objectName", "placeholderText",
    "plainText", "readOnly", "rowCount", "size", "text", "title", "toolTip", "value", "visible", "width",
    "windowTitle",
}  # fmt: skip
"""Properties of widgets: PythonQt gives their value without a call, and a value cannot be called."""


def calls_without_arguments(file: Path) -> list[str]:
    return [
        f"{file.name}:{node.lineno} {node.func.attr}()"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in PROPERTIES
        and not node.args
        and not node.keywords
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_property_of_a_widget_is_called(file: Path) -> None:
    """src/PythonQtInstanceWrapper.cpp of PythonQt, getattro: a property is looked up before a method of that name."""
    assert not calls_without_arguments(file)

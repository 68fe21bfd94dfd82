"""Files and functions stay short. The limits are a ratchet: they may only become smaller."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES = 400, 50
LONGER = {
    # Slicer wants module, widget, logic and self-test in one file.
    "KidneyTumorSeg/KidneyTumorSeg.py": 480,
}

CODE = sorted([REPOSITORY / "headless.py", *(REPOSITORY / "KidneyTumorSeg").rglob("*.py")])
TESTS = sorted((REPOSITORY / "Testing").rglob("*.py"))


def name(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


def lines_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the end; a docstring counts nothing, so that nobody saves on it."""
    first = function.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = first.end_lineno - first.lineno + 1 if told and first.end_lineno else 0
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("file", [*CODE, *TESTS], ids=name)
def test_a_file_is_short(file: Path) -> None:
    count = len(file.read_text(encoding="utf-8").splitlines())
    assert count <= LONGER.get(name(file), FILE_LINES)


@pytest.mark.parametrize("file", CODE, ids=name)
def test_every_function_is_short(file: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not [
        f"{function.name}: {lines_without_docstring(function)} lines"
        for function in functions
        if lines_without_docstring(function) > FUNCTION_LINES
    ]

"""pyproject.toml, constraints.txt, CHANGELOG.md and headless.py say the same as the code."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from KidneyTumorSegLib import __version__
from KidneyTumorSegLib.cli.main import app

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_ONLY = ("pytest", "hypothesis", "slicer-core", "pyside6", "highdicom", "surface-distance", "ruff", "mypy", "vtk")

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def bare(requirement: str) -> str:
    """A requirement's name as the package index compares it."""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_a_plain_user_gets_no_test_package() -> None:
    assert not {bare(line) for line in PROJECT["dependencies"]} & set(TEST_ONLY)


def test_every_dependency_has_a_range_and_a_reason() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for line in PROJECT["dependencies"]:
        assert re.search(r">=.*,<", line), f"{line} has no range"
        assert re.search(rf'"{re.escape(line)}",\s+# \S+', text), f"{line} has no reason"


def test_the_tested_version_of_every_dependency_is_written_down() -> None:
    constraints = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {bare(line): line for line in constraints if line and not line.startswith("#")}
    wanted = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted += extra
    assert not {bare(line) for line in wanted} - set(tested)
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in tested.values())


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert first, "no version in CHANGELOG.md"
    assert first[1] == __version__


def test_the_license_is_whole() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_headless_knows_the_commands_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["headless.py"])
    headless = runpy.run_path(str(REPOSITORY / "headless.py"), run_name="headless")
    assert set(headless["COMMANDS"]) == set(typer.main.get_command(app).commands)
    assert set(headless["EXTRAS"]) <= set(headless["COMMANDS"])
    known = set(PROJECT["optional-dependencies"])
    assert all(extras <= known for extras in headless["EXTRAS"].values())
    assert ".".join(map(str, headless["OLDEST_PYTHON"])) in PROJECT["requires-python"]


def test_generated_files_are_not_in_the_repository() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/.venv*", "__pycache__/", "/demo/", "*.egg-info/"} <= set(ignored)

"""README.md promises no command and no option that the code does not have, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from KidneyTumorSegLib import models
from KidneyTumorSegLib.cli.main import app
from KidneyTumorSegLib.errors import EnvironmentProblem
from KidneyTumorSegLib.settings import DEFAULT_MODEL

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LIBRARY = REPOSITORY / "KidneyTumorSeg" / "KidneyTumorSegLib"

CALLS = sorted(set(re.findall(r"python3 headless\.py ([^`\n]+)", README)))
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")}


@pytest.mark.parametrize("call", CALLS)
def test_a_command_of_the_readme_exists_with_its_options(call: str) -> None:
    words = call.split()
    command = COMMANDS[words[0]]
    if hasattr(command, "commands"):
        command = command.commands[words[1]]
    if words[0] != "test":  # its options are pytest's
        assert {word for word in words if word.startswith("-")} <= options(command) | {"--help"}


def test_every_command_stands_in_the_readme() -> None:
    told = {call.split()[0] for call in CALLS}
    assert set(COMMANDS) == told


def test_every_option_of_segment_stands_in_the_readme() -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `python3 headless.py segment"))
    told = set(re.findall(r"(?<!\w)--?[a-z]+", row))
    assert {names for names in options(COMMANDS["segment"]) if names.startswith("--")} - told <= {"--output"}


def test_every_room_stands_in_the_readme() -> None:
    rooms = {path.name for path in LIBRARY.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    assert not {room for room in rooms if f"`{room}/`" not in README}
    assert not [file.name for file in LIBRARY.glob("*.py") if file.name not in README and file.name != "__init__.py"]


def test_links_lead_to_files_that_exist() -> None:
    local = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert not [link for link in local if not (REPOSITORY / link).is_file()]


def test_a_radiologist_and_an_engineer_find_their_part_within_a_screen() -> None:
    lines = README.splitlines()
    assert lines.index("## Two commands") < 20
    assert lines.index("## In 3D Slicer (5.10 or newer)") < 40
    assert README.count("not a medical device") == 1


def scores_as_table() -> str:
    """What must stand between the two marks of the README."""
    rows = ["| what | on | n | value | 95 % interval |", "|---|---|---|---|---|"]
    for score in models.open_model(DEFAULT_MODEL).contract.scores:
        interval = "" if score.low is None or score.high is None else f"{score.low:.3g} to {score.high:.3g}"
        rows.append(f"| {score.what} | {score.on} | {score.n} | {score.value:.3g} | {interval} |")
    return "\n".join(rows)


def test_the_scores_are_those_of_the_model() -> None:
    found = re.search(r"<!-- scores of .*? -->\n(.*?)\n<!-- end of scores -->", README, re.DOTALL)
    assert found
    try:
        expected = scores_as_table()
    except EnvironmentProblem:
        expected = "The model of this version is not finished yet."
    assert found[1].strip() == expected

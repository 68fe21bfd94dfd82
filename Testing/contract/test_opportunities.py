"""docs/opportunities.md claims nothing that no test proves, and leaves none of the forty-four out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
TEXT = (DOCS / "opportunities.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if re.match(r"\| \d+ \|", line)
]
LINK = re.compile(r'\[[^\]]+\]\(([^)]+)\)((?:,? ?"[^"]+")*)')


def proofs(cell: str) -> list[tuple[Path, str]]:
    """The tests that a cell names: file, and the test's sentence (empty if the file alone is named)."""
    found = []
    for target, sentences in LINK.findall(cell):
        named = re.findall(r'"([^"]+)"', sentences) or [""]
        found += [((DOCS / target).resolve(), sentence) for sentence in named]
    return found


def test_all_forty_four_are_there_in_order() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 45))
    assert all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_claimed_is_proven_by_tests_and_pictures_that_exist(row: list[str]) -> None:
    _number, _what, state, cell = row
    assert state in ("done", "partly", "not yet", "not wanted")
    named = proofs(cell)
    if state in ("done", "partly"):
        assert named, "no proof"
    if state != "done":
        assert cell
    assert ("not yet" in cell) <= (state == "partly")
    for file, sentence in named:
        assert file.is_file(), f"{file} does not exist"
        if sentence:
            assert file.name.startswith("test_"), f'"{sentence}" is no sentence of a test'
            test = f"def test_{sentence.replace(' ', '_')}("
            assert test in file.read_text(encoding="utf-8"), f"{file.name} has no {test}"

"""`samples` shows what a training would see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from KidneyTumorSegLib.cli.main import main


def test_every_sheet_is_drawn(
    write_abdomen: Callable[..., object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_abdomen(data, "own0", 0)
    code = main(["samples", "kidney-locator", "--data", str(data), "-o", str(tmp_path / "out"), "--count", "3", "-q"])
    assert code == 0
    sheets = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert sheets == ["lesions.png", "look-alikes.png", "phases.png", "real.png"]
    assert "lesions.png" in capsys.readouterr().out
    for name in sheets:
        with Image.open(tmp_path / "out" / name) as picture:
            assert len(picture.convert("L").getcolors(1 << 20) or []) > 60  # gray values of a scan, not an empty page


def test_a_folder_without_cases_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["samples", "kidney-locator", "--data", str(tmp_path), "-o", str(tmp_path / "out"), "-q"])
    assert code == 3
    assert "no training cases" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

"""The whole way from a folder like KiTS23's to a model, by the one command that a site with KiTS gives."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from KidneyTumorSegLib import training
from KidneyTumorSegLib.cli.main import main
from KidneyTumorSegLib.training.sources import Problem, open_data
from KidneyTumorSegLib.training.split import read_split
from KidneyTumorSegLib.volume import LabelMap, Volume

Write = Callable[..., list[tuple[Volume, LabelMap]]]


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["phantoms", "real"])
def test_training_on_a_folder_like_kits23_goes_on_without_a_bad_case_and_says_so(
    write_data_set: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], whose: str
) -> None:
    """The default recipe, `--quick`; on real scans where `KIDNEYTUMORSEG_DATA` names the folder with them."""
    data, numbers = tmp_path / "kits23", [46, 70, 138]
    if whose == "real":
        if "KIDNEYTUMORSEG_DATA" not in os.environ:
            pytest.skip("needs real data in KIDNEYTUMORSEG_DATA")
        found = open_data(Path(os.environ["KIDNEYTUMORSEG_DATA"]))
        entries = [entry for entry in found.entries if entry.name in ("kits_00046", "kits_00070", "kits_00138")]
        numbers = [int(entry.patient[-5:]) for entry in entries]
        for entry, number in zip(entries, numbers, strict=True):
            source = found.read(entry)
            write_data_set(data, "kits23", (number,), [(source.volume, source.truth)])
    else:
        write_data_set(data, "kits23", numbers)
    image = data / "dataset" / f"case_{numbers[0]:05d}" / "imaging.nii.gz"
    image.write_bytes(image.read_bytes()[:5000])
    code = main(["train", "unet-resnet34", "--data", str(data), "--output", str(tmp_path / "out"), "--quick"])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert out == f"Model: {tmp_path / 'out' / 'unet-resnet34'}\n"
    assert f"Warning: kits_{numbers[0]:05d}: imaging.nii.gz is cut off" in err
    assert f"\n1 of {len(numbers)} cases could not be used; see above.\n" in err
    assert "kits_00138" in read_split(tmp_path / "out" / "split.toml").validation


@pytest.mark.parametrize("quiet", [False, True])
def test_left_out_cases_are_told_even_if_quiet_and_what_is_missing_on_purpose_only_if_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    problems = [
        Problem("case_00210 and on", "90 cases have no mask.", expected=True, of_cases=120),
        Problem("kits_00001", "It is cut off.", of_cases=120),
        Problem("kits_00002", "It is blank.", of_cases=120),
    ]
    asked: dict[str, Any] = {}

    def train(name: str, data: Path, output: Path, *, listener: training.Listener, **options: Any) -> Path:
        asked.update(options)
        for problem in problems:
            listener.on_problem(problem)
        return output / name

    monkeypatch.setattr(training, "train", train)
    words = ["train", "soup", "--data", ".", "--output", str(tmp_path), "--quick", "--split", "own.toml"]
    assert main([*words, "--quiet"] if quiet else words) == 0
    out, err = capsys.readouterr()
    assert out == f"Model: {tmp_path / 'soup'}\n"
    assert ("Note: case_00210 and on: 90 cases have no mask.\n" in err) == (not quiet)
    assert "Warning: kits_00001: It is cut off.\n" in err
    assert "Warning: kits_00002: It is blank.\n" in err
    assert err.endswith("2 of 120 cases could not be used; see above.\n")
    assert asked["split_file"] == Path("own.toml")

"""`segment`: what it writes, what it says, and how it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from KidneyTumorSegLib import pipeline
from KidneyTumorSegLib.errors import Cancelled
from KidneyTumorSegLib.export import write_volume
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Volume, read_label_map, read_volume

Command = Callable[..., Any]


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz", ".nrrd"])
def test_the_segmentation_lies_on_the_grid_of_the_ct(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path, ending: str
) -> None:
    output = tmp_path / f"out{ending}"
    answer = command("segment", scan_file, "-o", output, "--model", tiny_model, "--device", "cpu")
    assert answer.code == 0, answer.err
    assert read_label_map(output).grid.same_as(read_volume(scan_file).grid)
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_results_are_on_stdout_and_progress_on_stderr(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.seg.nrrd"
    answer = command("segment", scan_file, "-o", output, "--model", tiny_model)
    assert "idney" in answer.out.splitlines()[0], "the headline comes first"
    assert f"Segmentation: {output}" in answer.out
    assert "with tiny 1.2." in answer.out
    assert "Segmenting" in answer.err
    assert "Segmenting" not in answer.out


def test_json_is_one_object_with_everything(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    output, preview = tmp_path / "out.nii.gz", tmp_path / "picture.png"
    answer = command(
        "segment", scan_file, "-o", output, "--preview", preview, "--model", tiny_model, "--json", "--quiet"
    )
    assert answer.code == 0, answer.err
    assert answer.err == ""
    told = json.loads(answer.out)
    assert told["files"] == {"segmentation": str(output), "preview": str(preview)}
    assert told["record"]["model"] == "tiny"
    assert {"headline", "quantities", "lesions", "findings"} <= set(told)
    for quantity in told["quantities"]:
        assert (quantity["value"] is None) == bool(quantity["reason"]), quantity
    assert preview.read_bytes().startswith(b"\x89PNG")


def test_options_reach_the_run(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Settings] = []

    def record(volume: Volume, settings: Settings, progress: object) -> None:
        seen.append(settings)
        raise Cancelled

    monkeypatch.setattr(pipeline, "run", record)
    box = ["--box", "-120", "-20", "0", "90.5", "-70", "60"]
    words = ["--model", "tiny", "--quality", "best", "--device", "cpu", *box]
    assert command("segment", scan_file, "-o", tmp_path / "out.nrrd", *words).code == 130
    assert seen == [Settings("tiny", "best", "cpu", (-120.0, -20.0, 0.0, 90.5, -70.0, 60.0))]


@dataclass(frozen=True)
class Refusal:
    """A bad case. In the words, SCAN, OUT, FOLDER and MODEL stand for what the test made."""

    words: str
    code: int
    sentence: str


REFUSALS = {
    "no output": Refusal("SCAN", 2, "'--output'"),
    "an unknown option": Refusal("SCAN -o OUT --fastest", 2, "--fastest"),
    "an unknown quality": Refusal("SCAN -o OUT --quality superb", 2, "superb"),
    "an unknown ending": Refusal("SCAN -o FOLDER/out.stl --model MODEL", 2, "The ending of out.stl"),
    "an unknown picture": Refusal("SCAN -o OUT --preview FOLDER/p.bmp --model MODEL", 2, "The ending of p.bmp"),
    "an empty box": Refusal("SCAN -o OUT --model MODEL --box 5 5 0 1 0 1", 2, "The box is empty along L"),
    "an unknown device": Refusal("SCAN -o OUT --model MODEL --device tpu", 2, "The device 'tpu' is not known"),
    "a missing scan": Refusal("FOLDER/none.nii.gz -o OUT --model MODEL", 3, "none.nii.gz"),
    "no image": Refusal("FOLDER/letter.nii.gz -o OUT --model MODEL", 3, "letter.nii.gz"),
    "an empty folder": Refusal("FOLDER/empty -o OUT --model MODEL", 3, "empty"),
    "a missing folder": Refusal("SCAN -o FOLDER/no/out.nrrd --model MODEL", 3, "does not exist"),
    "a missing model": Refusal("SCAN -o OUT --model nobody", 4, "There is no model 'nobody'"),
    "a missing device": Refusal("SCAN -o OUT --model MODEL --device cuda:99", 4, "cuda:99"),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_bad_case_is_one_sentence_an_exit_code_and_no_file(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path, refusal: Refusal
) -> None:
    (tmp_path / "letter.nii.gz").write_text("Dear colleague", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    places = {"SCAN": scan_file, "OUT": tmp_path / "out.seg.nrrd", "FOLDER": tmp_path, "MODEL": tiny_model}
    words = [re.sub("|".join(places), lambda found: str(places[found[0]]), word) for word in refusal.words.split()]
    answer = command("segment", *words, "--quiet")
    assert (answer.code, answer.out) == (refusal.code, "")
    assert refusal.sentence in answer.err
    assert len(answer.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "letter.nii.gz"]


def test_an_older_result_outlives_a_run_that_failed(command: Command, tiny_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.seg.nrrd"
    output.write_text("yesterday's", encoding="utf-8")
    assert command("segment", tmp_path / "none.nii", "-o", output, "--model", tiny_model).code == 3
    assert output.read_text(encoding="utf-8") == "yesterday's"


@pytest.fixture
def long_scan(tmp_path: Path) -> Path:
    """A scan that keeps the tiny model busy for a while."""
    noise = np.random.default_rng(0).integers(-100, 300, (1500, 40, 60), dtype=np.int16)
    return write_volume(tmp_path / "long.nrrd", Volume.of(noise, np.diag([6.0, 6.0, 1.0, 1.0])))


@pytest.mark.parametrize(("when", "sent"), [("Segmenting", signal.SIGINT), ("", signal.SIGTERM)])
def test_ctrl_c_gives_130_one_sentence_and_no_file(
    started: Callable[..., subprocess.Popen[str]],
    long_scan: Path,
    tiny_model: Path,
    tmp_path: Path,
    when: str,
    sent: signal.Signals,
) -> None:
    output, preview = tmp_path / "out.seg.nrrd", tmp_path / "p.png"
    process = started("segment", long_scan, "-o", output, "--preview", preview, "--model", tiny_model)
    assert process.stderr is not None
    while when not in (line := process.stderr.readline()):
        assert line, "the command ended before it was interrupted"
    process.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else sent)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Cancelled. Nothing was written."
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == [long_scan.name]

"""`evaluate`: three ways to say what to score, what it writes, and how it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from KidneyTumorSegLib.export import write_segmentation, write_volume
from KidneyTumorSegLib.volume import Grid, LabelMap, Volume, read_label_map

Command = Callable[..., Any]

FILES = {"summary.md", "summary.csv", "cases.csv", "lesions.csv", "evaluation.csv", "cases.png"}


def kidney(tumor_from: int) -> LabelMap:
    labels = np.zeros((6, 24, 24), np.uint8)
    labels[1:5, 3:20, 3:20] = 1
    labels[2:4, 5:12, tumor_from : tumor_from + 6] = 2
    return LabelMap(labels, Grid(labels.shape, np.diag([1.0, 1.0, 3.0, 1.0])))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`truth` with four cases in it, and `guess` with predictions that are 0 to 3 voxels off."""
    for name in ("truth", "guess"):
        (tmp_path / name).mkdir()
    for number in range(4):
        write_segmentation(tmp_path / "truth" / f"case_{number}.nii.gz", kidney(6))
        write_segmentation(tmp_path / "guess" / f"case_{number}.nii.gz", kidney(6 + number))
    write_volume(
        tmp_path / "truth" / "case_0_ct.nii.gz", Volume(kidney(6).labels.astype(np.int16) * 50, kidney(6).grid)
    )
    return tmp_path


def words(folders: Path, output: str = "out") -> list[object]:
    return ["--reference", folders / "truth", "--prediction", folders / "guess", "-o", folders / output]


def test_folders_are_scored_into_tables_a_page_and_a_picture(command: Command, folders: Path) -> None:
    answer = command("evaluate", *words(folders))
    assert answer.code == 0, answer.err
    assert {path.name for path in (folders / "out").iterdir()} == FILES
    assert "guess against truth: 4 cases" in answer.out
    assert "Whole scans: tumor, Dice 0.750 (0.583 to 0.917), 4 scans, 4 patients" in answer.out
    assert "Scoring" in answer.err
    page = (folders / "out" / "summary.md").read_text(encoding="utf-8")
    assert "| tumor, Dice | 4 | 4 scans | 0.750 |" in page


def test_json_is_one_object_with_every_figure(command: Command, folders: Path) -> None:
    (folders / "guess" / "case_3.nii.gz").unlink()
    answer = command("evaluate", *words(folders), "--json", "--quiet")
    assert (answer.code, answer.err) == (0, "")
    told = json.loads(answer.out)
    tumor = next(figure for figure in told["figures"] if figure["key"] == "tumor.dice")
    assert tumor["value"] == pytest.approx((1 + 5 / 6 + 4 / 6 + 0) / 4)
    assert told["remarks"] == ["case_3 scores 0: the prediction is missing."]
    assert {Path(path).name for path in told["files"].values()} == FILES


def test_results_are_pooled_and_compared(command: Command, folders: Path) -> None:
    assert command("evaluate", *words(folders)).code == 0
    for number in range(4):
        write_segmentation(folders / "guess" / f"case_{number}.nii.gz", kidney(6))
    assert command("evaluate", *words(folders, "better")).code == 0
    pooled = ["--results", folders / "better" / "cases.csv", "--against", folders / "out", "-o", folders / "pooled"]
    answer = command("evaluate", *pooled, "--json", "--quiet")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    tumor = next(one for one in told["comparison"]["differences"] if one["what"] == "tumor, Dice")
    assert tumor["mean"] == pytest.approx(0.25)
    assert {path.name for path in (folders / "pooled").iterdir()} == FILES - {"cases.png"}
    twice = command("evaluate", "--results", folders / "out", "--results", folders / "better", "-o", folders / "x")
    assert twice.code == 3
    assert "it would count twice" in twice.err


def test_a_model_is_run_and_scored_on_its_part_of_the_split(command: Command, tiny_model: Path, tmp_path: Path) -> None:
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    volume, truth = standard_phantom().scan(phantom_grid((5.0, 5.0, 8.0)))
    (tmp_path / "ct").mkdir()
    write_volume(tmp_path / "ct" / "btcv0039_ct.nii.gz", volume)
    write_segmentation(tmp_path / "ct" / "btcv0039_seg.nii.gz", truth)
    model = ["--model", tiny_model, "--data", tmp_path, "-o", tmp_path / "out"]
    refused = command("evaluate", *model)
    assert refused.code == 2
    assert "was trained on all folds" in refused.err
    answer = command("evaluate", *model, "--fold", 1, "--device", "cpu")
    assert answer.code == 0, answer.err
    assert "Model tiny, test part of the split: 1 case" in answer.out
    assert "may have learned from some of these patients" in answer.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


@dataclass(frozen=True)
class Refusal:
    """A bad case. FOLDER stands for what the test made."""

    words: str
    code: int
    sentence: str


REFUSALS = {
    "nothing": Refusal("-o FOLDER/out", 2, "It is not clear what to evaluate"),
    "no output": Refusal("--results FOLDER", 2, "--output"),
    "half a form": Refusal("--reference FOLDER/truth -o FOLDER/out", 2, "--reference and --prediction belong together"),
    "a model without data": Refusal("--model tiny -o FOLDER/out", 2, "--model and --data belong together"),
    "two forms": Refusal(
        "--reference FOLDER/truth --prediction FOLDER/guess --results FOLDER -o FOLDER/out", 2, "It is not clear"
    ),
    "a fold of folders": Refusal(
        "--reference FOLDER/truth --prediction FOLDER/guess --fold 2 -o FOLDER/out", 2, "belong to --model"
    ),
    "an unknown part": Refusal("--model m --data FOLDER --part train -o FOLDER/out", 2, "train"),
    "a missing folder": Refusal("--reference FOLDER/none --prediction FOLDER/guess -o FOLDER/out", 3, "no folder"),
    "no table": Refusal("--results FOLDER/none.csv -o FOLDER/out", 3, "does not exist"),
    "nothing to compare": Refusal(
        "--reference FOLDER/truth --prediction FOLDER/guess --against FOLDER -o FOLDER/out", 3, "does not exist"
    ),
    "an unknown model": Refusal("--model none --data FOLDER -o FOLDER/out", 4, "There is no model 'none'"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_bad_request_is_refused_in_a_sentence_and_writes_nothing(command: Command, folders: Path, name: str) -> None:
    refusal = REFUSALS[name]
    answer = command("evaluate", *[word.replace("FOLDER", str(folders)) for word in refusal.words.split()])
    assert answer.code == refusal.code, answer.err
    assert refusal.sentence in answer.err
    assert not (folders / "out").exists()


def test_another_grid_is_refused_and_the_case_is_named(command: Command, folders: Path) -> None:
    labels = read_label_map(folders / "guess" / "case_2.nii.gz").labels[:5]
    write_segmentation(folders / "guess" / "case_2.nii.gz", LabelMap(labels, Grid((5, 24, 24), kidney(6).grid.affine)))
    answer = command("evaluate", *words(folders))
    assert answer.code == 3
    assert "The reference and the prediction of case_2 lie on different grids" in answer.err
    assert not (folders / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_it_with_130_and_writes_nothing(
    started: Callable[..., subprocess.Popen[str]], folders: Path
) -> None:
    for number in range(4, 400):
        for name in ("truth", "guess"):
            (folders / name / f"case_{number}.nii.gz").write_bytes((folders / name / "case_0.nii.gz").read_bytes())
    with started("evaluate", *words(folders)) as process:
        assert process.stderr is not None
        while "Scoring" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    assert "Cancelled" in rest
    assert not (folders / "out").exists()

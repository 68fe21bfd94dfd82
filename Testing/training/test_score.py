"""A model on the scans that it was not shown: its table of scores and its card."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from KidneyTumorSegLib.errors import Cancelled, InputError, UsageError
from KidneyTumorSegLib.evaluation import score_case, write_tables
from KidneyTumorSegLib.models import Score, read_folder
from KidneyTumorSegLib.models.contract import Cleanup, Decision, Locate
from KidneyTumorSegLib.models.folder import write_contract
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.training.card import write_card
from KidneyTumorSegLib.training.score import evaluate_model, score_model
from KidneyTumorSegLib.volume import Grid, LabelMap


@pytest.fixture(scope="module")
def data(write_abdomen: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One abdomen to learn from, and one under the name of a test patient."""
    folder = tmp_path_factory.mktemp("data")
    write_abdomen(folder, "own0", 0)
    write_abdomen(folder, "btcv0039", 1)
    return folder


@pytest.fixture(scope="module")
def scored(data: Path, write_random_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model whose record says that it was kept from fold 1."""
    folder = write_random_model(tmp_path_factory.mktemp("out") / "tiny", sharpen=20.0)
    contract = read_folder(folder).contract
    write_contract(folder, replace(contract, training=replace(contract.training, fold=1)))
    score_model(folder, data)
    return folder


def test_only_patients_that_were_kept_out_are_scored(scored: Path) -> None:
    contract = read_folder(scored).contract
    kidneys = contract.scores[0]
    assert (kidneys.what, kidneys.on, kidneys.n) == ("kidney with masses, Dice", "abdomens (test)", 1)
    assert 0 <= kidneys.value <= 1
    assert {score.on for score in contract.scores} == {"abdomens (test)", "all whole scans (test)"}


def test_the_card_says_what_the_contract_says(scored: Path) -> None:
    folder = read_folder(scored)
    card = folder.card_text()
    for limit in folder.contract.limits:
        assert limit in card
    assert folder.contract.license in card
    assert "| kidney with masses, Dice | abdomens (test) | 1 |" in card
    assert "0.961" in card


def test_the_card_tells_what_readers_and_the_best_team_reach(scored: Path) -> None:
    """Heller et al., Medical Image Analysis 2021;67:101821 (KiTS19): kidney with masses, and tumor."""
    card = read_folder(scored).card_text()
    assert "two readers agreed with each other by a Dice of 0.983 (kidney with masses) and 0.923 (tumor)" in card
    assert "0.974 and 0.851" in card


def test_a_model_that_was_shown_all_folds_has_no_test_part(scored: Path, data: Path, tmp_path: Path) -> None:
    contract = read_folder(scored).contract
    copy = Path(shutil.copytree(scored, tmp_path / "all-folds"))
    write_contract(copy, replace(contract, training=replace(contract.training, fold=None)))
    with pytest.raises(UsageError, match=r"trained on all folds: the split has no test part .* --results"):
        evaluate_model(Settings(model=str(copy)), data, fold=None, part="test", progress=Progress())


def test_a_fold_that_the_record_does_not_name_is_scored_with_a_warning(scored: Path, data: Path) -> None:
    contract = read_folder(scored).contract
    write_contract(scored, replace(contract, training=replace(contract.training, fold=None)))
    settings = Settings(model=str(scored), device="cpu")
    cases, remarks = evaluate_model(settings, data, fold=1, part="test", progress=Progress())
    assert [case.name for case in cases] == ["btcv0039"]
    assert "may have learned from some of these patients" in remarks[0]
    write_contract(scored, contract)


def test_nobody_of_the_part_in_the_data_is_said(scored: Path, data: Path) -> None:
    with pytest.raises(InputError, match="No patient of the validation part of the split"):
        evaluate_model(Settings(model=str(scored)), data, fold=None, part="validation", progress=Progress())


def test_a_run_over_many_cases_can_be_cancelled_within_one(scored: Path, data: Path) -> None:
    asked = iter([False] * 8 + [True] * 100)
    progress = Progress(None, lambda: next(asked))
    with pytest.raises(Cancelled):
        evaluate_model(Settings(model=str(scored), device="cpu"), data, fold=1, part="test", progress=progress)


def test_a_single_slice_is_segmented_whole_and_without_clean_up(
    write_random_model: Callable[..., Path], tmp_path: Path
) -> None:
    """A slice holds less than any volume that clean-up asks for; its answer is that of the network alone."""
    strict = Cleanup(1.0, 1e6, 1e6, 0.5, 1e6, 1e6, 1)
    regions = ("kidney_and_masses", "masses", "tumor")
    decision = Decision(dict.fromkeys(regions, 0.5), strict)
    model = write_random_model(tmp_path / "tiny", sharpen=20.0, decision=decision, locate=Locate("absent"))
    (tmp_path / "kits").mkdir()
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "kits" / "slices_x.npz",
        image=random.integers(0, 255, (2, 64, 64), np.uint8),
        label=random.integers(0, 4, (2, 64, 64)).astype(np.uint8),
        window_hu=np.array([-200.0, 300.0]),
        patient=np.array(["kits_00025", "kits_00025"]),
        slice_index=np.array([3, 9]),
        spacing_zyx=np.full((2, 3), 5.0),
    )
    settings = Settings(model=str(model), device="cpu")
    cases, remarks = evaluate_model(settings, tmp_path, fold=1, part="test", progress=Progress())
    assert [(case.name, case.patient, case.slices) for case in cases] == [
        ("kits_00025_slice3", "kits_00025", 1),
        ("kits_00025_slice9", "kits_00025", 1),
    ]
    assert all((case.target("kidney_and_masses").prediction_ml or 0) > 0 for case in cases)
    assert any("repeated in place of its neighbors" in remark for remark in remarks)
    assert read_folder(score_model(model, tmp_path, fold=1).path).contract.scores[0].n == 1, "two slices, one patient"


def test_pooled_folds_stand_for_a_model_that_saw_them_all(
    scored: Path, write_random_model: Callable[..., Path], tmp_path: Path
) -> None:
    labels = np.zeros((8, 32, 32), np.uint8)
    labels[2:6, 4:20, 4:20] = 1
    labels[3:5, 6:14, 6:14] = 2
    truth = LabelMap(labels, Grid((8, 32, 32), np.diag([1.0, 1.0, 2.0, 1.0])))
    for fold in (1, 2, 3):
        (tmp_path / f"fold{fold}").mkdir()
        write_tables(tmp_path / f"fold{fold}", [score_case(f"kits_{fold}", truth, truth, kind="kits-volume")])
    model = write_random_model(tmp_path / "all")
    tables = [tmp_path / f"fold{fold}" / "cases.csv" for fold in (1, 2, 3)]
    scores = score_model(model, tmp_path / "no data needed", results=tables).contract.scores
    assert scores[0] == Score(
        "kidney with masses, Dice", "whole KiTS scans (same recipe, 3-fold cross-validation)", 3, 1.0, 1.0, 1.0
    )
    assert {"tumor, surface Dice", "tumors found (IoU > 0.1), share", "tumors <1 cm found, share"} <= {
        score.what for score in scores
    }


def test_what_a_person_wrote_in_the_log_of_a_card_is_kept(scored: Path, data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(scored, tmp_path / "copy"))
    card = copy / "card.md"
    card.write_text(card.read_text(encoding="utf-8") + "\n## Log\n\nA note by hand: größer.\n", encoding="utf-8")
    write_card(copy, read_folder(copy).contract)
    write_card(copy, read_folder(copy).contract)
    assert card.read_text(encoding="utf-8").endswith("\n## Log\n\nA note by hand: größer.\n")
    assert card.read_text(encoding="utf-8").count("## Log") == 1

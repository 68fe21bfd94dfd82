"""The default recipe, from data to a scored model with its card: what `train` does, in little."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from KidneyTumorSegLib.models import read_folder
from KidneyTumorSegLib.training import train
from KidneyTumorSegLib.training.score import score_model, write_card


@pytest.fixture(scope="module")
def data(write_abdomen: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One abdomen to learn from, and one under the name of a test patient."""
    folder = tmp_path_factory.mktemp("data")
    write_abdomen(folder, "own0", 0)
    write_abdomen(folder, "btcv0039", 1)
    return folder


@pytest.fixture(scope="module")
def scored(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = train("unet-resnet34", data, tmp_path_factory.mktemp("out"), quick=True, fold=1)
    score_model(folder, data)
    return folder


def test_only_patients_that_were_kept_out_are_scored(scored: Path) -> None:
    contract = read_folder(scored).contract
    assert {score.on for score in contract.scores} == {"test scans", "test: btcv0039"}
    mean = contract.scores[0]
    assert (mean.what, mean.n) == ("kidney with masses, Dice, mean", 1)
    assert 0 <= mean.value <= 1
    assert [source.patients for source in contract.training.data] == [1]


def test_the_card_says_what_the_contract_says(scored: Path) -> None:
    folder = read_folder(scored)
    card = folder.card_text()
    for limit in folder.contract.limits:
        assert limit in card
    assert folder.contract.license in card
    assert "| kidney with masses, Dice, mean | test scans | 1 |" in card


def test_what_a_person_wrote_in_the_log_of_a_card_is_kept(scored: Path, data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(scored, tmp_path / "copy"))
    card = copy / "card.md"
    card.write_text(card.read_text(encoding="utf-8") + "\n## Log\n\nA note by hand: größer.\n", encoding="utf-8")
    write_card(copy, read_folder(copy).contract)
    write_card(copy, read_folder(copy).contract)
    assert card.read_text(encoding="utf-8").endswith("\n## Log\n\nA note by hand: größer.\n")
    assert card.read_text(encoding="utf-8").count("## Log") == 1

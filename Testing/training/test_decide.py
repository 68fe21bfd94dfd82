"""Thresholds come from validation patients alone, and every step's effect is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.models import read_folder
from KidneyTumorSegLib.models.folder import write_contract
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.training.decide import THRESHOLDS, best_threshold, decide
from KidneyTumorSegLib.training.recipe import read_recipe


def test_a_threshold_must_gain_clearly_over_the_middle() -> None:
    assert THRESHOLDS[best_threshold([0.700, 0.705, 0.700, 0.6, 0.5])] == 0.5
    assert THRESHOLDS[best_threshold([0.700, 0.715, 0.700, 0.6, 0.5])] == 0.4


@pytest.fixture(scope="module")
def data(write_abdomen: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One validation patient, and one test patient whose file cannot be read: it must not be touched."""
    folder = tmp_path_factory.mktemp("data")
    write_abdomen(folder, "kits_00138", 0)
    write_abdomen(folder, "btcv0039", 1)
    (folder / "ct" / "btcv0039_ct.nii.gz").write_bytes(b"not to be read")
    return folder


def test_all_steps_are_measured_on_validation_patients_and_the_choice_is_stored(
    data: Path, tmp_path: Path, write_random_model: Callable[..., Path]
) -> None:
    folder = write_random_model(tmp_path / "model")
    contract, rules = read_folder(folder).contract, read_recipe("unet-resnet34").cleanup
    write_contract(folder, replace(contract, decision=replace(contract.decision, cleanup=rules)))
    trials = decide(folder, data, Settings(device="cpu"), Progress())
    assert [trial.what for trial in trials[: len(THRESHOLDS)]] == [f"threshold {value:g}" for value in THRESHOLDS]
    assert trials[len(THRESHOLDS)].what == "thresholds alone"
    assert all(trial.patients == 1 for trial in trials)
    assert all(trial.kidney is not None and 0 <= trial.kidney <= 1 for trial in trials)
    stored = read_folder(folder).contract.decision
    assert stored == trials[-1].decision
    chosen = THRESHOLDS[best_threshold([trial.mean for trial in trials[: len(THRESHOLDS)]])]
    assert stored.thresholds == {"kidney_and_masses": 0.5, "masses": chosen, "tumor": chosen}
    steps = [asdict(trial.decision.cleanup) for trial in trials[len(THRESHOLDS) :]]
    for rule, value in asdict(rules).items():  # none is left out, and none taken back
        told = [step[rule] for step in steps]
        assert told[0] != value == told[-1], rule
        assert told == sorted(told, key=lambda number: number == value), rule


def test_without_validation_patients_nothing_is_chosen(
    tmp_path: Path, write_abdomen: Callable[..., object], write_random_model: Callable[..., Path]
) -> None:
    write_abdomen(tmp_path, "own0", 0)
    with pytest.raises(InputError, match="No validation patient of the split"):
        decide(write_random_model(tmp_path / "model"), tmp_path, Settings(device="cpu"), Progress())

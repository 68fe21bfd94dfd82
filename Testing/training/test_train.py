"""From a data folder to a model folder that loads, in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from KidneyTumorSegLib.errors import InputError, UsageError
from KidneyTumorSegLib.models import read_folder, verify
from KidneyTumorSegLib.training import loop, train
from KidneyTumorSegLib.volume import LabelMap, Volume


@pytest.fixture(scope="module")
def data(write_abdomen: Callable[..., tuple[Volume, LabelMap]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two abdomens and a pack of KiTS slices, laid out as a user would have them."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "kits").mkdir()
    for number in range(2):
        volume, truth = write_abdomen(folder, f"own{number}", number)
    window = (-200.0, 300.0)
    picture = np.clip((volume.voxels - window[0]) / (window[1] - window[0]) * 255, 0, 255).astype(np.uint8)
    np.savez_compressed(
        folder / "kits" / "slices_few.npz",
        image=picture[10:13],
        label=truth.labels[10:13],
        patient=np.array(["kits_00001", "kits_00001", "kits_00138"]),
        slice_index=np.array([10, 11, 12]),
        spacing_zyx=np.tile([8.0, 4.0, 4.0], (3, 1)),
        window_hu=np.array(window),
    )
    return folder


def test_a_quick_training_makes_a_model_that_loads(data: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = train(
        "kidney-locator", data, tmp_path, quick=True, on_step=lambda done, total, loss: seen.append((done, total))
    )
    assert seen[-1] == (20, 20)
    model = read_folder(folder)
    verify(model)
    assert model.contract.task == "locate"
    assert model.contract.architecture.args["channels"] == 1
    sources = {source.name: source.patients for source in model.contract.training.data}
    assert sources["the user's own data"] == 2
    # kits_00138 is kept out by the split, kits_00001 is not
    assert sum(sources.values()) == 3


def test_an_interrupted_training_ends_with_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(loop.read_recipe("kidney-locator").quick(), steps=8, validate_every=4)
    monkeypatch.setattr(loop, "read_recipe", lambda name: recipe)
    whole = load_file(train("kidney-locator", data, tmp_path / "whole") / "weights.safetensors")

    class Interrupted(Exception):
        pass

    saved = tmp_path / "broken" / "last.ckpt"

    def stop_after_the_checkpoint(done: int, total: int, loss: float) -> None:
        if saved.is_file() and done >= 6:
            raise Interrupted

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 4)
    with pytest.raises(Interrupted):
        train("kidney-locator", data, tmp_path / "broken", on_step=stop_after_the_checkpoint)
    resumed = load_file(train("kidney-locator", data, tmp_path / "broken", resume=True) / "weights.safetensors")
    for name, value in whole.items():
        assert np.array_equal(value.numpy(), resumed[name].numpy()), name


def test_a_folder_without_cases(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training cases"):
        train("kidney-locator", tmp_path, tmp_path / "out", quick=True)


def test_nothing_to_resume(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to resume"):
        train("kidney-locator", data, tmp_path, quick=True, resume=True)


def test_a_recipe_that_does_not_exist(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recipe 'soup'"):
        train("soup", data, tmp_path)

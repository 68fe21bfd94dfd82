"""From a data folder to a model folder that loads, in one call."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from KidneyTumorSegLib import pipeline
from KidneyTumorSegLib.errors import InputError, UsageError
from KidneyTumorSegLib.export import write_segmentation
from KidneyTumorSegLib.models import read_folder, verify
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.training import PACK_FILE, Listener, fit, loop, pack_data, train
from KidneyTumorSegLib.training.gather import gather
from KidneyTumorSegLib.training.recipe import Variation, recipes
from KidneyTumorSegLib.training.sources import Problem
from KidneyTumorSegLib.training.variants import around_kidneys
from KidneyTumorSegLib.volume import LabelMap, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom


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


def fail(problem: Problem) -> None:
    """No case of these is bad."""
    raise AssertionError(problem)


def test_a_quick_training_makes_a_model_that_loads(data: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    listener = Listener(lambda done, total, loss: seen.append((done, total)))
    folder = train("kidney-locator", data, tmp_path, quick=True, listener=listener)
    assert seen[-1] == (20, 20)
    model = read_folder(folder)
    verify(model)
    assert model.contract.task == "locate"
    assert model.contract.architecture.args["channels"] == 1
    sources = {source.name: source.patients for source in model.contract.training.data}
    assert sources["the user's own data"] == 2
    # kits_00138 is kept out by the split, kits_00001 is not
    assert sum(sources.values()) == 3


def test_how_well_organs_are_learned_is_in_the_metrics(
    write_abdomen: Callable[..., tuple[Volume, LabelMap]], tmp_path: Path
) -> None:
    _, truth = write_abdomen(tmp_path, "own0", 0)
    with_liver = np.where(truth.labels == 0, np.uint8(13), truth.labels)
    write_segmentation(tmp_path / "ct" / "own0_seg.nii.gz", LabelMap(with_liver, truth.grid))
    train("unet-resnet34", tmp_path, tmp_path / "out", quick=True)
    (table,) = (tmp_path / "out").glob("metrics/*/metrics.csv")
    with table.open(encoding="utf-8") as rows:
        dice = [float(row["train_dice_liver"]) for row in csv.DictReader(rows) if row["train_dice_liver"]]
    assert dice
    assert all(0 <= value <= 1 for value in dice)
    assert "train_dice_spleen" not in table.read_text(encoding="utf-8")  # which is not labeled there


@pytest.mark.parametrize("name", [name for name in recipes() if name != "kidney-locator"])
def test_every_recipe_that_segments_trains_and_its_model_runs(data: Path, tmp_path: Path, name: str) -> None:
    folder = train(name, data, tmp_path, quick=True)
    assert read_folder(folder).contract.training.steps == 20
    volume, truth = standard_phantom().scan(phantom_grid((4.0, 4.0, 8.0)))
    settings = Settings(model=str(folder), device="cpu", box_mm=(-120.0, 120.0, -40.0, 100.0, -60.0, 60.0))
    answer = pipeline.run(volume, settings)
    assert answer.record.model == name
    assert answer.label_map.labels.shape == truth.labels.shape


def test_an_interrupted_training_ends_with_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = loop.read_recipe("kidney-locator").quick()
    steps = replace(recipe.optimization, steps=8, validate_every=4, batch=4)  # two batches a step
    recipe = replace(recipe, optimization=steps, variation=Variation(share=0.5, lesions=1, phase=0.5, look_alike=0.5))
    monkeypatch.setattr(loop, "read_recipe", lambda name: recipe)
    whole = load_file(train("kidney-locator", data, tmp_path / "whole") / "weights.safetensors")

    class Interrupted(Exception):
        pass

    saved = tmp_path / "broken" / "last.ckpt"

    def stop_after_the_checkpoint(done: int, total: int, loss: float) -> None:
        if saved.is_file() and done >= 6:
            raise Interrupted

    monkeypatch.setattr(fit, "CHECKPOINT_EVERY", 4)
    with pytest.raises(Interrupted):
        train("kidney-locator", data, tmp_path / "broken", listener=Listener(stop_after_the_checkpoint))
    half = fit.half_type(torch.device("cpu"))  # what is faster may be measured otherwise the next day
    monkeypatch.setattr(fit, "half_type", lambda device: None if half else torch.bfloat16)
    resumed = load_file(train("kidney-locator", data, tmp_path / "broken", resume=True) / "weights.safetensors")
    for name, value in whole.items():
        assert np.array_equal(value.numpy(), resumed[name].numpy()), name


def test_going_on_from_a_model_that_may_have_seen_the_test_patients_is_warned_of(data: Path, tmp_path: Path) -> None:
    warnings: list[str] = []
    listener = Listener(on_warning=warnings.append)
    saw_all = train("kidney-locator", data, tmp_path / "all", quick=True, listener=listener)
    assert not [text for text in warnings if "is not known to have left out" in text]
    went_on = train("kidney-locator", data, tmp_path / "on", quick=True, fold=1, start=saw_all, listener=listener)
    (text,) = [text for text in warnings if "is not known to have left out part 1 of the split" in text]
    assert text.endswith("start from a model that was trained with --fold 1.")
    assert read_folder(went_on).contract.training.fold is None


def test_a_folder_without_cases(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training cases"):
        train("kidney-locator", tmp_path, tmp_path / "out", quick=True)


def test_nothing_to_resume(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to resume"):
        train("kidney-locator", data, tmp_path, quick=True, resume=True)


def test_a_recipe_that_does_not_exist(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recipe 'soup'"):
        train("soup", data, tmp_path)


def test_packed_cases_train_elsewhere_as_the_data_does_here(data: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    file = pack_data("kidney-locator", data, tmp_path / "packed", on_problem=fail)
    assert file.stat().st_size < sum(one.stat().st_size for one in data.rglob("*.*"))
    recipe = loop.read_recipe("kidney-locator").quick()
    direct = gather(data, recipe, None, None, fail)
    packed = gather(tmp_path / "packed", recipe, None, None, fail)
    assert packed.patients == direct.patients
    assert [case.name for case in packed.validate] == [case.name for case in direct.validate]
    for here, there in zip(direct.learn, packed.learn, strict=True):
        near = around_kidneys(here) if len(here.hu) > 1 else here
        assert near is not None
        assert np.array_equal(there.labels, near.labels)
        within = np.clip(near.hu, -300, 465)
        assert np.abs(there.hu.astype(int) - within).max() <= 1  # kept to 3 HU
        assert (there.known, there.spacing_mm, there.slice_spacing_mm) == (
            near.known, near.spacing_mm, near.slice_spacing_mm
        )  # fmt: skip
    assert train("kidney-locator", tmp_path / "packed", tmp_path / "out", quick=True).is_dir()


def test_packed_cases_of_another_spacing(data: Path, tmp_path: Path) -> None:
    pack_data("kidney-locator", data, tmp_path, on_problem=fail)
    with pytest.raises(InputError, match=r"packed at 3 mm, but the recipe works at 1\.25 mm. Pack them again"):
        train("unet-resnet34", tmp_path, tmp_path / "out", quick=True)


def test_a_damaged_pack(tmp_path: Path) -> None:
    (tmp_path / PACK_FILE).write_bytes(b"PK no more")
    with pytest.raises(InputError, match=r"packed cases .* cannot be read"):
        train("kidney-locator", tmp_path, tmp_path / "out", quick=True)

"""A model is used only when it is whole and genuine; everything else is refused in a sentence that names the fault."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from KidneyTumorSegLib.errors import EnvironmentProblem
from KidneyTumorSegLib.models import load, open_model, read_folder, verify
from KidneyTumorSegLib.models.folder import sha256_of


@pytest.fixture(scope="module")
def genuine(write_random_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("genuine") / "small", slices=1, channels=1)


@pytest.fixture
def folder(genuine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(genuine, tmp_path / "small"))


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "model.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    change(table)
    file.write_text(json.dumps(table), encoding="utf-8")


def rehash(folder: Path) -> None:
    """As if the maker of the folder had meant it: only what is in the file is wrong now."""
    weights = folder / "weights.safetensors"
    edit(folder, lambda t: t["weights"].update(sha256=sha256_of(weights), bytes=weights.stat().st_size))


def test_a_genuine_folder_survives_the_round_trip_and_loads(folder: Path) -> None:
    read = read_folder(folder)
    assert read.contract.input.window_hu == (-120.0, 260.0)
    assert read.contract.limits == ("It has learned nothing.",)
    verify(read)
    network = load(read, torch.device("cpu")).network
    assert not network.training
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 1, 32, 32)


def test_missing_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(EnvironmentProblem, match=r"weights of the model 'small' are missing"):
        verify(read_folder(folder))


def test_truncated_weights(folder: Path) -> None:
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(EnvironmentProblem, match=r"have \d+ bytes, not \d+: the file is truncated"):
        verify(read_folder(folder))


def test_changed_weights(folder: Path) -> None:
    file = folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(EnvironmentProblem, match="changed or damaged: their SHA-256"):
        verify(read_folder(folder))


def test_pickled_weights_are_never_read(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (folder / "exploded",))

    (folder / "weights.safetensors").write_bytes(pickle.dumps(Bomb()))
    rehash(folder)
    with pytest.raises(EnvironmentProblem, match=r"no safetensors file .* Pickled weights can run code"):
        verify(read_folder(folder))
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda s: s.update({"segmentation_head.0.bias": torch.zeros(7)}),
            r"segmentation_head.0.bias has the shape \(7,\), not \(1,\)",
        ),
        (lambda s: s.pop("segmentation_head.0.bias"), "1 tensors are missing, the first is segmentation_head.0.bias"),
        (lambda s: s.update({"stranger": torch.zeros(1)}), "1 tensors are not known, the first is stranger"),
        (
            lambda s: s["segmentation_head.0.bias"].fill_(float("nan")),
            r"values that are not numbers \(in segmentation_head.0.bias\)",
        ),
    ],
    ids=["shape", "missing", "strange", "nan"],
)
def test_weights_that_do_not_fit(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], None], sentence: str
) -> None:
    file = folder / "weights.safetensors"
    state = {name: value.clone() for name, value in load_file(file).items()}
    change(state)
    save_file(state, file)
    rehash(folder)
    with pytest.raises(EnvironmentProblem, match=sentence):
        verify(read_folder(folder))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.pop("license"), "'license' is a required property"),
        (lambda t: t["input"].update(slices=2), r"input\.slices: 2 is not one of \[1, 3\]"),
        (lambda t: t["input"].update(spacing_mm=0), r"input\.spacing_mm"),
        (lambda t: t["decision"]["thresholds"].update(liver=0.5), "liver"),
        (lambda t: t["weights"].update(file="../../elsewhere.safetensors"), r"weights\.file"),
        (lambda t: t.update(surprise=1), "surprise"),
    ],
    ids=["missing", "enum", "spacing", "region", "path", "extra"],
)
def test_a_contract_that_breaks_the_schema(
    folder: Path, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    edit(folder, change)
    with pytest.raises(EnvironmentProblem, match=f"is not a valid model description: .*{sentence}"):
        read_folder(folder)


def test_an_architecture_of_another_version(folder: Path) -> None:
    edit(folder, lambda t: t["architecture"].update(name="unet_of_tomorrow"))
    with pytest.raises(EnvironmentProblem, match="'unet_of_tomorrow', which this version does not know"):
        verify(read_folder(folder))


def test_arguments_that_the_architecture_does_not_take(folder: Path) -> None:
    edit(folder, lambda t: t["architecture"].update(args={"depth": 9}))
    with pytest.raises(EnvironmentProblem, match="settings for the architecture 'unet_mobilenet' are not valid"):
        verify(read_folder(folder))


def test_a_folder_without_a_contract(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"has no model\.json"):
        read_folder(tmp_path)


def test_a_contract_that_is_no_json(folder: Path) -> None:
    (folder / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        read_folder(folder)


def test_a_name_that_is_not_installed() -> None:
    with pytest.raises(EnvironmentProblem, match="There is no model 'unheard-of'"):
        open_model("unheard-of")


def test_the_users_own_models_are_found_by_name(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "Überall"
    shutil.copytree(folder, home / "models" / "small")
    monkeypatch.setenv("KIDNEYTUMORSEG_HOME", str(home))
    assert open_model("small").path == home / "models" / "small"
    assert open_model(str(folder)).path == folder

"""What a network starts from is what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as functional
from safetensors.torch import save_file

from KidneyTumorSegLib.errors import EnvironmentProblem, InputError
from KidneyTumorSegLib.models import read_folder
from KidneyTumorSegLib.models.folder import write_contract
from KidneyTumorSegLib.models.weights import load
from KidneyTumorSegLib.networks import build
from KidneyTumorSegLib.training.recipe import read_recipe
from KidneyTumorSegLib.training.start import (
    NETWORK_FILE,
    Start,
    network_facts,
    start_encoder,
    start_from_model,
    start_from_resnet18,
)


def test_the_first_layer_computes_what_the_folded_convolution_did(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folded = {"conv1.weight": torch.randn(64, 3, 7, 7), "conv1.bias": torch.randn(64)}
    file = tmp_path / "folded.safetensors"
    save_file(folded, file)
    network = build("unet_resnet34", {"slices": 3, "channels": 3}).eval()
    said = start_from_resnet18(network, file, slices=3)
    assert said.sentence.startswith("1 convolutions of the encoder start from an ImageNet ResNet-18")
    gray = torch.randn(2, 1, 32, 32)
    expected = functional.conv2d(
        gray.expand(-1, 3, -1, -1), folded["conv1.weight"], folded["conv1.bias"], stride=2, padding=3
    )
    with torch.no_grad():
        got = network.encoder.bn1(network.encoder.conv1(gray.expand(-1, 3, -1, -1)))
    assert torch.allclose(got, expected, atol=1e-2, rtol=1e-3)


def test_blocks_that_resnet18_lacks_begin_as_the_identity(tmp_path: Path) -> None:
    file = tmp_path / "folded.safetensors"
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7), "conv1.bias": torch.zeros(64)}, file)
    network = build("unet_resnet34", {"slices": 3, "channels": 3}).eval()
    start_from_resnet18(network, file, slices=3)
    positive = torch.rand(1, 64, 16, 16)
    with torch.no_grad():
        assert torch.equal(network.encoder.layer1[2](positive), positive)


def test_a_file_that_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "folded.safetensors"
    file.write_bytes(b"no")
    with pytest.raises(InputError, match=r"encoder weights folded\.safetensors cannot be read"):
        start_from_resnet18(torch.nn.Module(), file, 3)


def test_a_network_that_starts_from_a_model_computes_what_the_model_did(
    write_random_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write_random_model(tmp_path / "model")
    model, fresh = read_folder(folder), build("unet_mobilenet", {"slices": 3, "channels": 12}).eval()
    said = start_from_model(fresh, folder)
    assert said.data == model.contract.training.data
    network = load(model, torch.device("cpu")).network
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(fresh(image)[:, :3], network(image), atol=1e-5)


@pytest.mark.parametrize("kept", [None, 1, 2])
def test_a_model_that_goes_on_from_another_left_out_only_what_both_did(
    write_random_model: Callable[..., Path], tmp_path: Path, kept: int | None
) -> None:
    folder = write_random_model(tmp_path / "model")
    contract = read_folder(folder).contract
    write_contract(folder, replace(contract, training=replace(contract.training, fold=kept)))
    network = build("unet_mobilenet", {"slices": 3, "channels": 12})
    assert start_from_model(network, folder).left_out(1) == (1 if kept == 1 else None)
    save_file(network.state_dict(), tmp_path / NETWORK_FILE, metadata=network_facts(contract.training.data, kept))
    said = start_from_model(network, tmp_path / NETWORK_FILE)
    assert (said.data, said.fold) == (contract.training.data, kept)
    assert Start("all weights start from scratch").left_out(1) == 1


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    save_file({"encoder.conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / NETWORK_FILE)
    with pytest.raises(InputError, match="belong to another architecture or another number of slices"):
        start_from_model(build("unet_resnet34", {"slices": 3, "channels": 3}), tmp_path / NETWORK_FILE)


def test_imagenet_without_internet_says_what_else_can_be_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    network = build("unet_resnet34", {"slices": 3, "channels": 3})
    with pytest.raises(EnvironmentProblem, match=r"could not be fetched from https://.*--encoder-weights none"):
        start_encoder(network, read_recipe("unet-resnet34"), "imagenet", tmp_path)


def test_an_architecture_without_such_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="'unet_mobilenet' has no encoder weights"):
        start_encoder(torch.nn.Module(), read_recipe("kidney-locator"), "imagenet", tmp_path)

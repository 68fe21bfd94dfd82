"""An encoder started from folded weights computes what those weights computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional
from safetensors.torch import save_file

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.networks import build
from KidneyTumorSegLib.training.encoder_start import start_from_resnet18


def test_the_first_layer_computes_what_the_folded_convolution_did(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folded = {"conv1.weight": torch.randn(64, 3, 7, 7), "conv1.bias": torch.randn(64)}
    file = tmp_path / "folded.safetensors"
    save_file(folded, file)
    network = build("unet_resnet34", {"slices": 3, "channels": 3}).eval()
    said = start_from_resnet18(network, file, slices=3)
    assert said.startswith("1 convolutions of the encoder start from an ImageNet ResNet-18")
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

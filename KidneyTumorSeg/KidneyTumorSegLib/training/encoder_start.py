"""Starts a ResNet-34 encoder from an ImageNet ResNet-18 whose batch norm is folded into its convolutions.

The first two blocks of layers 1 to 3 have the same shapes in both networks. A folded weight is loaded as it is, its
bias becomes the batch norm's, whose other numbers make it the identity. Blocks that ResNet-18 lacks begin as the
identity too: their last batch norm's weight is 0 (Goyal et al. 2017).
"""

from __future__ import annotations

from pathlib import Path

import torch

from ..errors import InputError

RESNET18_FILE = "resnet18_imagenet_bnfolded_partial_fp16.safetensors"


def start_from_resnet18(network: torch.nn.Module, file: Path, slices: int) -> str:
    """Load what fits into `network.encoder`, in place.

    Args:
        network: a U-Net with a ResNet-34 encoder under torchvision's names.
        file: the folded weights (safetensors).
        slices: input channels of the network; the gray image's filter is shared among them.

    Returns:
        A sentence for the model card.

    Raises:
        InputError: the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        folded = {name: value.float() for name, value in load_file(file).items()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"The encoder weights {file.name} cannot be read: {error}.") from error
    encoder = network.encoder
    assert isinstance(encoder, torch.nn.Module)
    state = encoder.state_dict()
    with torch.no_grad():
        for name in [n for n in state if n.endswith(".bn2.weight") and n.split(".")[1] not in ("0", "1")]:
            state[name].zero_()
        loaded = 0
        for name, weight in folded.items():
            if not name.endswith("weight"):
                continue
            if name == "conv1.weight":
                weight = weight.sum(dim=1, keepdim=True).expand(-1, slices, -1, -1) / slices
            if name not in state or state[name].shape != weight.shape:
                continue
            state[name].copy_(weight)
            norm = _norm_of(name)
            state[f"{norm}.weight"].fill_(1.0)
            state[f"{norm}.bias"].copy_(folded[name.replace("weight", "bias")])
            state[f"{norm}.running_mean"].zero_()
            state[f"{norm}.running_var"].fill_(1.0)
            loaded += 1
    return f"{loaded} convolutions of the encoder start from an ImageNet ResNet-18 ({file.name}), the rest from scratch"


def _norm_of(convolution: str) -> str:
    """The batch norm behind a convolution, by torchvision's names."""
    if convolution.endswith("downsample.0.weight"):
        return convolution.replace("downsample.0.weight", "downsample.1")
    return convolution.removesuffix(".weight").replace("conv", "bn")

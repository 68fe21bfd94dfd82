"""What a network's weights start from: a model that was trained before, or ImageNet for the encoder.

Offline there may be an ImageNet ResNet-18 whose batch norm is folded into its convolutions. The first two blocks of
layers 1 to 3 have the same shapes in a ResNet-34. A folded weight is loaded as it is, its bias becomes the batch
norm's, whose other numbers make it the identity. Blocks that ResNet-18 lacks begin as the identity too: their last
batch norm's weight is 0 (Goyal et al. 2017).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..errors import EnvironmentProblem, InputError
from ..models import read_folder
from ..models.contract import DataSource
from ..models.folder import WEIGHTS_FILE
from .recipe import Recipe

RESNET18_FILE = "resnet18_imagenet_bnfolded_partial_fp16.safetensors"
NETWORK_FILE = "network.safetensors"
"""What a training leaves beside the model folder: all channels in full precision, to go on from."""
HEAD = "segmentation_head.0."
"""Names of the last convolution's weights begin so."""


@dataclass(frozen=True)
class Start:
    """What the weights started from.

    Attributes:
        sentence: for the model card.
        data: what an earlier model had learned from; empty: there is none.
        fold: the part of the split that the earlier model left out; None: none that is known.
    """

    sentence: str
    data: tuple[DataSource, ...] = ()
    fold: int | None = None

    def left_out(self, fold: int | None) -> int | None:
        """The part that nobody has learned from when the training leaves out `fold`: the earlier model counts too."""
        return fold if not self.data or self.fold == fold else None


def start_encoder(network: torch.nn.Module, recipe: Recipe, choice: str, folder: Path) -> Start:
    """Load the start that was asked for into `network.encoder`, in place.

    Args:
        network: of the recipe.
        recipe: that it was built for.
        choice: "auto" (the file in `folder` where there is one, else from scratch), "none", "imagenet" (fetched from
            the internet by torchvision) or the path of a file like the one in `folder`.
        folder: may hold `RESNET18_FILE`.

    Returns:
        What it was.

    Raises:
        InputError: the file is missing or cannot be read.
        EnvironmentProblem: the weights could not be fetched, or the architecture has no such start.
    """
    fits = recipe.architecture.name == "unet_resnet34"
    if choice == "none" or (choice == "auto" and not (fits and (folder / RESNET18_FILE).is_file())):
        return Start("all weights start from scratch")
    if not fits:
        raise EnvironmentProblem(
            f"The architecture '{recipe.architecture.name}' has no encoder weights to start from. "
            "Leave --encoder-weights out."
        )
    if choice == "imagenet":
        return _start_from_torchvision(network, recipe.input.slices)
    file = folder / RESNET18_FILE if choice == "auto" else Path(choice)
    return start_from_resnet18(network, file, recipe.input.slices)


def start_from_model(network: torch.nn.Module, file: Path) -> Start:
    """Load the weights of a whole network, in place: a model folder's, or a training's `NETWORK_FILE`.

    Channels that the file lacks (a model folder holds no organs) keep their fresh weights.

    Args:
        network: of the same architecture.
        file: a model folder, or a safetensors file.

    Returns:
        What it was.

    Raises:
        InputError: the file is missing, cannot be read, or is of another architecture.
    """
    saved = _read(file / WEIGHTS_FILE if file.is_dir() else file, "weights to start from")
    state = network.state_dict()
    wanted = {name for name in state if not name.endswith("num_batches_tracked")}
    others = {name for name in wanted if name in saved and saved[name].shape[1:] != state[name].shape[1:]}
    if wanted - set(saved) or others:
        raise InputError(
            f"The weights to start from in {file} belong to another architecture or another number of slices than "
            "the recipe's. Choose a model that was trained by the same kind of recipe."
        )
    with torch.no_grad():
        for name in wanted:
            rows = slice(0, len(saved[name])) if name.startswith(HEAD) else slice(None)
            state[name][rows].copy_(saved[name])
    return Start(f"all weights start from an earlier model ({file.name})", *_learned_from(file))


def network_facts(data: tuple[DataSource, ...], fold: int | None) -> dict[str, str]:
    """What a `NETWORK_FILE` says of itself: what was learned from, and which part of the split was left out."""
    return {"data": json.dumps([asdict(source) for source in data]), "fold": json.dumps(fold)}


def _learned_from(file: Path) -> tuple[tuple[DataSource, ...], int | None]:
    """What the model behind these weights learned from, whose licenses go on with them, and what it left out."""
    from safetensors import safe_open

    if file.is_dir():
        training = read_folder(file).contract.training
        return training.data, training.fold
    with safe_open(file, framework="pt") as opened:
        facts = opened.metadata() or {}
    sources = json.loads(facts.get("data", "[]"))
    return tuple(DataSource(**source) for source in sources), json.loads(facts.get("fold", "null"))


def _read(file: Path, what: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {name: value.float() for name, value in load_file(file).items()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"The {what} {file.name} cannot be read: {error}.") from error


def _start_from_torchvision(network: torch.nn.Module, slices: int) -> Start:
    """The whole ResNet-34 as torchvision publishes it."""
    from torchvision.models import ResNet34_Weights

    weights = ResNet34_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False)
    except OSError as error:  # URLError is one
        raise EnvironmentProblem(
            f"The encoder weights could not be fetched from {weights.url}: {error}. Connect to the internet, "
            "name a file with --encoder-weights, or train with --encoder-weights none."
        ) from error
    state["conv1.weight"] = _gray(state["conv1.weight"], slices)
    encoder = network.encoder
    assert isinstance(encoder, torch.nn.Module)
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})
    return Start("the encoder starts from torchvision's ImageNet ResNet-34 (IMAGENET1K_V1), the rest from scratch")


def _gray(weight: torch.Tensor, slices: int) -> torch.Tensor:
    """The color image's filter summed up for gray, and shared among the slices."""
    return weight.sum(dim=1, keepdim=True).expand(-1, slices, -1, -1) / slices


def start_from_resnet18(network: torch.nn.Module, file: Path, slices: int) -> Start:
    """Load what fits into `network.encoder`, in place.

    Args:
        network: a U-Net with a ResNet-34 encoder under torchvision's names.
        file: the folded weights (safetensors).
        slices: input channels of the network; the gray image's filter is shared among them.

    Returns:
        What it was.

    Raises:
        InputError: the file cannot be read.
    """
    folded = _read(file, "encoder weights")
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
                weight = _gray(weight, slices)
            if name not in state or state[name].shape != weight.shape:
                continue
            state[name].copy_(weight)
            norm = _norm_of(name)
            state[f"{norm}.weight"].fill_(1.0)
            state[f"{norm}.bias"].copy_(folded[name.replace("weight", "bias")])
            state[f"{norm}.running_mean"].zero_()
            state[f"{norm}.running_var"].fill_(1.0)
            loaded += 1
    return Start(
        f"{loaded} convolutions of the encoder start from an ImageNet ResNet-18 ({file.name}), the rest from scratch"
    )


def _norm_of(convolution: str) -> str:
    """The batch norm behind a convolution, by torchvision's names."""
    if convolution.endswith("downsample.0.weight"):
        return convolution.replace("downsample.0.weight", "downsample.1")
    return convolution.removesuffix(".weight").replace("conv", "bn")

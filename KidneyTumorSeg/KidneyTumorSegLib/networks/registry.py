"""The names a `model.json` may ask for, and the file that builds each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import EnvironmentProblem

if TYPE_CHECKING:
    import torch

ARCHITECTURES = {
    "unet_resnet34": "U-Net with a ResNet-34 encoder, slice by slice",
    "unet_mobilenet": "U-Net with a MobileNetV2 encoder: small, for locating the kidneys",
}
"""Name of the file in this folder, and what it is. Each file has one function `build(**args) -> torch.nn.Module`."""


def build(name: str, args: dict[str, Any]) -> torch.nn.Module:
    """Build a network with fresh weights.

    Every network maps float [batch, slices, height, width], height and width multiples of 32, to logits
    [batch, channels, height, width].

    Args:
        name: a key of `ARCHITECTURES`.
        args: what the architecture's own `build` takes.

    Raises:
        EnvironmentProblem: the name or an argument is not known to this version, or a package is missing.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise EnvironmentProblem(
            f"The model asks for the architecture '{name}', which this version does not know (it knows {known}). "
            "Update KidneyTumorSeg."
        )
    try:
        from .torchvision_schemas import declare_missing

        declare_missing()
        module = import_module(f"{__package__}.{name}")
    except ImportError as error:
        raise EnvironmentProblem(
            f"The package '{error.name}' is missing, which the model needs. Install it and try again."
        ) from error
    try:
        network: torch.nn.Module = module.build(**args)
    except TypeError as error:
        raise EnvironmentProblem(
            f"The model's settings for the architecture '{name}' are not valid: {error}."
        ) from error
    return network

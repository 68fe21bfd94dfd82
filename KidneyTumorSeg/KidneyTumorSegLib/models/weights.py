"""Loads weights into a network, and refuses anything but the genuine file: safetensors, hash, shapes, finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import EnvironmentProblem
from ..networks import build
from .folder import ModelFolder, sha256_of

if TYPE_CHECKING:
    import torch

_AGAIN = "Get the model folder again."


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights on a device, and the folder that it came from."""

    folder: ModelFolder
    network: torch.nn.Module
    device: torch.device


def load(folder: ModelFolder, device: torch.device) -> LoadedModel:
    """Build the network, load its weights and move it to the device, ready to predict.

    Raises:
        EnvironmentProblem: the weights are missing, truncated, changed, pickled, of the wrong shape or not finite.
    """
    import torch

    state = _read_state(folder)
    network = build(folder.contract.architecture.name, folder.contract.architecture.args)
    # What batch norm only counts while training is not kept in the file.
    wanted = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    _check_shapes(folder, wanted, state)
    network.load_state_dict({name: value.to(wanted[name].dtype) for name, value in state.items()}, strict=False)
    network.requires_grad_(requires_grad=False).eval()
    ready = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LoadedModel(folder, ready, device)


def verify(folder: ModelFolder) -> None:
    """Check that a model loads: hash, shapes, finite numbers.

    Raises:
        EnvironmentProblem: as `load`.
    """
    import torch

    load(folder, torch.device("cpu"))


def _read_state(folder: ModelFolder) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    promised = folder.contract.weights
    if promised is None:
        raise EnvironmentProblem(f"The model '{folder.name}' names no weights. {_AGAIN}")
    file = folder.path / promised.file
    if not file.is_file():
        raise EnvironmentProblem(f"The weights of the model '{folder.name}' are missing: {file}. {_AGAIN}")
    size = file.stat().st_size
    if size != promised.bytes:
        raise EnvironmentProblem(
            f"The weights of the model '{folder.name}' have {size} bytes, not {promised.bytes}: "
            f"the file is truncated or another one ({file}). {_AGAIN}"
        )
    if sha256_of(file) != promised.sha256:
        raise EnvironmentProblem(
            f"The weights of the model '{folder.name}' were changed or damaged: "
            f"their SHA-256 is not the one in model.json ({file}). {_AGAIN}"
        )
    try:
        state: dict[str, torch.Tensor] = load_file(file)
    except SafetensorError as error:
        raise EnvironmentProblem(
            f"The weights of the model '{folder.name}' are no safetensors file ({error}). "
            "Pickled weights can run code and are never read; convert them to safetensors."
        ) from error
    return state


def _check_shapes(folder: ModelFolder, wanted: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> None:
    import torch

    def refuse(what: str) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"The weights of the model '{folder.name}' do not fit its architecture "
            f"'{folder.contract.architecture.name}': {what}. {_AGAIN}"
        )

    if missing := sorted(set(wanted) - set(state)):
        raise refuse(f"{len(missing)} tensors are missing, the first is {missing[0]}")
    if strange := sorted(set(state) - set(wanted)):
        raise refuse(f"{len(strange)} tensors are not known, the first is {strange[0]}")
    for name, value in state.items():
        if value.shape != wanted[name].shape:
            raise refuse(f"{name} has the shape {tuple(value.shape)}, not {tuple(wanted[name].shape)}")
        if not torch.isfinite(value).all():
            raise EnvironmentProblem(
                f"The weights of the model '{folder.name}' hold values that are not numbers (in {name}). {_AGAIN}"
            )

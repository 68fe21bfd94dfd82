"""A model is a folder: `model.json`, `weights.safetensors`, `card.md`. Reading it needs no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EnvironmentProblem
from ..resources import resource, user_folder
from .contract import (
    Architecture,
    Cleanup,
    DataSource,
    Decision,
    InputContract,
    Locate,
    ModelContract,
    Score,
    TrainingRecord,
    WeightsFile,
)

if TYPE_CHECKING:
    import torch

CONTRACT_FILE, WEIGHTS_FILE, CARD_FILE = "model.json", "weights.safetensors", "card.md"


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk whose contract was read and found valid. The weights are checked when they are loaded."""

    path: Path
    contract: ModelContract

    @property
    def name(self) -> str:
        """As in the contract."""
        return self.contract.name

    @property
    def version(self) -> str:
        """As in the contract."""
        return self.contract.version

    def card_text(self) -> str:
        """The model card, Markdown; empty if the folder has none."""
        card = self.path / CARD_FILE
        return card.read_text(encoding="utf-8") if card.is_file() else ""

    def locator(self) -> ModelFolder | None:
        """The model that locates for this one: beside it, else bundled or the user's. None: the whole scan is searched.

        Raises:
            EnvironmentProblem: it is named but not there.
        """
        if self.contract.locate is None:
            return None
        beside = self.path.parent / self.contract.locate.model
        return read_folder(beside) if beside.is_dir() else open_model(self.contract.locate.model)


def available(task: str = "segment") -> tuple[ModelFolder, ...]:
    """All bundled models and the user's own, by name; a user's model hides a bundled one of the same name.

    Raises:
        EnvironmentProblem: a folder that holds a `model.json` is not valid.
    """
    found: dict[str, ModelFolder] = {}
    for place in (resource("Models"), user_folder() / "models"):
        for contract in sorted(place.glob(f"*/{CONTRACT_FILE}")):
            folder = read_folder(contract.parent)
            if folder.contract.task == task:
                found[folder.name] = folder
    return tuple(found[name] for name in sorted(found))


def open_model(name_or_path: str) -> ModelFolder:
    """The model of this name, or in this folder.

    Raises:
        EnvironmentProblem: there is none, or it is not valid; the sentence says which exist.
    """
    as_path = Path(name_or_path)
    if as_path.is_dir():
        return read_folder(as_path)
    if as_path.name == name_or_path:
        for place in (user_folder() / "models", resource("Models")):
            if (place / name_or_path / CONTRACT_FILE).is_file():
                return read_folder(place / name_or_path)
    known = ", ".join(folder.name for folder in available()) or "none"
    raise EnvironmentProblem(
        f"There is no model '{name_or_path}'. Installed models: {known}. "
        "Give one of these names, or the path of a model folder."
    )


def read_folder(path: Path) -> ModelFolder:
    """Read and check `model.json`.

    Raises:
        EnvironmentProblem: it is missing, is no JSON, or breaks the schema; the sentence names the field.
    """
    file = path / CONTRACT_FILE
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EnvironmentProblem(
            f"The model folder {path} has no {CONTRACT_FILE}: it is not a model, or the copy is incomplete. "
            "Copy it again."
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EnvironmentProblem(f"{file} cannot be read ({error}). Copy the model folder again.") from error
    _check_schema(table, file)
    return ModelFolder(path, _contract_of(table))


def write_folder(path: Path, contract: ModelContract, weights: dict[str, torch.Tensor]) -> Path:
    """Write a model folder: weights, then the contract with their hash and size.

    Args:
        path: the folder; made if missing.
        contract: `weights` in it is filled in here.
        weights: the network's state, contiguous tensors.

    Returns:
        The folder.
    """
    from safetensors.torch import save_file

    path.mkdir(parents=True, exist_ok=True)
    file = path / WEIGHTS_FILE
    save_file(weights, file)
    kinds = {str(value.dtype).removeprefix("torch.") for value in weights.values() if value.is_floating_point()}
    written = WeightsFile(WEIGHTS_FILE, sha256_of(file), "/".join(sorted(kinds)), file.stat().st_size)
    write_contract(path, replace(contract, weights=written))
    return path


def write_contract(path: Path, contract: ModelContract) -> None:
    """Write `model.json` into a model folder."""
    text = json.dumps(asdict(contract), indent=2, ensure_ascii=False)
    (path / CONTRACT_FILE).write_text(text + "\n", encoding="utf-8")


def sha256_of(file: Path) -> str:
    """Hash of a file's bytes, as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_schema(table: Any, file: Path) -> None:
    import jsonschema

    schema = json.loads(resource("Models", "model.schema.json").read_text(encoding="utf-8"))
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(table), key=lambda error: list(error.path))
    if errors:
        where = ".".join(str(part) for part in errors[0].path) or "the file"
        raise EnvironmentProblem(
            f"{file} is not a valid model description: {where}: {errors[0].message}. "
            "Get the model again or correct the file."
        )


def _contract_of(table: dict[str, Any]) -> ModelContract:
    entry, decision, training = table["input"], table["decision"], table["training"]
    sources = tuple(DataSource(**source) for source in training["data"])
    low, high = entry["window_hu"]
    return ModelContract(
        **{
            **table,
            "architecture": Architecture(**table["architecture"]),
            "input": InputContract(**{**entry, "window_hu": (low, high)}),
            "regions": tuple(table["regions"]),
            "decision": Decision(decision["thresholds"], Cleanup(**decision["cleanup"]), decision["smooth_mm"]),
            "locate": Locate(**table["locate"]) if table["locate"] else None,
            "weights": WeightsFile(**table["weights"]),
            "training": TrainingRecord(**{**training, "data": sources}),
            "scores": tuple(Score(**score) for score in table["scores"]),
            "limits": tuple(table["limits"]),
        }
    )

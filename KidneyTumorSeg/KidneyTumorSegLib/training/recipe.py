"""A recipe: every choice of one training, read from `Resources/Recipes/NAME.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..models.contract import Architecture, Cleanup, InputContract
from ..resources import resource


@dataclass(frozen=True)
class Recipe:
    """The choices of one training.

    Attributes:
        name: of the recipe and of the model that it makes.
        title: what the model is, for people.
        architecture, input: see `models.contract`.
        regions: ids of the regions that the finished model predicts; the other channels only teach.
        locator: name of the model that locates for this one; empty for a locator itself.
        steps: optimizer steps.
        batch: crops a step.
        crop_px: side of a square crop, pixels at the working spacing.
        learning_rate: the peak; warms up over 5 % of the steps, then falls to 0 along a cosine.
        weight_decay: of AdamW.
        ema: decay of the running average of the weights that is kept.
        seed: of everything random.
        phantoms: how many synthetic abdomens are mixed in.
        mix: share of the crops by kind of case.
        aim: share of the crops centered on a lesion, on a kidney, and anywhere in the body.
        validate_every: steps.
        limits: sentences for the model card: what it is bad at, or was never shown.
        threshold, smooth_mm, cleanup: how the model decides (see `models.contract.Decision`); chosen on validation.
    """

    name: str
    title: str
    architecture: Architecture
    input: InputContract
    regions: tuple[str, ...]
    locator: str
    steps: int
    batch: int
    crop_px: int
    learning_rate: float
    weight_decay: float
    ema: float
    seed: int
    phantoms: int
    mix: dict[str, float]
    aim: dict[str, float]
    validate_every: int
    limits: tuple[str, ...]
    threshold: float
    smooth_mm: float
    cleanup: Cleanup

    def quick(self) -> Recipe:
        """The same in minutes: proves that everything works, not that it works well."""
        return replace(self, steps=20, batch=2, crop_px=64, phantoms=2, validate_every=10)


def recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the product."""
    return tuple(sorted(path.stem for path in resource("Recipes").glob("*.toml") if path.stem != "split"))


def read_recipe(name: str) -> Recipe:
    """The recipe of this name, or in this file.

    Raises:
        UsageError: there is none, or it lacks or misspells a field.
    """
    path = Path(name) if name.endswith(".toml") else resource("Recipes", f"{name}.toml")
    if not path.is_file():
        raise UsageError(
            f"There is no recipe '{name}'. Known: {', '.join(recipes())}; or give the path of a .toml file."
        )
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    wanted = {field.name for field in fields(Recipe)}
    if missing := wanted - set(table):
        raise UsageError(f"The recipe {path.name} lacks: {', '.join(sorted(missing))}.")
    if strange := set(table) - wanted:
        raise UsageError(f"The recipe {path.name} has fields that are not known: {', '.join(sorted(strange))}.")
    table["architecture"] = Architecture(**table["architecture"])
    table["input"]["window_hu"] = tuple(table["input"]["window_hu"])
    table["input"] = InputContract(**table["input"])
    table["cleanup"] = Cleanup(**table["cleanup"])
    table["regions"], table["limits"] = tuple(table["regions"]), tuple(table["limits"])
    return Recipe(**table)

"""A recipe: every choice of one training, read from `Resources/Recipes/NAME.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import UsageError
from ..models.contract import Architecture, Cleanup, InputContract
from ..resources import resource

LOSSES = ("bce", "bce+dice", "by-crop")


@dataclass(frozen=True)
class Optimization:
    """How the weights move.

    Attributes:
        optimizer: "adamw" or "adam".
        learning_rate: the peak.
        weight_decay: of AdamW.
        schedule: "cosine" (warms up over 5 % of the steps, then falls to 0) or "constant".
        loss: one of `LOSSES`; see `losses.loss_of`.
        batch: crops an optimizer step.
        micro_batch: crops at once; gradients of batch / micro_batch of them are summed where memory asks for it.
        steps: optimizer steps; 0 where `epochs` says how long.
        epochs: times as many crops as there are labeled slices; 0 where `steps` says how long.
        ema: decay of the running average of the weights that is kept; 0: none.
        validate_every: optimizer steps between validations; 0: once an epoch.
        patience: validations without a lower validation loss after which the training ends early; 0: never.
        keep: "best" (lowest validation loss) or "last".
        overfit_delta: warn when the mean Dice on training cases is so much above that on validation cases (the test
            of Parvathi and Jonnadula, Custom U-Net and Mask R-CNN, for overfitting: D >= delta).
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    loss: str
    batch: int
    micro_batch: int
    steps: int
    epochs: int
    ema: float
    validate_every: int
    patience: int
    keep: str
    overfit_delta: float


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a crop; see `augment.Augment`. A range or strength of 0 leaves that change out.

    Attributes:
        turn_deg: turned by up to this, either way.
        zoom: made larger by a factor between 1 / this and this.
        stretch: one axis against the other, as a logarithm.
        mirror: share that is mirrored left to right.
        scale: HU multiplied by 1 plus or minus up to this.
        shift_hu: HU moved by up to this.
        noise_hu: standard deviation of added noise, up to this.
        blur: share that is blurred.
        raised_floor: share that is cut off at 0 HU, as sources that were saved as pictures are.
        contrast: share whose values above soft tissue are pressed together or stretched, for scans whose organs are
            not labeled, so that `phases` cannot change them organ by organ.
    """

    turn_deg: float
    zoom: float
    stretch: float
    mirror: float
    scale: float
    shift_hu: float
    noise_hu: float
    blur: float
    raised_floor: float
    contrast: float


@dataclass(frozen=True)
class Variation:
    """Cases that are made from real ones while the training runs; see `variants`.

    Attributes:
        share: of the crops that come from varied cases; 0: none.
        lesions: share of the varied cases that get synthetic lesions.
        phase: share of the varied cases whose contrast phase is changed.
        look_alike: share of the varied cases that get something that only looks like a lesion, or lose a kidney.
    """

    share: float
    lesions: float
    phase: float
    look_alike: float


@dataclass(frozen=True)
class Recipe:
    """The choices of one training.

    Attributes:
        name: of the recipe and of the model that it makes.
        title: what the model is, for people.
        architecture, input: see `models.contract`.
        regions: ids of the regions that the finished model predicts; the other channels only teach.
        locator: name of the model that locates for this one; empty for a locator itself.
        crop_px: side of a square crop, pixels at the working spacing.
        seed: of everything random.
        organs: whether labeled organs teach as further channels.
        phantoms: how many synthetic abdomens are mixed in.
        mix: share of the crops by kind of case.
        aim: share of the crops centered on a lesion, and on a kidney; the rest anywhere in the body.
        optimization, augmentation, variation: see there.
        limits: sentences for the model card: what it is bad at, or was never shown.
        threshold, smooth_mm, cleanup: how the model decides (see `models.contract.Decision`); chosen on validation.
    """

    name: str
    title: str
    architecture: Architecture
    input: InputContract
    regions: tuple[str, ...]
    locator: str
    crop_px: int
    seed: int
    organs: bool
    phantoms: int
    mix: dict[str, float]
    aim: dict[str, float]
    optimization: Optimization
    augmentation: Augmentation
    variation: Variation
    limits: tuple[str, ...]
    threshold: float
    smooth_mm: float
    cleanup: Cleanup

    def quick(self) -> Recipe:
        """The same in minutes: proves that everything works, not that it works well."""
        short = replace(
            self.optimization, steps=20, epochs=0, batch=2, micro_batch=min(2, self.optimization.micro_batch),
            validate_every=10, patience=0,
        )  # fmt: skip
        return replace(self, crop_px=64, phantoms=2, optimization=short)


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
    for part, kind in _PARTS.items():
        table[part] = _filled(kind, table.get(part, {}), f"{path.name}, [{part}]")
    if (loss := table["optimization"].loss) not in LOSSES:
        raise UsageError(f"The recipe {path.name} names the loss '{loss}'. Known: {', '.join(LOSSES)}.")
    return _filled(Recipe, table, path.name)


_PARTS: dict[str, type[Any]] = {
    "architecture": Architecture,
    "input": InputContract,
    "optimization": Optimization,
    "augmentation": Augmentation,
    "variation": Variation,
    "cleanup": Cleanup,
}

T = TypeVar("T")


def _filled(kind: type[T], table: dict[str, Any], where: str) -> T:
    """A dataclass from a table that must name each of its fields, and no other."""
    wanted = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if missing := wanted - set(table):
        raise UsageError(f"The recipe {where} lacks: {', '.join(sorted(missing))}.")
    if strange := set(table) - wanted:
        raise UsageError(f"The recipe {where} has fields that are not known: {', '.join(sorted(strange))}.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})

"""From data to a model folder: the one function that `train` calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import torch

from ..errors import UsageError
from .case import Case
from .devices import helps_another_process, learning_devices
from .export import Learned, write_model
from .fit import CHECKPOINT, SILENT, Listener, fit
from .gather import gather
from .module import SegmentationModule
from .recipe import Recipe, read_recipe
from .samples import Batches
from .split import write_split
from .start import start_encoder, start_from_model
from .variants import Variants

SPLIT_FILE = "split.toml"
"""Beside the checkpoints: who was kept out."""
_SEEN_BEFORE = (
    "The model to start from is not known to have left out part {fold} of the split, so that scores on it may be too "
    "good; the new model's record names no part that it was kept from. To measure on it, start from a model that was "
    "trained with --fold {fold}."
)
_SEEN_CASES = 4  # cases that are learned from and validated too, so that overfitting shows


def train(
    recipe_name: str,
    data: Path,
    output: Path,
    *,
    quick: bool = False,
    resume: bool = False,
    fold: int | None = None,
    split_file: Path | None = None,
    encoder_weights: str = "auto",
    start: Path | None = None,
    devices: int | None = None,
    listener: Listener | None = None,
) -> Path:
    """Train a recipe and write a model folder.

    Args:
        recipe_name: name of a recipe, or the path of a .toml file.
        data: folder as `sources` describes it, or one that `gather.pack_data` wrote.
        output: folder for the checkpoints, the metrics and, at the end, the model folder `output/NAME`.
        quick: a few steps only, to see that everything works.
        resume: go on from the checkpoint in `output`.
        fold: leave this part of the split out (from 1), for cross-validation; None learns from all folds.
        split_file: who is kept out; None: our own split, and a choice among patients whom it does not name. The split
            that was used is written to `output/split.toml`, and taken up again when the training is resumed.
        encoder_weights: what the encoder starts from; see `start.start_encoder`.
        start: a model folder, or the `NETWORK_FILE` of an earlier training, to start all weights from instead.
        devices: graphics cards to learn on, each in its own process (see `devices`); None: all.
        listener: who wants to know how it goes.

    Returns:
        The model folder. Its scores are measured by `score.score_model`, not here.

    Raises:
        InputError: the data cannot be used.
        UsageError: no such recipe, nothing to resume, or not so many devices.
        SystemExit: this process only helped another one, which goes on.
    """
    recipe = read_recipe(recipe_name)
    recipe = recipe.quick() if quick else recipe
    devices = learning_devices(devices)
    if resume and not (output / CHECKPOINT).is_file():
        raise UsageError(f"There is nothing to resume in {output}: {CHECKPOINT} is missing.")
    output.mkdir(parents=True, exist_ok=True)
    listener = SILENT if helps_another_process() else listener or Listener()
    if resume and split_file is None and (output / SPLIT_FILE).is_file():
        split_file = output / SPLIT_FILE
    material = gather(data, recipe, split_file, fold, listener.on_problem)
    write_split(output / SPLIT_FILE, material.split)
    recipe = _with_length(recipe, material.learn)

    lightning.seed_everything(recipe.seed, verbose=False)
    seen = _cases_to_watch(material.learn) if material.validate else []
    module = SegmentationModule(recipe, material.validate, seen)
    begun = (
        start_from_model(module.network, start)
        if start
        else start_encoder(module.network, recipe, encoder_weights, data / "weights")
    )
    if begun.left_out(fold) != fold:
        listener.on_warning(_SEEN_BEFORE.format(fold=fold))
    module.to(memory_format=torch.channels_last)
    variants = Variants(material.learn, recipe.mix, recipe.variation, material.shapes, recipe.seed)
    batches = Batches([*material.learn, *material.phantoms], variants, recipe)
    watched = len(material.validate) + len(seen)
    steps = fit(module, recipe, batches, watched, output, resume=resume, devices=devices, listener=listener)
    learned = Learned(material.patients, begun, steps, fold, material.shapes.patients if variants else 0)
    return write_model(module.network, recipe, output, learned)


def _cases_to_watch(learn: list[Case]) -> list[Case]:
    """Whole scans, those with most of a lesion first: without one, there is no Dice to compare."""
    whole = [case for case in learn if len(case.hu) > 1]
    return sorted(whole, key=lambda case: -int(np.isin(case.labels, (2, 3)).sum()))[:_SEEN_CASES]


def _with_length(recipe: Recipe, learn: list[Case]) -> Recipe:
    """Epochs to steps: an epoch is as many crops as there are slices to learn from."""
    wanted = recipe.optimization
    an_epoch = max(1, sum(len(case.hu) for case in learn) // wanted.batch)
    steps, every = wanted.steps or wanted.epochs * an_epoch, wanted.validate_every or an_epoch
    return replace(recipe, optimization=replace(wanted, steps=steps, validate_every=min(every, steps)))

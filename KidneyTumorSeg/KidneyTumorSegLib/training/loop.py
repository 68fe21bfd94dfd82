"""From data to a model folder: the one function that `train` calls."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from ..errors import InputError, UsageError
from ..inference.device import half_type
from .case import Case, prepare
from .encoder_start import RESNET18_FILE, start_from_resnet18
from .export import write_model
from .module import SegmentationModule
from .recipe import Recipe, read_recipe
from .samples import Crops, collate
from .sources import Source, phantom_sources, read_sources
from .split import Split, read_split

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

logger = logging.getLogger(__name__)
# Lightning's advice on loggers to try is noise to those who train.
logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)

CHECKPOINT = "last.ckpt"
CHECKPOINT_EVERY = 250
"""Optimizer steps between checkpoints; the metrics are written as often."""


class _Tell(Callback):
    """Passes the step number on, so that the caller can show progress."""

    def __init__(self, on_step: Callable[[int, int, float], None]) -> None:
        self._on_step = on_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After every optimizer step: done, total, loss."""
        self._on_step(trainer.global_step, trainer.max_steps, float(outputs["loss"]))


def train(
    recipe_name: str,
    data: Path,
    output: Path,
    *,
    quick: bool = False,
    resume: bool = False,
    fold: int | None = None,
    encoder_weights: Path | None = None,
    on_step: Callable[[int, int, float], None] = lambda done, total, loss: None,
) -> Path:
    """Train a recipe and write a model folder.

    Args:
        recipe_name: name of a recipe, or the path of a .toml file.
        data: folder as `cases` describes it.
        output: folder for the checkpoint, the metrics and, at the end, the model folder `output/NAME`.
        quick: a few steps only, to see that everything works.
        resume: go on from the checkpoint in `output`.
        fold: leave this part of the split out (from 1), for cross-validation; None learns from all folds.
        encoder_weights: file to start the encoder from; default: the one in `data/weights`, where it fits.
        on_step: called after each step with steps done, steps in all, and loss.

    Returns:
        The model folder. Its scores are measured by `score.score_model`, not here.

    Raises:
        InputError: the data cannot be used.
        UsageError: no such recipe, or nothing to resume.
    """
    recipe = read_recipe(recipe_name)
    recipe = recipe.quick() if quick else recipe
    checkpoint = output / CHECKPOINT
    if resume and not checkpoint.is_file():
        raise UsageError(f"There is nothing to resume in {output}: {CHECKPOINT} is missing.")
    output.mkdir(parents=True, exist_ok=True)
    learn, validate = _divide(read_sources(data), read_split(), fold, recipe.input.spacing_mm)
    patients = sorted({case.patient for case in learn})
    learn += [prepare(source, recipe.input.spacing_mm) for source in phantom_sources(recipe.phantoms, recipe.seed)]

    lightning.seed_everything(recipe.seed, verbose=False)
    module = SegmentationModule(recipe, validate)
    started = _start_encoder(module, recipe, encoder_weights or data / "weights" / RESNET18_FILE)
    module.to(memory_format=torch.channels_last)
    _fit(module, recipe, learn, validate, output, checkpoint if resume else None, on_step)
    return write_model(module, recipe, output, patients, started)


def _divide(
    sources: Iterable[Source], split: Split, fold: int | None, spacing_mm: float
) -> tuple[list[Case], list[Case]]:
    """Prepared cases to learn from and to validate on; the others are not even prepared."""
    kept_out = split.test(fold) | split.unused
    learn: list[Case] = []
    validate: list[Case] = []
    for source in sources:
        if source.patient in split.validation:
            validate.append(prepare(source, spacing_mm))
        elif source.patient not in kept_out:
            learn.append(prepare(source, spacing_mm))
    if not learn:
        raise InputError(
            "All cases of the data folder are kept out of training by split.toml: nothing is left to learn from."
        )
    logger.info("%d cases to learn from, %d to validate on", len(learn), len(validate))
    return learn, validate


def _start_encoder(module: SegmentationModule, recipe: Recipe, file: Path) -> str:
    if recipe.architecture.name != "unet_resnet34" or not file.is_file():
        return "all weights start from scratch"
    return start_from_resnet18(module.network, file, recipe.input.slices)


def _fit(
    module: SegmentationModule,
    recipe: Recipe,
    learn: list[Case],
    validate: list[Case],
    output: Path,
    checkpoint: Path | None,
    on_step: Callable[[int, int, float], None],
) -> None:
    crops = Crops(learn, recipe)
    if checkpoint is not None:  # go on with the sample after the last one that was learned from
        steps_done = torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"]
        crops.drawn = steps_done * recipe.batch
    half = half_type(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    every = min(CHECKPOINT_EVERY, recipe.steps)
    checkpoints = ModelCheckpoint(
        output,
        filename="last",
        every_n_train_steps=every,
        save_on_train_epoch_end=False,
        enable_version_counter=False,  # one checkpoint, always of this name
    )
    trainer = lightning.Trainer(
        max_steps=recipe.steps,
        precision="bf16-mixed" if half == torch.bfloat16 else "32-true",
        logger=CSVLogger(output, name="metrics", flush_logs_every_n_steps=10),
        log_every_n_steps=10,
        callbacks=[EMAWeightAveraging(decay=recipe.ema), checkpoints, _Tell(on_step)],
        val_check_interval=recipe.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        limit_val_batches=len(validate) if validate else 0,
        gradient_clip_val=5.0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning and torch warn of each other's inner life
        trainer.fit(
            module,
            DataLoader(crops, batch_size=recipe.batch, collate_fn=collate),
            DataLoader(list(range(len(validate)))) if validate else None,  # type: ignore[arg-type]
            ckpt_path=checkpoint,
            weights_only=False,  # our own checkpoint: it also holds the state of the loop
        )

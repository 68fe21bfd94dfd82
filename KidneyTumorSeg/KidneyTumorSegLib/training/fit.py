"""Lightning's part of a training: loaders, callbacks, checkpoints, metrics as CSV and for TensorBoard."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch.utils.data import DataLoader

from ..errors import Cancelled
from ..inference.device import half_type
from .channels import REGION_CHANNELS
from .devices import helps_another_process
from .module import VALIDATION_LOSS, SegmentationModule
from .recipe import Recipe
from .samples import Batches, Stream
from .sources import OnProblem

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

logger = logging.getLogger(__name__)
# Lightning's advice on loggers to try, and how its processes find each other, is noise to those who train.
for _name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric"):
    logging.getLogger(_name).setLevel(logging.WARNING)

CHECKPOINT = "last.ckpt"
BEST = "best.ckpt"
CHECKPOINT_EVERY = 250
"""Optimizer steps between checkpoints."""
_PRECISION = "precision"
_WORKERS = 12  # at most; see variants.LANES


@dataclass(frozen=True)
class Listener:
    """Who wants to know how a training goes.

    Attributes:
        on_step: called after each optimizer step with steps done, steps in all, and loss; raises `Cancelled` to stop.
        on_warning: called with a sentence.
        on_problem: called for every case of the data that is left out.
    """

    on_step: Callable[[int, int, float], None] = lambda done, total, loss: None
    on_warning: Callable[[str], None] = logger.warning
    on_problem: OnProblem = logger.warning


SILENT = Listener(on_warning=lambda sentence: None, on_problem=lambda problem: None)
"""For a process that only helps: the first one tells."""


def fit(
    module: SegmentationModule,
    recipe: Recipe,
    batches: Batches,
    validations: int,
    output: Path,
    *,
    resume: bool,
    devices: int,
    listener: Listener,
) -> int:
    """Train in place; with the recipe's `keep = "best"` the module ends with the best weights.

    Several devices share out the batches that make up a step, so that the step is the same as on one; where a step
    has fewer batches than there are devices, it learns from one on each.

    Args:
        module: to train.
        recipe: how, and how many steps.
        batches: to learn from.
        validations: how many cases the module validates on, those that it learns from included; 0: it never does.
        output: folder for `last.ckpt`, `best.ckpt` and the metrics.
        resume: go on from `last.ckpt`.
        devices: how many learn together.
        listener: who wants to know.

    Returns:
        Optimizer steps done: fewer than the recipe's when it stopped early.

    Raises:
        Cancelled: by the listener.
        SystemExit: this process only helped another one, which goes on.
    """
    wanted, steps = recipe.optimization, recipe.optimization.steps
    accumulate = max(1, wanted.batch // (wanted.micro_batch * devices))
    done_before, precision = _begun(output / CHECKPOINT) if resume else (0, _precision_here())
    data = _Data(batches, done_before * accumulate, validations)
    trainer = lightning.Trainer(
        devices=devices,
        max_steps=steps,
        accumulate_grad_batches=accumulate,
        precision=precision,
        logger=_loggers(output),
        log_every_n_steps=10,
        callbacks=_callbacks(recipe, validations, output, listener),
        val_check_interval=wanted.validate_every * accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        limit_val_batches=validations,
        gradient_clip_val=5.0,
        use_distributed_sampler=False,  # `Stream` shares the batches out
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning and torch warn of each other's inner life
        try:
            trainer.fit(
                module,
                datamodule=data,
                ckpt_path=output / CHECKPOINT if resume else None,
                weights_only=False,  # our own checkpoint: it also holds the state of the loop
            )
        except Cancelled:
            if not helps_another_process():
                raise
    if helps_another_process():
        sys.exit()
    if wanted.keep == "best" and (output / BEST).is_file():
        module.load_state_dict(torch.load(output / BEST, map_location="cpu", weights_only=False)["state_dict"])
    return int(trainer.global_step)


def _precision_here() -> Any:
    """What computes faster on this computer, in Lightning's word."""
    half = half_type(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    return "bf16-mixed" if half == torch.bfloat16 else "32-true"


def _begun(checkpoint: Path) -> tuple[int, Any]:
    """Optimizer steps that a checkpoint was written after, and the precision that they were made in.

    Whoever goes on keeps it: on a busy computer the other one may seem faster, and the weights would differ.
    """
    saved = torch.load(checkpoint, map_location="cpu", weights_only=False)
    return int(saved["global_step"]), saved.get(_PRECISION) or _precision_here()


def _loggers(output: Path) -> list[Logger]:
    """The metrics as CSV, and for TensorBoard where it is installed: a borrowed machine may lack it."""
    found: list[Logger] = [CSVLogger(output, name="metrics", flush_logs_every_n_steps=10)]
    if find_spec("tensorboard"):
        found.append(TensorBoardLogger(output, name="tensorboard"))
    return found


def _callbacks(recipe: Recipe, validations: int, output: Path, listener: Listener) -> list[Callback]:
    wanted, steps = recipe.optimization, recipe.optimization.steps
    # One file, always of this name.
    plain: dict[str, Any] = {"save_on_train_epoch_end": False, "enable_version_counter": False}
    found: list[Callback] = [
        ModelCheckpoint(output, filename="last", every_n_train_steps=min(CHECKPOINT_EVERY, steps), **plain),
        _Tell(listener, steps),
    ]
    if wanted.ema:
        found.insert(0, EMAWeightAveraging(decay=wanted.ema))
    if validations:
        found.append(_Overfit(wanted.overfit_delta, listener))
        if wanted.keep == "best":
            found.append(ModelCheckpoint(output, filename="best", monitor=VALIDATION_LOSS, **plain))
        if wanted.patience:
            found.append(EarlyStopping(VALIDATION_LOSS, patience=wanted.patience))
    return found


class _Data(lightning.LightningDataModule):
    """Batches for each device; the validation loader only counts, since the module holds the cases."""

    def __init__(self, batches: Batches, first: int, validations: int) -> None:
        super().__init__()
        self._batches = batches
        self._first = first
        self._validations = validations

    def train_dataloader(self) -> DataLoader[Any]:
        """Endless; prepared by other processes where a graphics card would wait for them."""
        assert self.trainer is not None
        stream = Stream(self._batches, self._first, self.trainer.global_rank, self.trainer.world_size)
        spare = (os.cpu_count() or 1) - 2
        workers = max((n for n in (1, 2, 3, 4, 6, _WORKERS) if n <= spare), default=0)
        on_card = torch.cuda.is_available() and workers > 0
        return DataLoader(
            stream,
            batch_size=None,
            num_workers=workers if on_card else 0,
            pin_memory=on_card,
            prefetch_factor=4 if on_card else None,
        )

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        """Numbers of cases."""
        return DataLoader(list(range(self._validations))) if self._validations else []  # type: ignore[arg-type]


class _Tell(Callback):
    """Passes the step number on, so that the caller can show progress; a wish to stop reaches all devices.

    It also tells checkpoints the precision.
    """

    def __init__(self, listener: Listener, steps: int) -> None:
        self._listener = listener
        self._steps = steps
        self._told = -1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After every optimizer step: done, total, loss.

        Raises:
            Cancelled: on every device in the same step, since one that went on would wait for the others forever.
        """
        if trainer.global_step == self._told:
            return
        self._told = trainer.global_step
        cancelled = None
        if trainer.is_global_zero:
            try:
                loss = float(outputs["loss"]) * trainer.accumulate_grad_batches
                self._listener.on_step(self._told, self._steps, loss)
            except Cancelled as wish:
                cancelled = wish
        if trainer.strategy.reduce_boolean_decision(cancelled is not None, all=False):
            raise cancelled or Cancelled("Cancelled.")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """For `_begun`."""
        checkpoint[_PRECISION] = trainer.precision


class _Overfit(Callback):
    """Warns, once, when cases that were learned from score so much better than cases that were not."""

    def __init__(self, delta: float, listener: Listener) -> None:
        self._delta = delta
        self._listener = listener
        self._warned = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the mean Dice over the regions that both were scored on."""
        metrics = trainer.callback_metrics
        pairs = [
            (float(metrics[f"seen_dice_{channel.id}"]), float(metrics[f"dice_{channel.id}"]))
            for channel in REGION_CHANNELS
            if f"seen_dice_{channel.id}" in metrics and f"dice_{channel.id}" in metrics
        ]
        if self._warned or not pairs:
            return
        gap = sum(seen - unseen for seen, unseen in pairs) / len(pairs)
        if gap >= self._delta:
            self._warned = True
            self._listener.on_warning(
                f"Overfitting at step {trainer.global_step}: the mean Dice is {gap:.2f} higher on cases that are "
                f"learned from than on validation cases (warned from {self._delta:.2f}). More cases, more "
                "augmentation or fewer steps may help."
            )

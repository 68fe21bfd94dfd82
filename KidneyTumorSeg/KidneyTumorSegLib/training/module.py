"""One training step and one validation, for Lightning."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch

from ..inference.prepare import normalize, pad_to_multiple, with_neighbors
from ..networks import build
from .augment import Augment
from .case import Case
from .channels import CHANNEL_IDS, ORGAN_CHANNELS, REGION_CHANNELS, channel_table, known_mask
from .losses import loss_of
from .recipe import Recipe

VALIDATION_LOSS = "validation_loss"
_SLICES_AT_ONCE = 8


class SegmentationModule(lightning.LightningModule):
    """Learns all channels of a recipe; what it validates is Dice by region, whole slices, without clean-up.

    Args:
        recipe: of the training.
        validation: cases that are only looked at.
        seen: a few cases that it learns from, validated too, so that overfitting shows.
    """

    def __init__(self, recipe: Recipe, validation: list[Case], seen: list[Case]) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = build(recipe.architecture.name, {**recipe.architecture.args, "channels": len(CHANNEL_IDS)})
        self._validation = validation
        self._seen = seen
        self._table: torch.Tensor
        self.register_buffer("_table", torch.from_numpy(channel_table()), persistent=False)

    def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
        """Augment, predict, compare. Randomness depends on seed and batch alone, so that resuming changes nothing."""
        recipe = self.recipe
        seed = recipe.seed * 1_000_003 + int(batch["number"])
        augment = Augment(recipe.augmentation, recipe.crop_px, torch.Generator(self.device).manual_seed(seed))
        hu, labels = augment(batch["hu"], batch["labels"], batch["floor_hu"], batch["ceiling_hu"])
        image = normalize(hu, recipe.input.window_hu).contiguous(memory_format=torch.channels_last)
        targets = self._table[labels].movedim(-1, 1)
        logits = self.network(image).float()
        loss = loss_of(recipe.optimization.loss, logits, targets, batch["known"])
        self.log("train_loss", loss, prog_bar=True)
        if recipe.organs:
            self._log_organs(logits.detach(), targets, batch["known"])
        return loss

    def validation_step(self, _: Any, index: int) -> None:
        """Loss and Dice of each region on one whole case; then Dice on the cases that it learns from."""
        seen = index >= len(self._validation)
        case = self._seen[index - len(self._validation)] if seen else self._validation[index]
        loss, scores = self._look_at(case)
        prefix = "seen_dice" if seen else "dice"
        if not seen:
            self.log(VALIDATION_LOSS, loss, prog_bar=True, batch_size=1)
        for channel in REGION_CHANNELS:
            if channel.id in case.known and channel.id in scores:
                self.log(f"{prefix}_{channel.id}", scores[channel.id], prog_bar=True, batch_size=1)

    def configure_optimizers(self) -> Any:
        """As the recipe's optimization says."""
        wanted, steps = self.recipe.optimization, self.recipe.optimization.steps
        kind = torch.optim.Adam if wanted.optimizer == "adam" else torch.optim.AdamW
        optimizer = kind(self.parameters(), lr=wanted.learning_rate, weight_decay=wanted.weight_decay)
        if wanted.schedule == "constant":
            return optimizer
        warm = max(1, steps // 20)

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return float(0.5 * (1 + np.cos(np.pi * min(1.0, (step - warm) / max(1, steps - warm)))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _log_organs(self, logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> None:
        """Dice of the organs that the batch holds: that one is never found shows nowhere else."""
        organs = slice(len(REGION_CHANNELS), None)
        heard = known[:, organs, None, None] > 0
        truth, answer = (targets[:, organs] > 0) & heard, (logits[:, organs] > 0) & heard
        sums = [mask.sum(dim=(0, 2, 3)).tolist() for mask in (truth & answer, truth, answer)]
        for organ, both, in_truth, in_answer in zip(ORGAN_CHANNELS, *sums, strict=True):
            if in_truth:
                self.log(f"train_dice_{organ.id}", 2.0 * both / (in_truth + in_answer))

    @torch.no_grad()
    def _look_at(self, case: Case) -> tuple[float, dict[str, float]]:
        """Loss, and Dice of each region at 0.5, over all slices of a case at the working spacing."""
        contract, height, width = self.recipe.input, *case.hu.shape[1:]
        hu = torch.from_numpy(case.hu.astype(np.float32))
        stacks = with_neighbors(normalize(hu, contract.window_hu), contract, case.slice_spacing_mm)
        known = torch.from_numpy(known_mask(case.known))[: len(REGION_CHANNELS)].to(self.device)
        losses, counts = [], np.zeros((len(REGION_CHANNELS), 3), np.int64)  # both, in the truth, in the answer
        for start in range(0, len(stacks), _SLICES_AT_ONCE):
            part = pad_to_multiple(stacks[start : start + _SLICES_AT_ONCE], contract.size_multiple).to(self.device)
            logits = self.network(part.contiguous(memory_format=torch.channels_last))
            logits = logits[:, : len(REGION_CHANNELS), :height, :width].float()
            labels = torch.from_numpy(case.labels[start : start + _SLICES_AT_ONCE].astype(np.int64)).to(self.device)
            truth = self._table[labels].movedim(-1, 1)[:, : len(REGION_CHANNELS)]
            losses.append(
                float(loss_of(self.recipe.optimization.loss, logits, truth, known.expand(len(labels), -1)))
                * len(labels)
            )
            both, answer = truth.bool() & (logits > 0), logits > 0
            for column, mask in enumerate((both, truth, answer)):
                counts[:, column] += mask.sum(dim=(0, 2, 3)).long().cpu().numpy()
        scores = {
            channel.id: 2.0 * int(both) / int(truth + answer)
            for channel, (both, truth, answer) in zip(REGION_CHANNELS, counts, strict=True)
            if truth  # Dice on what is not there says nothing of how well it is drawn
        }
        return sum(losses) / len(stacks), scores

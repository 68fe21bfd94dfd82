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
from .channels import CHANNEL_IDS, REGION_CHANNELS, channel_table
from .losses import masked_bce_and_dice
from .recipe import Recipe


class SegmentationModule(lightning.LightningModule):
    """Learns all channels of a recipe; what it validates is Dice by region, whole slices, without clean-up."""

    def __init__(self, recipe: Recipe, validation: list[Case]) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = build(recipe.architecture.name, {**recipe.architecture.args, "channels": len(CHANNEL_IDS)})
        self._validation = validation
        self._table: torch.Tensor
        self.register_buffer("_table", torch.from_numpy(channel_table()), persistent=False)

    def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
        """Augment, predict, compare. Randomness depends on seed and step alone, so that resuming changes nothing."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.global_step)
        augment = Augment(self.recipe.crop_px, generator)
        hu, labels = augment(batch["hu"].cpu(), batch["labels"].cpu(), batch["floor_hu"].cpu())
        hu, labels = hu.to(self.device), labels.to(self.device)
        image = normalize(hu, self.recipe.input.window_hu).contiguous(memory_format=torch.channels_last)
        targets = self._table[labels].movedim(-1, 1)
        loss = masked_bce_and_dice(self.network(image).float(), targets, batch["known"])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, _: Any, index: int) -> None:
        """Dice of each region on one whole case."""
        case = self._validation[index]
        scores = region_dice(self, case)
        for channel in REGION_CHANNELS:
            if channel.id in case.known and channel.id in scores:
                self.log(f"dice_{channel.id}", scores[channel.id], prog_bar=True, batch_size=1)

    def configure_optimizers(self) -> Any:
        """AdamW; the rate warms up over 5 % of the steps and then falls to 0 along a cosine."""
        recipe = self.recipe
        optimizer = torch.optim.AdamW(self.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        warm = max(1, recipe.steps // 20)

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return float(0.5 * (1 + np.cos(np.pi * min(1.0, (step - warm) / max(1, recipe.steps - warm)))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@torch.no_grad()
def region_dice(module: SegmentationModule, case: Case, batch: int = 8) -> dict[str, float]:
    """Dice of each region at 0.5, on all slices of a case at the working spacing; regions absent in both are out."""
    contract = module.recipe.input
    hu = torch.from_numpy(case.hu.astype(np.float32))
    stacks = with_neighbors(normalize(hu, contract.window_hu), contract, case.slice_spacing_mm)
    answers = []
    for start in range(0, len(stacks), batch):
        part = pad_to_multiple(stacks[start : start + batch], contract.size_multiple).to(module.device)
        logits = module.network(part.contiguous(memory_format=torch.channels_last))[:, : len(REGION_CHANNELS)]
        answers.append((logits[..., : hu.shape[1], : hu.shape[2]] > 0).cpu().numpy())
    predicted = np.concatenate(answers)
    scores = {}
    for column, channel in enumerate(REGION_CHANNELS):
        truth = np.isin(case.labels, sorted(channel.labels))
        total = int(truth.sum()) + int(predicted[:, column].sum())
        if total:
            scores[channel.id] = 2.0 * int((truth & predicted[:, column]).sum()) / total
    return scores

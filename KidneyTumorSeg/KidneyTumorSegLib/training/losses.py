"""Losses on several yes-or-no channels, of which a case may know only some."""

from __future__ import annotations

import torch
import torch.nn.functional as functional


def masked_bce_and_dice(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy plus soft Dice, each channel only over the cases that know it.

    Args:
        logits: [batch, channels, height, width].
        targets: 0 or 1, same shape.
        known: [batch, channels], 1 where the case's labels speak of the channel.

    Returns:
        A scalar. Dice is computed over the batch, so that a crop without a lesion does not count as a miss, and a
        channel that no case in the batch knows adds nothing.
    """
    weight = known[:, :, None, None]
    pixels = weight.sum(dim=(0, 2, 3)) * logits.shape[-1] * logits.shape[-2]
    heard = (pixels > 0).float()
    bce = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none") * weight
    bce_by_channel = bce.sum(dim=(0, 2, 3)) / pixels.clamp(min=1)
    probability = logits.sigmoid() * weight
    overlap = (probability * targets).sum(dim=(0, 2, 3))
    total = (probability + targets * weight).sum(dim=(0, 2, 3))
    dice_loss = 1 - (2 * overlap + 50.0) / (total + 50.0)  # 50 pixels smooth the ratio where little or nothing is
    return ((bce_by_channel * 2 + dice_loss) * heard).sum() / heard.sum().clamp(min=1)

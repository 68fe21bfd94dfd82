"""Losses on several yes-or-no channels, of which a case may know only some."""

from __future__ import annotations

import torch
import torch.nn.functional as functional

_SMOOTH_PX = 50.0  # steadies the Dice ratio where little or nothing is


def masked_bce(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy by channel, each only over the cases that know it.

    Args:
        logits: [batch, channels, height, width].
        targets: 0 or 1, same shape.
        known: [batch, channels], 1 where the case's labels speak of the channel.

    Returns:
        [channels]; 0 for a channel that no case knows.
    """
    weight = known[:, :, None, None]
    bce = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none") * weight
    pixels = known.sum(dim=0) * logits.shape[-1] * logits.shape[-2]
    return bce.sum(dim=(0, 2, 3)) / pixels.clamp(min=1)


def masked_dice_loss(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """1 - soft Dice by channel, over the batch, so that a crop without a lesion does not count as a miss.

    Args and result as for `masked_bce`; meaningless for a channel that no case knows.
    """
    weight = known[:, :, None, None]
    probability = logits.sigmoid() * weight
    overlap = (probability * targets).sum(dim=(0, 2, 3))
    total = (probability + targets * weight).sum(dim=(0, 2, 3))
    return 1 - (2 * overlap + _SMOOTH_PX) / (total + _SMOOTH_PX)


def loss_of(name: str, logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The loss that a recipe names, a scalar: the mean over the channels that some case of the batch knows.

    Args:
        name: "bce", or "bce+dice" (twice the cross-entropy and the Dice loss).
        logits, targets, known: as for `masked_bce`.
    """
    heard = (known.sum(dim=0) > 0).float()
    by_channel = masked_bce(logits, targets, known)
    if name == "bce+dice":
        by_channel = 2 * by_channel + masked_dice_loss(logits, targets, known)
    return (by_channel * heard).sum() / heard.sum().clamp(min=1)

"""Losses on several yes-or-no channels, of which a case may know only some."""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from .channels import REGION_CHANNELS

ORGANS_WEIGHT = {"bce": 0.5, "bce+dice": 0.5, "by-crop": 6.0}
"""All organ channels together, where each region has 1: they help, and must not drown what the model is for. By crop
each of the nine still has less than a region (what was tried: docs/ablations.md).
"""

_SMOOTH_PX = 50.0  # steadies the Dice ratio of a batch where little or nothing is
_CROP_SMOOTH_PX = 5.0  # the same for one crop
_LESION_PX = 1500.0  # the area of a lesion whose pixels weigh 1
_LESION_WEIGHT = (1.0, 6.0)
_FALSE_PX, _FALSE_WEIGHT = 200.0, 1.0  # a false lesion of this area costs half of the most that it can
_BCE_WEIGHT = {"bce": 1.0, "bce+dice": 2.0, "by-crop": 4.0}


def loss_of(name: str, logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The loss that a recipe names, a scalar: the weighted mean over the channels that some case of the batch knows.

    Args:
        name: "bce": cross-entropy with logits. "bce+dice": twice that and the Dice loss over the batch, so that a crop
            without a lesion does not count as a miss. "by-crop": four times the cross-entropy, with a small lesion's
            pixels weighing more, and the Dice loss of each crop that holds the region, so that one huge tumor does not
            outweigh all small ones; where a crop holds nothing of the region, what is found there costs. For organs
            that cost would be too high: most crops hold none of a given organ, and a network learns fastest to never
            find it. They have four times the cross-entropy and the Dice loss over the batches that hold them.
        logits: [batch, channels, height, width]; the regions first, then organs.
        targets: 0 or 1, same shape.
        known: [batch, channels], 1 where the case's labels speak of the channel.
    """
    heard = (known.sum(dim=0) > 0).float() * _channel_weights(name, logits)
    if name == "by-crop":
        by_channel = _by_crop(logits, targets, known)
    else:
        by_channel = _BCE_WEIGHT[name] * _bce(logits, targets, known)
        if name == "bce+dice":
            by_channel = by_channel + _dice_of_batch(logits, targets, known)
    return (by_channel * heard).sum() / heard.sum().clamp(min=1e-3)


def _channel_weights(name: str, logits: torch.Tensor) -> torch.Tensor:
    regions, channels = len(REGION_CHANNELS), logits.shape[1]
    weights = torch.ones(channels, device=logits.device)
    weights[regions:] = ORGANS_WEIGHT[name] / max(1, channels - regions)
    return weights


def _by_crop(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """By channel: regions crop by crop, organs over the batch, and only where it holds them."""
    regions = len(REGION_CHANNELS)
    of_crops = _dice_of_crops(logits[:, :regions], targets[:, :regions], known[:, :regions])
    held = ((targets.sum(dim=(2, 3)) * known).sum(dim=0) > 0).float()[regions:]
    of_batch = held * _dice_of_batch(logits[:, regions:], targets[:, regions:], known[:, regions:])
    weight = _small_lesions_weigh_more(targets)
    return _BCE_WEIGHT["by-crop"] * _bce(logits, targets, known, weight) + torch.cat([of_crops, of_batch])


def _bce(
    logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, weight: torch.Tensor | None = None
) -> torch.Tensor:
    """Binary cross-entropy by channel, each only over the cases that know it; 0 for a channel that no case knows."""
    bce = functional.binary_cross_entropy_with_logits(logits, targets, weight, reduction="none")
    pixels = known.sum(dim=0) * logits.shape[-1] * logits.shape[-2]
    return (bce * known[:, :, None, None]).sum(dim=(0, 2, 3)) / pixels.clamp(min=1)


def _small_lesions_weigh_more(targets: torch.Tensor) -> torch.Tensor:
    """A weight for each pixel: more than 1 in masses of less than `_LESION_PX`, by the root of their area.

    It holds for all regions but the kidney with its masses: that a cyst is no tumor is as much worth as that it is a
    mass.
    """
    masses = targets[:, 1:2]
    area = masses.sum(dim=(2, 3), keepdim=True)
    weight = torch.ones_like(targets)
    heavier = (_LESION_PX / area.clamp(min=1)).sqrt().clamp(*_LESION_WEIGHT) - 1
    weight[:, 1 : len(REGION_CHANNELS)] += masses * heavier
    return weight


def _dice_of_batch(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """1 - soft Dice by channel, over the batch; meaningless for a channel that no case knows."""
    weight = known[:, :, None, None]
    probability = logits.sigmoid() * weight
    overlap = (probability * targets).sum(dim=(0, 2, 3))
    total = (probability + targets * weight).sum(dim=(0, 2, 3))
    return 1 - (2 * overlap + _SMOOTH_PX) / (total + _SMOOTH_PX)


def _dice_of_crops(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """By channel: mean of 1 - soft Dice over the crops that hold it, and what is found where a crop holds none."""
    probability = logits.sigmoid()
    area, found = targets.sum(dim=(2, 3)), probability.sum(dim=(2, 3))
    overlap = (probability * targets).sum(dim=(2, 3))
    holds = known * (area > 0)
    empty = known - holds
    dice = 1 - (2 * overlap + _CROP_SMOOTH_PX) / (found + area + _CROP_SMOOTH_PX)
    false = found / (found + _FALSE_PX)
    return _mean_where(dice, holds) + _FALSE_WEIGHT * _mean_where(false, empty)


def _mean_where(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """By channel, over the chosen crops; 0 where there are none."""
    return (values * chosen).sum(dim=0) / chosen.sum(dim=0).clamp(min=1)

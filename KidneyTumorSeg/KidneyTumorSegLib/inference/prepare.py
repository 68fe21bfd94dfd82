"""Voxels to what the network sees. One code for training and inference, on whatever device the tensor is on.

All resampling keeps the outer edges of the field of view in place (pixel areas, not pixel centers, are matched), so
from n to m pixels the spacing becomes spacing * n / m exactly, and going back uses the same formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.contract import InputContract

if TYPE_CHECKING:
    import torch


def working_size(size: tuple[int, int], spacing: tuple[float, float], wanted_mm: float) -> tuple[int, int]:
    """Height and width (pixels) at the working spacing.

    Args:
        size: height and width as stored.
        spacing: of rows and columns as stored, mm.
        wanted_mm: the working spacing.
    """
    height, width = (max(1, round(n * step / wanted_mm)) for n, step in zip(size, spacing, strict=True))
    return height, width


def resample_in_plane(slices: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resample float slices [n, height, width] linearly, averaging where they are made smaller."""
    import torch.nn.functional as functional

    if tuple(slices.shape[-2:]) == size:
        return slices
    return functional.interpolate(slices[:, None], size=size, mode="bilinear", align_corners=False, antialias=True)[
        :, 0
    ]


def normalize(hu: torch.Tensor, window_hu: tuple[float, float]) -> torch.Tensor:
    """Cut to the window; its ends become -2 and 2, about the range of the natural images that encoders start from."""
    low, high = window_hu
    middle, quarter = (low + high) / 2, (high - low) / 4
    return (hu.clamp(low, high) - middle) / quarter


def with_neighbors(slices: torch.Tensor, contract: InputContract, slice_spacing_mm: float) -> torch.Tensor:
    """Stack each slice with its neighbors: [n, height, width] to [n, contract.slices, height, width].

    Beyond the first and the last slice, these are repeated.
    """
    import torch

    if contract.slices == 1:
        return slices[:, None]
    offset = contract.neighbor_offset(slice_spacing_mm)
    at = torch.arange(slices.shape[0], device=slices.device)
    below, above = (at - offset).clamp(min=0), (at + offset).clamp(max=slices.shape[0] - 1)
    return torch.stack([slices[below], slices, slices[above]], dim=1)


def pad_to_multiple(batch: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last rows and columns until height and width are multiples; cut the answer back by its old size."""
    import torch.nn.functional as functional

    height, width = batch.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return batch
    return functional.pad(batch, (0, right, 0, down), mode="replicate")

"""Random changes that a kidney survives: place, size, mirror image, contrast, noise. On a whole batch at once.

All randomness comes from one generator, so that a training can be repeated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional

from .recipe import Augmentation

if TYPE_CHECKING:
    from collections.abc import Callable

_SOFT_TISSUE_HU = 40.0  # about what soft tissue has without contrast agent
_CONTRAST = (0.05, 1.35)  # what lies above soft tissue is pressed together or stretched by a factor between these


class Augment:
    """Callable: crops larger than asked in, crops of `size` out. Runs where its tensors are.

    Args:
        strength: which changes, and how strong.
        size: pixels of the output's side.
        generator: the source of randomness, on the tensors' device.
    """

    def __init__(self, strength: Augmentation, size: int, generator: torch.Generator) -> None:
        self._strength = strength
        self._size = size
        self._generator = generator

    def __call__(
        self, hu: torch.Tensor, labels: torch.Tensor, floor_hu: torch.Tensor, ceiling_hu: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """HU [batch, slices, n, n] and labels [batch, n, n] to the same with side `size`."""
        where = self._places(hu.shape[0], hu.shape[-1])
        image = functional.grid_sample(hu, where, mode="bilinear", padding_mode="border", align_corners=False)
        mask = functional.grid_sample(labels[:, None].float(), where, mode="nearest", align_corners=False)[:, 0]
        for change in (self._contrast, self._scale_and_shift, self._blur, self._noise, self._raise_floor):
            image = change(image)
        # What was cut off in the source stays cut off: nothing is known beyond.
        low, high = (edge.view(-1, 1, 1, 1) for edge in (floor_hu, ceiling_hu))
        return torch.minimum(torch.maximum(image, low), high), mask.long()

    def _random(self, *shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=self._generator, device=self._generator.device)

    def _uniform(self, count: int, low: float, high: float) -> torch.Tensor:
        return self._random(count, 1, 1, 1) * (high - low) + low

    def _sometimes(
        self, image: torch.Tensor, share: float, change: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        chosen = self._random(image.shape[0], 1, 1, 1) < share
        return torch.where(chosen, change(image), image) if share else image

    def _places(self, count: int, source: int) -> torch.Tensor:
        """Sampling positions for turn, zoom, stretch and mirror image about the middle."""
        most = self._strength
        angle = self._uniform(count, -most.turn_deg, most.turn_deg).flatten() * math.pi / 180
        zoom = torch.exp(self._uniform(count, -math.log(most.zoom), math.log(most.zoom))).flatten()
        stretch = torch.exp(self._uniform(count, -most.stretch, most.stretch)).flatten()
        mirror = torch.where(self._random(count) < most.mirror, -1.0, 1.0)
        share = self._size / source
        cosine, sine = torch.cos(angle) / zoom * share, torch.sin(angle) / zoom * share
        zero = torch.zeros_like(cosine)
        rows = torch.stack(
            [cosine * mirror * stretch, -sine / stretch, zero, sine * mirror * stretch, cosine / stretch, zero]
        )
        return functional.affine_grid(
            rows.T.reshape(count, 2, 3), [count, 1, self._size, self._size], align_corners=False
        )

    def _contrast(self, image: torch.Tensor) -> torch.Tensor:
        """More or less contrast agent, crudely: what lies above soft tissue is stretched or pressed together."""
        factor = self._uniform(image.shape[0], *_CONTRAST)
        return self._sometimes(
            image,
            self._strength.contrast,
            lambda x: torch.where(x > _SOFT_TISSUE_HU, _SOFT_TISSUE_HU + (x - _SOFT_TISSUE_HU) * factor, x),
        )

    def _scale_and_shift(self, image: torch.Tensor) -> torch.Tensor:
        count, most = image.shape[0], self._strength
        scale = self._uniform(count, 1 - most.scale, 1 + most.scale)
        shift = self._uniform(count, -most.shift_hu, most.shift_hu)
        return self._sometimes(image, 0.8, lambda x: x * scale + shift)

    def _blur(self, image: torch.Tensor) -> torch.Tensor:
        return self._sometimes(
            image, self._strength.blur, lambda x: functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        )

    def _noise(self, image: torch.Tensor) -> torch.Tensor:
        """White, or coarser than a pixel as smooth kernels make it."""
        level = self._uniform(image.shape[0], 0, self._strength.noise_hu)
        white = torch.randn(image.shape, generator=self._generator, device=self._generator.device)
        coarse = functional.avg_pool2d(white, 3, 1, 1) * 2.2
        kind = self._random(image.shape[0], 1, 1, 1) < 0.5
        noise = torch.where(kind, white, coarse) * level
        return self._sometimes(image, 0.6, lambda x: x + noise)

    def _raise_floor(self, image: torch.Tensor) -> torch.Tensor:
        """As sources that were saved as pictures: nothing below 0 HU."""
        return self._sometimes(image, self._strength.raised_floor, lambda x: x.clamp(min=0.0))

"""Random changes that a kidney survives: place, size, mirror image, contrast, noise. On a whole batch at once.

All randomness comes from one generator, so that a training can be repeated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional

if TYPE_CHECKING:
    from collections.abc import Callable

_TURN_DEG, _ZOOM = 20.0, (0.75, 1.3)
_SOFT_TISSUE_HU = 40.0  # about what soft tissue has without contrast agent


class Augment:
    """Callable: crops of half again the size in, crops of `size` out.

    Args:
        size: pixels of the output's side.
        generator: the source of randomness.
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        self._size = size
        self._generator = generator

    def __call__(
        self, hu: torch.Tensor, labels: torch.Tensor, floor_hu: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """HU [batch, slices, n, n] and labels [batch, n, n] to the same with side `size`."""
        where = self._places(hu.shape[0], hu.shape[-1])
        image = functional.grid_sample(hu, where, mode="bilinear", padding_mode="border", align_corners=False)
        mask = functional.grid_sample(labels[:, None].float(), where, mode="nearest", align_corners=False)[:, 0]
        for change in (self._contrast_agent, self._scale_and_shift, self._blur, self._noise, self._raise_floor):
            image = change(image)
        # What was cut off in the source stays cut off: nothing is known below it.
        return torch.maximum(image, floor_hu.view(-1, 1, 1, 1)), mask.long()

    def _uniform(self, count: int, low: float, high: float) -> torch.Tensor:
        return torch.rand(count, 1, 1, 1, generator=self._generator) * (high - low) + low

    def _sometimes(
        self, image: torch.Tensor, share: float, change: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        chosen = torch.rand(image.shape[0], 1, 1, 1, generator=self._generator) < share
        return torch.where(chosen, change(image), image)

    def _places(self, count: int, source: int) -> torch.Tensor:
        """Sampling positions for turn, zoom, stretch and mirror image about the middle."""
        angle = self._uniform(count, -_TURN_DEG, _TURN_DEG).flatten() * math.pi / 180
        zoom = torch.exp(self._uniform(count, math.log(_ZOOM[0]), math.log(_ZOOM[1]))).flatten()
        stretch = torch.exp(self._uniform(count, -0.1, 0.1)).flatten()
        mirror = torch.where(torch.rand(count, generator=self._generator) < 0.5, -1.0, 1.0)
        share = self._size / source
        cosine, sine = torch.cos(angle) / zoom * share, torch.sin(angle) / zoom * share
        zero = torch.zeros(count)
        rows = torch.stack(
            [cosine * mirror * stretch, -sine / stretch, zero, sine * mirror * stretch, cosine / stretch, zero]
        )
        return functional.affine_grid(
            rows.T.reshape(count, 2, 3), [count, 1, self._size, self._size], align_corners=False
        )

    def _contrast_agent(self, image: torch.Tensor) -> torch.Tensor:
        """More or less contrast agent, down to none: what lies above soft tissue is stretched or pressed together."""
        factor = self._uniform(image.shape[0], 0.05, 1.35)
        return self._sometimes(
            image, 0.3, lambda x: torch.where(x > _SOFT_TISSUE_HU, _SOFT_TISSUE_HU + (x - _SOFT_TISSUE_HU) * factor, x)
        )

    def _scale_and_shift(self, image: torch.Tensor) -> torch.Tensor:
        count = image.shape[0]
        scale, shift = self._uniform(count, 0.88, 1.14), self._uniform(count, -18, 18)
        return self._sometimes(image, 0.8, lambda x: x * scale + shift)

    def _blur(self, image: torch.Tensor) -> torch.Tensor:
        return self._sometimes(image, 0.15, lambda x: functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False))

    def _noise(self, image: torch.Tensor) -> torch.Tensor:
        """White, or coarser than a pixel as smooth kernels make it."""
        level = self._uniform(image.shape[0], 0, 22)
        white = torch.randn(image.shape, generator=self._generator)
        coarse = functional.avg_pool2d(white, 3, 1, 1) * 2.2
        kind = torch.rand(image.shape[0], 1, 1, 1, generator=self._generator) < 0.5
        noise = torch.where(kind, white, coarse) * level
        return self._sometimes(image, 0.6, lambda x: x + noise)

    def _raise_floor(self, image: torch.Tensor) -> torch.Tensor:
        """As sources that were saved as pictures: nothing below 0 HU."""
        return self._sometimes(image, 0.12, lambda x: x.clamp(min=0.0))

"""U-Net with a MobileNetV2 encoder: small and quick, for the coarse pass that locates the kidneys.

MobileNetV2: Sandler et al., CVPR 2018. 3.2 M parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def build(slices: int = 3, channels: int = 1) -> torch.nn.Module:
    """The network with fresh weights.

    Args:
        slices: how many neighboring slices go in: 1 or 3.
        channels: how many logits come out a pixel.
    """
    import segmentation_models_pytorch as smp

    network: torch.nn.Module = smp.Unet(
        "mobilenet_v2",
        encoder_weights=None,
        in_channels=slices,
        classes=channels,
        decoder_channels=(64, 48, 32, 16, 16),
    )
    return network

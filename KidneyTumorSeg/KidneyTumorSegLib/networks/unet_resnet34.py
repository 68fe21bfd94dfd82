"""U-Net with a ResNet-34 encoder: the default architecture.

U-Net: Ronneberger et al., MICCAI 2015. ResNet: He et al., CVPR 2016. The combination, slice by slice on KiTS, is that
of H. Beheshtifard's poster "Kidney Tumor Segmentation". 24.4 M parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def build(slices: int = 3, channels: int = 3) -> torch.nn.Module:
    """The network with fresh weights.

    Args:
        slices: how many neighboring slices go in: 1 or 3, the middle one is segmented.
        channels: how many logits come out a pixel.
    """
    import segmentation_models_pytorch as smp

    network: torch.nn.Module = smp.Unet("resnet34", encoder_weights=None, in_channels=slices, classes=channels)
    return network

"""Writes Resources/Icons/KidneyPhantom.png, the picture of the sample in Slicer's Sample Data module.

    python Testing/screenshots/sample_thumbnail.py

A coronal slice through both kidneys of the phantom itself, one pixel a millimeter, with the true outlines in their
colors.
"""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "KidneyTumorSeg"))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from scipy import ndimage  # noqa: E402

from KidneyTumorSegLib.anatomy import STRUCTURES  # noqa: E402
from KidneyTumorSegLib.volume import Grid  # noqa: E402
from KidneyTumorSegLib.volume.phantom import standard_phantom  # noqa: E402

WIDTH, HEIGHT = 260, 280
P_MM = 42.0
WINDOW_HU = (-160.0, 240.0)
PATH = REPOSITORY / "Resources" / "Icons" / "KidneyPhantom.png"


def thumbnail() -> Image.Image:
    """Rows from the head down; columns from the patient's right, as radiologists look."""
    affine = np.eye(4)
    affine[:3, 3] = [-(WIDTH - 1) / 2, P_MM, -(HEIGHT - 1) / 2]
    volume, truth = standard_phantom().scan(Grid((HEIGHT, 1, WIDTH), affine), noise_hu=9.0)
    low, high = WINDOW_HU
    gray = np.clip((volume.voxels[::-1, 0] - low) / (high - low), 0.0, 1.0) * 255
    picture = np.repeat(gray[..., None], 3, axis=2)
    labels = truth.labels[::-1, 0]
    for structure in STRUCTURES:
        mask = labels == structure.value
        outline = mask & ~ndimage.binary_erosion(mask, iterations=2)
        picture[mask] = 0.75 * picture[mask] + 0.25 * np.array(structure.color)
        picture[outline] = structure.color
    return Image.fromarray(picture.astype(np.uint8))


if __name__ == "__main__":
    thumbnail().save(PATH, optimize=True)

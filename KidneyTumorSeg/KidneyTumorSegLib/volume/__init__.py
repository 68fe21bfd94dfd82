"""CT in: voxels and affine as one frozen object; readers; exact reorder; resampling. World is LPS, in mm."""

from .grid import Grid
from .label_map import LabelMap
from .reorder import Reorder, canonical
from .volume import Volume

__all__ = ["Grid", "LabelMap", "Reorder", "Volume", "canonical"]

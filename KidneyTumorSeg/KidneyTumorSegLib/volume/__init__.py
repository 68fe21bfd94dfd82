"""CT in: voxels and affine as one frozen object; readers; exact reorder; resampling. World is LPS, in mm."""

from .box import Box
from .dicom import Series, list_series
from .grid import Grid
from .label_map import LabelMap
from .read import read_label_map, read_volume
from .reorder import Reorder, canonical
from .volume import Volume

__all__ = [
    "Box",
    "Grid",
    "LabelMap",
    "Reorder",
    "Series",
    "Volume",
    "canonical",
    "list_series",
    "read_label_map",
    "read_volume",
]

"""Results to files, each written whole or not at all."""

from .atomic import atomic_write
from .dicom_series import write_dicom_series
from .segmentation import SEGMENTATION_ENDINGS, write_segmentation
from .volume_file import VOLUME_ENDINGS, write_volume

__all__ = [
    "SEGMENTATION_ENDINGS",
    "VOLUME_ENDINGS",
    "atomic_write",
    "write_dicom_series",
    "write_segmentation",
    "write_volume",
]

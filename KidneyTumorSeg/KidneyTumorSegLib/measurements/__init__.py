"""Label map in, quantities with units out. Knows no network and reads no file."""

from .measure import measure
from .midline import body_midline_l_mm
from .quantities import Kidney, Lesion, Measurements, Quantity, headline

__all__ = ["Kidney", "Lesion", "Measurements", "Quantity", "body_midline_l_mm", "headline", "measure"]

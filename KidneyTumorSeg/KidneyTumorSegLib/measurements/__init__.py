"""Label map in, quantities with units out. Knows no network and reads no file."""

from .measure import measure
from .quantities import Kidney, Lesion, Measurements, Quantity, headline

__all__ = ["Kidney", "Lesion", "Measurements", "Quantity", "headline", "measure"]

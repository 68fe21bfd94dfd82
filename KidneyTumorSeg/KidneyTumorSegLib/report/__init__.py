"""Quantities and pictures into what people read. Computes no numbers of its own."""

from .preview import draw_preview

__all__ = ["draw_preview"]

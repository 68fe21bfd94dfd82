"""Architectures, one file each, behind one registry. `torch` is imported when a network is built, not before."""

from .registry import ARCHITECTURES, build

__all__ = ["ARCHITECTURES", "build"]

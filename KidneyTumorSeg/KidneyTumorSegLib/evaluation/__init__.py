"""Two label maps in, scores out, by the rules of the KiTS challenge. Used by training and the command line."""

from .overlap import Overlap, Scores, dice, score

__all__ = ["Overlap", "Scores", "dice", "score"]

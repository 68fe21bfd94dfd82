"""Synthetic lesions in real scans: many more tumors and cysts than the labeled patients have.

Reading order: bank and shape (what lesions look like from outside), kidneys and placement (where they go), content
(what they are made of), scan_noise and insert (how they get into the image), lesions (how many, and all of it).
"""

from .bank import ShapeBank
from .insert import SyntheticLesion
from .lesions import add_lesions

__all__ = ["ShapeBank", "SyntheticLesion", "add_lesions"]

"""Model folders: contract, weights by hash; which exist, how they load. Reading a folder needs no torch."""

from .contract import ModelContract, Score
from .folder import ModelFolder, available, open_model, read_folder
from .weights import LoadedModel, load, verify

__all__ = [
    "LoadedModel",
    "ModelContract",
    "ModelFolder",
    "Score",
    "available",
    "load",
    "open_model",
    "read_folder",
    "verify",
]

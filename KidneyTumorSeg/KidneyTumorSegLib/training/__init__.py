"""Makes model folders: cases, split, augmentation, losses, loop. Needs the extra `train`."""

from .recipe import recipes

__all__ = ["recipes", "train"]


def __getattr__(name: str) -> object:
    """`train` loads Lightning, so it comes only when asked for."""
    if name == "train":
        from ..networks.torchvision_schemas import declare_missing

        declare_missing()  # Lightning's metrics import torchvision too
        from .loop import train

        return train
    raise AttributeError(name)

"""Makes model folders: cases, split, augmentation, losses, loop. Needs the extra `train`."""

from ..networks.torchvision_schemas import declare_missing

declare_missing()  # before anything in this room imports Lightning, whose metrics import torchvision

from .loop import train  # noqa: E402
from .recipe import recipes  # noqa: E402
from .score import score_model  # noqa: E402

__all__ = ["recipes", "score_model", "train"]

"""Makes model folders: cases, split, augmentation, losses, loop. Needs the extra `train`."""

from ..networks.torchvision_schemas import declare_missing

declare_missing()  # before anything in this room imports Lightning, whose metrics import torchvision

from .devices import helps_another_process  # noqa: E402
from .fit import Listener  # noqa: E402
from .gather import pack_data  # noqa: E402
from .loop import SPLIT_FILE, train  # noqa: E402
from .pack import PACK_FILE  # noqa: E402
from .recipe import recipes  # noqa: E402
from .score import score_model  # noqa: E402

__all__ = [
    "PACK_FILE",
    "SPLIT_FILE",
    "Listener",
    "helps_another_process",
    "pack_data",
    "recipes",
    "score_model",
    "train",
]

"""Lets torchvision be imported beside a torch it was not compiled for.

segmentation-models-pytorch needs timm, and timm imports torchvision, of which we use no compiled operator. Where
torch is a CPU build and torchvision is not (package indexes that have one but not the other), importing torchvision
stops because the operators it describes do not exist. Declaring their schemas is enough; nothing calls them.
With a matching pair, which Slicer's PyTorch extension and pip normally install, this does nothing.
"""

from __future__ import annotations

from typing import Any

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_kept: list[Any] = []  # a torch.library.Library takes its declarations back when it is collected


def declare_missing() -> None:
    """Declare the schemas if importing torchvision fails for want of them."""
    if _kept:
        return
    try:
        import torchvision  # noqa: F401  (imported to see whether it can be)
    except RuntimeError:
        import torch

        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name, schema in _SCHEMAS.items():
            if not hasattr(torch.ops.torchvision, name):
                library.define(schema)
        _kept.append(library)

"""How sure the network was of each lesion, kept with the segmentation node for its review; saved with the scene.

Places are kept as they are before the segmentation's parent transform, so that registering the scan later loses none.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..checks import LesionConfidence
from .geometry import under_parent

ATTRIBUTE = "KidneyTumorSeg.Confidences"
SAME_PLACE_MM = 5.0
"""What is told of a lesion of the same kind so near to another's place takes the older one's stead."""


def keep_confidences(segmentation_node: Any, confidences: Iterable[LesionConfidence]) -> None:
    """Add what a run told, if anything; lesions that it did not see again keep what was told of them."""
    new = list(confidences)
    if not new:
        return
    older = [
        it
        for it in read_confidences(segmentation_node)
        if not any(it.kind == other.kind and _apart_mm(it, other) <= SAME_PLACE_MM for other in new)
    ]
    kept = [
        {
            "kind": it.kind,
            "place_mm": under_parent(it.lps, segmentation_node, to_world=False),
            "probability": round(it.probability, 4),
        }
        for it in (*older, *new)
    ]
    segmentation_node.SetAttribute(ATTRIBUTE, json.dumps(kept))


def read_confidences(segmentation_node: Any) -> tuple[LesionConfidence, ...]:
    """All that is kept, in the world as it is now; none if there is nothing or it cannot be read."""
    text = segmentation_node.GetAttribute(ATTRIBUTE)
    if not text:
        return ()
    try:
        return tuple(
            LesionConfidence(
                str(one["kind"]),
                under_parent(tuple(one["place_mm"]), segmentation_node, to_world=True),
                float(one["probability"]),
            )
            for one in json.loads(text)
        )
    except (ValueError, TypeError, KeyError):
        logging.getLogger(__name__).warning("What is kept of the network's confidence cannot be read: %s", text)
        return ()


def _apart_mm(one: LesionConfidence, other: LesionConfidence) -> float:
    return float(np.linalg.norm(np.subtract(one.lps, other.lps)))

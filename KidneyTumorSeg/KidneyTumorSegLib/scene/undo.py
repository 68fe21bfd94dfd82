"""Leave the scene as it was when something goes wrong half-way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import slicer


@contextmanager
def undone_on_error() -> Iterator[None]:
    """Remove every node and every subject hierarchy item that was added inside the block, if the block raises."""
    before = _node_ids()
    try:
        yield
    except BaseException:
        for node_id in _node_ids() - before:
            # removing one node may remove others with it
            if (node := slicer.mrmlScene.GetNodeByID(node_id)) is not None:
                slicer.mrmlScene.RemoveNode(node)
        raise


def _node_ids() -> set[str]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}

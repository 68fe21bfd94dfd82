"""Leave the scene as it was when something goes wrong half-way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import slicer


@contextmanager
def undone_on_error() -> Iterator[None]:
    """If the block raises, remove every node that was added inside it, and its place in the subject hierarchy."""
    before = _node_ids()
    try:
        yield
    except BaseException:
        for node_id in _node_ids() - before:
            _remove(node_id)
        raise


def _remove(node_id: str) -> None:
    node = slicer.mrmlScene.GetNodeByID(node_id)
    if node is None:  # it went with another one
        return
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    if item := tree.GetItemByDataNode(node):
        tree.RemoveItem(item, False)
    slicer.mrmlScene.RemoveNode(node)


def _node_ids() -> set[str]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}

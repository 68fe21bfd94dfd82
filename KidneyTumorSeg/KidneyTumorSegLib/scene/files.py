"""Segmentation nodes to and from `.seg.nrrd` through Slicer's own storage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import slicer

from ..errors import InputError, UsageError

_ENDING = ".seg.nrrd"


def save_segmentation(segmentation_node: Any, path: Path | str) -> Path:
    """Write a segmentation node as `.seg.nrrd`, whole or not at all.

    The node's own storage is left alone: Slicer's Save dialog goes on proposing what it would have.

    Raises:
        UsageError: the name does not end in `.seg.nrrd`, or its folder does not exist.
        InputError: Slicer could not write the file.
    """
    path = Path(path)
    if not path.name.lower().endswith(_ENDING):
        raise UsageError(f"'{path.name}' does not end in {_ENDING}. Give the file a name that does.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder '{path.parent}' does not exist. Make it first.")
    temporary = path.with_name(f".{path.name[: -len(_ENDING)]}.{os.getpid()}{_ENDING}")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(temporary))
    try:
        if not storage.WriteData(segmentation_node):
            raise InputError(
                f"'{path}' could not be written. Check that the folder can be written and the disk has room."
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load_segmentation(path: Path | str) -> Any:
    """A new segmentation node from a `.seg.nrrd` file.

    Raises:
        InputError: the file is missing or is not a segmentation.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"The file '{path}' does not exist.")
    name = path.name.removesuffix(_ENDING)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", slicer.mrmlScene.GetUniqueNameByString(name))
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    if not storage.ReadData(node) or node.GetSegmentation().GetNumberOfSegments() == 0:
        slicer.mrmlScene.RemoveNode(node)
        raise InputError(f"'{path}' is damaged or is not a segmentation. Choose a {_ENDING} file.")
    node.CreateDefaultDisplayNodes()
    return node

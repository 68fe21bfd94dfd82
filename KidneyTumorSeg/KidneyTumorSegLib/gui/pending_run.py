"""A run that was asked for before Slicer had to be restarted: remembered, and offered once afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import slicer

KEY = "KidneyTumorSeg/PendingRun"


@dataclass(frozen=True)
class PendingRun:
    """What was to be segmented. Kept in the user's own settings, and removed when it is taken.

    Attributes:
        volume_name: of the CT's node.
        file_names: that it was loaded from; none if it was never a file.
    """

    volume_name: str
    file_names: tuple[str, ...]

    def volume_in_scene(self) -> Any:
        """The node that was meant, if the scene has it: by its file, else by its name. None if not."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        by_file = [node for node in nodes if self.file_names and _files_of(node) == self.file_names]
        by_name = [node for node in nodes if node.GetName() == self.volume_name]
        return next(iter(by_file + by_name), None)


def remember_run(volume_node: Any) -> None:
    """Keep the wish to segment a CT until Slicer has been restarted. Nothing is kept without a CT."""
    if volume_node is None:
        return
    wish = {"volume": volume_node.GetName(), "files": list(_files_of(volume_node))}
    slicer.app.userSettings().setValue(KEY, json.dumps(wish))


def take_pending_run() -> PendingRun | None:
    """The wish from before the restart, once; None if there is none."""
    settings = slicer.app.userSettings()
    if not settings.contains(KEY):
        return None
    kept = settings.value(KEY)
    settings.remove(KEY)
    try:
        wish = json.loads(kept)
        return PendingRun(str(wish["volume"]), tuple(str(name) for name in wish["files"]))
    except (TypeError, ValueError, KeyError):  # edited by hand, or of another version: it was only a wish
        return None


def _files_of(volume_node: Any) -> tuple[str, ...]:
    storage = volume_node.GetStorageNode()
    if storage is None or not storage.GetFileName():
        return ()
    listed = [storage.GetNthFileName(n) for n in range(storage.GetNumberOfFileNames())]
    return tuple(dict.fromkeys([storage.GetFileName(), *listed]))

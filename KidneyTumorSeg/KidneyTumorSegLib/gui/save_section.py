"""Saving a case: the segmentation as a file, the measurements as a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from .case import Case

_SEGMENTATION_FILTER = "Slicer segmentation (*.seg.nrrd);;NIfTI (*.nii.gz);;NRRD label map (*.nrrd)"
_TABLE_FILTER = "Table (*.csv)"
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_SLICER_ENDING = ".seg.nrrd"


class SaveSection:
    """Asks where, writes whole files, and says where they are.

    Args:
        ui: the panel's widgets by name.
        attempt: runs an action; its errors become sentences in the panel.
        save_table: writes the measurements into a file.
    """

    def __init__(
        self, ui: Any, attempt: Callable[[Callable[[], None]], None], save_table: Callable[[Path], None]
    ) -> None:
        self._ui, self._save_table = ui, save_table
        self._case: Case | None = None
        ui.saveSegmentationButton.connect("clicked(bool)", lambda *_: attempt(self._save_segmentation))
        ui.saveTableButton.connect("clicked(bool)", lambda *_: attempt(self._save_measurements))
        self.show(None)

    def show(self, case: Case | None) -> None:
        """Save this case from now on."""
        self._case = case
        self._ui.saveSegmentationButton.setEnabled(case is not None)
        self._say("")

    def _save_segmentation(self) -> None:
        assert self._case is not None
        path = self._ask(_("Save the segmentation"), _SLICER_ENDING, _SEGMENTATION_FILTER)
        if path is not None:
            write_case(self._case, path)
            self._say_saved(path)

    def _save_measurements(self) -> None:
        path = self._ask(_("Save the measurements"), ".csv", _TABLE_FILTER)
        if path is not None:
            self._save_table(path)
            self._say_saved(path)

    def _ask(self, title: str, ending: str, endings: str) -> Path | None:
        assert self._case is not None
        name = _NOT_IN_NAMES.sub("_", self._case.segmentation_node.GetName()) + ending
        chosen = qt.QFileDialog.getSaveFileName(None, title, name, endings)
        return Path(chosen) if chosen else None

    def _say_saved(self, path: Path) -> None:
        self._say(_("Saved: {path}").format(path=path))

    def _say(self, text: str) -> None:
        self._ui.exportLabel.setText(text)
        self._ui.exportLabel.setVisible(bool(text))


def write_case(case: Case, path: Path) -> None:
    """Write a case's segmentation; the ending says the format.

    `.seg.nrrd` is written by Slicer's own storage and keeps every segment, also those of other things. The other
    formats hold kidney, tumor and cyst as 1, 2 and 3 on the voxels of the CT. None of them has a parent transform in
    it, as no file has that Slicer writes of the CT: so they fit.

    Raises:
        UsageError: unknown ending, or no such folder.
        InputError: the file cannot be written there.
        EnvironmentProblem: the disk is full.
    """
    if path.name.lower().endswith(_SLICER_ENDING):
        from ..scene.files import save_segmentation

        save_segmentation(case.segmentation_node, path)
    else:
        from ..export.segmentation import write_segmentation
        from ..scene.volume_node import stored_grid
        from ..volume import LabelMap

        write_segmentation(path, LabelMap(case.label_map.labels, stored_grid(case.volume_node)))

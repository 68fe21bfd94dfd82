"""The panel's states that are worth a picture: by name, what brings the panel there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio import Studio

_TUMOR_RAS = (-90.0, -38.0, 14.0)


def _fresh(studio: Studio) -> Any:
    """The CT is loaded; one click is left to do."""
    studio.load_phantom()
    studio.open_panel("calm_pipeline:truth")
    studio.look_at((0.0, -30.0, 0.0))


def _running(studio: Studio) -> Any:
    """In the middle of a run: stage, slices done, time left, Cancel."""
    studio.load_phantom()
    ui = studio.open_panel("calm_pipeline:half_way").ui
    studio.look_at((0.0, -30.0, 0.0))
    ui.segmentButton.click()
    studio.wait(lambda: " 62 of " in ui.progressBar.format())


def _result(studio: Studio) -> Any:
    """Kidneys, tumor and cyst over the slices and in 3D, and the headline."""
    studio.load_phantom()
    studio.open_panel("calm_pipeline:truth")
    studio.run()
    studio.look_at(_TUMOR_RAS)


def _error(studio: Studio) -> Any:
    """What went wrong, in words."""
    studio.load_phantom()
    studio.open_panel("fake_pipeline:crash")
    studio.look_at((0.0, -30.0, 0.0))
    studio.run()


STATES: dict[str, Callable[[Studio], Any]] = {
    "panel-fresh": _fresh,
    "panel-running": _running,
    "panel-result": _result,
    "panel-error": _error,
}
"""Each brings the panel of an empty scene into its state, and may return a dialog to show over it."""


def real_ct(path: str) -> Callable[[Studio], Any]:
    """The state of a real run on a real CT, with the model that the product brings."""

    def bring(studio: Studio) -> Any:
        from KidneyTumorSegLib.volume import read_volume

        studio.load(read_volume(path), "CT abdomen")
        studio.open_panel("KidneyTumorSegLib.pipeline:run")
        studio.run()
        node = studio.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
        segmentation = node.GetSegmentation()
        for name in ("tumor", "cyst", "kidney"):
            if segmentation.GetSegment(name) is not None and (center := node.GetSegmentCenterRAS(name)) is not None:
                studio.look_at(center)
                break

    return bring

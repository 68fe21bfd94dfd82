"""The panel's states that are worth a picture: by name, what brings the panel there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio import Studio  # first: it tells Python where the rest is

from calm_pipeline import doubtful_phantom  # isort: skip

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


def _review(studio: Studio) -> Any:
    """Lesions and doubts, the most doubtful first; one of them is looked at in all views."""
    from KidneyTumorSegLib.scene.views import show_crosshair

    studio.load_phantom(doubtful_phantom())
    ui = studio.open_panel("calm_pipeline:doubtful").ui
    studio.run()
    studio.look_at(_TUMOR_RAS, 260.0)
    show_crosshair()
    for button in (ui.nextButton, ui.rejectButton, ui.nextButton):
        button.click()


def _measurements(studio: Studio) -> Any:
    """The table of measurements, and where to save."""
    studio.load_phantom()
    ui = studio.open_panel("calm_pipeline:truth").ui
    ui.lesionSegmentsCheck.setChecked(True)
    studio.run()
    for section, collapsed in ((ui.reviewSection, True), (ui.measureSection, False), (ui.exportSection, False)):
        section.setCollapsed(collapsed)
    studio.look_at(_TUMOR_RAS)


def _first_use(studio: Studio) -> Any:
    """The one dialog before anything is installed: what, how big, where to."""
    from KidneyTumorSegLib.gui.first_use import FirstUse
    from KidneyTumorSegLib.gui.preflight import Gpu, Machine

    lacking = ("torch", "torchvision", "segmentation_models_pytorch", "safetensors", "jsonschema")
    machine = Machine(
        system="Windows",
        processor="AMD64",
        python=(3, 12, 10),
        slicer=(5, 12),
        packages_folder=r"C:\Users\radiology\AppData\Local\slicer.org\3D Slicer 5.12.3\lib\Python\Lib\site-packages",
        can_write=True,
        free_disk_gb=212.0,
        memory_gb=32.0,
        has_proxy=False,
        has_long_paths=True,
        gpus=(Gpu("NVIDIA RTX A4000", "581.42", 16.0),),
        versions={"torch": None, "torchvision": None},
        loadable=frozenset(),
    )
    studio.load_phantom()
    studio.open_panel("calm_pipeline:truth", lacking)
    studio.look_at((0.0, -30.0, 0.0))
    asked = FirstUse(None, studio.ct, lambda: machine)
    asked.show_plan()
    return asked.dialog


STATES: dict[str, Callable[[Studio], Any]] = {
    "panel-fresh": _fresh,
    "panel-running": _running,
    "panel-result": _result,
    "panel-review": _review,
    "panel-measurements": _measurements,
    "panel-error": _error,
    "panel-first-use": _first_use,
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

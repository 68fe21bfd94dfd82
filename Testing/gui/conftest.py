"""What the tests of the panel share: Slicer's stand-ins, the module, and a check that nothing is left behind."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

STANDINS = Path(__file__).resolve().parent.parent / "standins"
sys.path.insert(0, str(STANDINS))


@pytest.fixture
def scene():
    """An empty scene in a Slicer without its window."""
    pytest.importorskip("slicer", reason="slicer-core is not installed: it comes with the extra 'test'.")
    pytest.importorskip("PySide6", reason="PySide6 is not installed: it comes with the extra 'test'.")
    import slicer_application

    return slicer_application.start()


@pytest.fixture
def module(scene):
    """The module file, as Slicer loads it."""
    return importlib.import_module("KidneyTumorSeg")


@pytest.fixture
def ct(scene):
    """A coarse scan of the standard phantom in the scene."""
    from KidneyTumorSegLib.scene.volume_node import volume_to_node
    from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

    return volume_to_node(standard_phantom().scan(phantom_grid((4, 4, 6)))[0], "CT")


@pytest.fixture
def shared_files():
    """Asks which shared files of the product exist now."""
    from KidneyTumorSegLib.scene import shared_array

    def ask():
        folders = {shared_array._MEMORY_FOLDER, Path(tempfile.gettempdir())}
        mine = f"{shared_array.PREFIX}{os.getpid()}-*"  # other tests may run at the same time
        return {path for folder in folders if folder.is_dir() for path in folder.glob(mine)}

    return ask


@pytest.fixture
def wait_for(scene):
    """Lets Qt's events and timers run until a condition holds."""
    import slicer

    def wait(condition, seconds=120.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it took too long"
            slicer.app.processEvents()
            time.sleep(0.01)

    return wait


@pytest.fixture
def panel_of(module, monkeypatch, shared_files):
    """Opens the panel on a pipeline of `fake_pipeline`; checks at the end that no process and no file is left."""
    import slicer
    from slicer_application import ModulePanel

    from KidneyTumorSegLib.scene.fallback_runner import FallbackRunner
    from KidneyTumorSegLib.scene.process_runner import ProcessRunner

    files, panels = shared_files(), []
    monkeypatch.setattr(module.packages, "missing", lambda: ())

    def make(function, runner=None):
        work = f"fake_pipeline:{function}"
        first = runner or ProcessRunner(work, [STANDINS])
        logic = module.KidneyTumorSegLogic(work, FallbackRunner(work, slicer.app.processEvents, first))
        monkeypatch.setattr(module, "KidneyTumorSegLogic", lambda: logic)
        panels.append(ModulePanel(module.KidneyTumorSegWidget))
        panels[-1].enter()
        return panels[-1]

    yield make
    for panel in panels:
        panel.close()
        assert panel.widget.logic._runner.process_id is None
    assert shared_files() == files


@pytest.fixture
def result(panel_of, ct, wait_for):
    """The panel after a run that found the truth: 2 kidneys, a tumor on the left, a cyst on the right."""
    from KidneyTumorSegLib.scene.runner import InProcessRunner

    panel = panel_of("truth", InProcessRunner("fake_pipeline:truth"))
    panel.widget.ui.segmentButton.click()
    wait_for(lambda: not panel.widget.logic.isRunning)
    return panel

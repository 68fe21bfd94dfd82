"""The self-test tells figures, seconds and device, and touches nothing in the scene."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from KidneyTumorSegLib.resources import resource
from KidneyTumorSegLib.settings import DEFAULT_MODEL


@pytest.fixture
def self_test(scene):
    from KidneyTumorSegLib.gui import self_test

    return self_test


@pytest.fixture
def coarse(self_test, monkeypatch):
    monkeypatch.setattr(self_test, "_SPACING_MM", (4.0, 4.0, 6.0))


def run(self_test, work):
    from KidneyTumorSegLib.scene.runner import InProcessRunner

    steps, reports, errors = [], [], []
    runner = InProcessRunner(work)
    self_test.SelfTest(runner).start(steps.append, reports.append, errors.append)
    return steps, reports, errors


def nodes(scene):
    return [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]


def test_a_good_run_passes_with_figures_and_leaves_the_scene_alone(self_test, coarse, ct, scene, monkeypatch):
    monkeypatch.setattr(self_test, "device_words", lambda device: "CPU, 2 threads")
    before = nodes(scene)
    steps, (report,), errors = run(self_test, "fake_pipeline:truth")
    assert report.passed
    assert (report.kidney_dice, report.tumor_dice, report.seconds) == (1.0, 1.0, 0.25)
    assert report.sentence == "Self-test passed: kidney Dice 1.00, tumor Dice 1.00, 0.2 s on CPU, 2 threads."
    assert steps
    assert not errors
    assert nodes(scene) == before


def test_a_bad_run_fails_with_what_is_expected_and_what_to_do(self_test, coarse):
    _steps, (report,), _errors = run(self_test, "fake_pipeline:threshold")
    assert not report.passed
    assert report.sentence.startswith("Self-test failed: kidney Dice 0.")
    assert "At least 0.85 and 0.60 are expected." in report.sentence
    assert report.sentence.endswith("copy the bug report and send it to us.")


def test_an_error_is_passed_on_and_is_no_report(self_test, coarse):
    _steps, reports, (error,) = run(self_test, "fake_pipeline:refuse")
    assert not reports
    assert "is no abdomen" in str(error)


def test_the_volume_is_not_made_of_anything_in_the_scene(self_test, coarse):
    given = []
    runner = SimpleNamespace(start=lambda volume, settings, *them: given.append((volume, settings)))
    self_test.SelfTest(runner).start(print, print, print)
    ((volume, settings),) = given
    assert volume.source == "phantom"
    assert settings.model == DEFAULT_MODEL


@pytest.mark.parametrize(("device", "words"), [("mps", "Apple GPU"), ("cuda:1", "T4"), ("cuda:7", "cuda:7")])
def test_devices_are_called_as_people_call_them(self_test, monkeypatch, device, words):
    monkeypatch.setattr(self_test, "ask_nvidia", lambda: (SimpleNamespace(name="H200"), SimpleNamespace(name="T4")))
    assert self_test.device_words(device) == words


@pytest.mark.parametrize(("threads", "words"), [("1", "CPU, 1 thread"), ("8", "CPU, 8 threads")])
def test_a_processor_tells_its_threads(self_test, monkeypatch, threads, words):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert self_test.device_words("cpu") == words


@pytest.mark.slow
@pytest.mark.skipif(
    not (resource("Models", DEFAULT_MODEL) / "weights.safetensors").is_file(), reason="no bundled model in this tree"
)
def test_the_bundled_model_passes(self_test):
    _steps, (report,), errors = run(self_test, "KidneyTumorSegLib.pipeline:run")
    assert not errors
    assert report.passed, report.sentence

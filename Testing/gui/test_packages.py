"""What Slicer lacks is said in one sentence and installed only after asking."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from KidneyTumorSegLib.errors import EnvironmentProblem


@pytest.fixture
def packages(scene):
    from KidneyTumorSegLib.gui import packages

    return packages


def lacking(packages, monkeypatch, *names):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in names else object())


def test_nothing_missing_is_nothing_said(packages, monkeypatch):
    lacking(packages, monkeypatch)
    assert packages.missing() == ()
    assert packages.missing_sentence() == ""


def test_missing_packages_are_named_in_a_sentence_with_what_to_do(packages, monkeypatch):
    lacking(packages, monkeypatch, "torch", "torchvision", "safetensors")
    assert packages.missing_sentence() == (
        "Not installed yet: PyTorch, safetensors. Click Install (needs the internet once, up to a few minutes)."
    )


def test_without_the_pytorch_extension_the_user_is_sent_to_the_extensions_manager(packages, monkeypatch):
    lacking(packages, monkeypatch, "torch")
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(EnvironmentProblem, match=r"PyTorch extension is missing\. Install it in Slicer's"):
        packages.install()


def test_torch_comes_from_the_pytorch_extension_which_asks(packages, monkeypatch):
    lacking(packages, monkeypatch, "torchvision")
    asked = []
    logic = SimpleNamespace(installTorch=lambda **choices: asked.append(choices))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=lambda: logic))
    packages.install()
    assert asked == [{"askConfirmation": True}]


def test_the_rest_comes_through_slicers_own_packaging_which_asks(packages, monkeypatch):
    import slicer

    lacking(packages, monkeypatch, "safetensors", "jsonschema")
    asked = []
    packaging = SimpleNamespace(pip_ensure=lambda wanted, requester: asked.append((wanted, requester)))
    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    packages.install()
    assert asked == [(["safetensors>=0.4.3,<1", "jsonschema>=4.18,<5"], "KidneyTumorSeg")]


@pytest.mark.parametrize("answer", [True, False])
def test_an_older_slicer_asks_through_a_dialog(packages, monkeypatch, answer):
    import slicer

    lacking(packages, monkeypatch, "jsonschema")
    asked, installed = [], []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text) or answer)
    monkeypatch.setattr(slicer.util, "pip_install", installed.append)
    packages.install()
    assert "jsonschema>=4.18,<5" in asked[0]
    assert installed == ([["jsonschema>=4.18,<5"]] if answer else [])


def test_the_panel_says_what_is_missing_and_segment_waits_for_it(module, panel_of, ct, monkeypatch):
    panel = panel_of("truth")
    ui = panel.widget.ui
    lacks = ["torch"]
    monkeypatch.setattr(module.packages, "missing", lambda: tuple(lacks))
    panel.exit()
    panel.enter()
    assert ui.warningsLabel.text().startswith("Not installed yet: PyTorch.")
    assert not ui.segmentButton.isEnabled()
    assert ui.segmentButton.toolTip().startswith("Not installed yet: PyTorch.")
    assert ui.installButton.isVisible()
    monkeypatch.setattr(module.packages, "install", lacks.clear)
    ui.installButton.click()
    assert ui.segmentButton.isEnabled()
    assert ui.warningsLabel.text() == ""
    assert not ui.installButton.isVisible()


def test_what_is_asked_of_pip_is_what_the_project_declares(packages):
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {re.split(r"[<>=]", line)[0]: line for line in project["project"]["dependencies"]}
    for requirement in packages.REQUIREMENTS.values():
        assert declared[re.split(r"[<>=]", requirement)[0]] == requirement
    assert set(packages.TORCH) <= set(declared)

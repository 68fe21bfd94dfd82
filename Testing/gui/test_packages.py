"""What Slicer lacks is named with its size before anything is installed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest


@pytest.fixture
def packages(scene):
    from KidneyTumorSegLib.gui import packages

    return packages


@pytest.fixture
def machine(scene):
    from KidneyTumorSegLib.gui.preflight import Machine

    none = {"torch": None, "torchvision": None}
    return replace(Machine.here(), system="Linux", gpus=(), versions=none, loadable=frozenset())


@pytest.fixture
def gpus(scene):
    from KidneyTumorSegLib.gui.preflight import Gpu

    return {"new": (Gpu("RTX A4000", "570.1"),), "old": (Gpu("Quadro", "390.1"),)}


def lacking(packages, monkeypatch, *names):
    monkeypatch.setattr(packages, "has_code", lambda name: name not in names)


def test_nothing_missing_is_nothing_said_and_nothing_planned(packages, machine, monkeypatch):
    lacking(packages, monkeypatch)
    assert packages.missing() == ()
    assert packages.missing_sentence() == ""
    assert packages.make_plan(machine).parts == ()


def test_missing_packages_are_named_in_a_sentence_with_what_to_do(packages, monkeypatch):
    lacking(packages, monkeypatch, "torch", "torchvision", "safetensors")
    assert packages.missing_sentence() == (
        "Not installed yet: PyTorch, safetensors. "
        "A click on Segment shows what is needed and asks before installing it."
    )


def test_the_plan_names_every_part_with_its_size(packages, machine, monkeypatch):
    lacking(packages, monkeypatch, *packages.TORCH, *packages.REQUIREMENTS)
    plan = packages.make_plan(machine)
    assert [part.name for part in plan.parts] == ["PyTorch", "segmentation-models-pytorch", "safetensors", "jsonschema"]
    assert plan.others == tuple(packages.REQUIREMENTS.values())
    assert plan.sentence == (
        "To download: 90 to 270 MB. On disk: 340 to 970 MB. Time: 1 to 3 minutes, depending on the connection."
    )
    assert plan.folder == machine.packages_folder


def test_a_graphics_card_makes_it_bigger_and_an_old_driver_does_not(packages, machine, gpus, monkeypatch):
    lacking(packages, monkeypatch, *packages.TORCH)
    with_card = packages.make_plan(replace(machine, gpus=gpus["new"]))
    assert with_card.sentence.startswith("To download: 2.3 to 4.2 GB. On disk: 4.5 to 8.0 GB.")
    assert "graphics card" in with_card.parts[0].purpose
    with_old = packages.make_plan(replace(machine, gpus=gpus["old"]))
    assert (with_old.build, with_old.driver_is_too_old) == ("cpu", True)
    assert packages.make_plan(machine).driver_is_too_old is False


def test_the_small_rest_takes_no_torch_and_no_extension(packages, machine, monkeypatch):
    lacking(packages, monkeypatch, "jsonschema")
    plan = packages.make_plan(machine)
    assert not plan.has_torch
    assert not plan.needs_extension
    assert plan.sentence == (
        "To download: 1 to 2 MB. On disk: 2 to 5 MB. Time: about a minute, depending on the connection."
    )


def test_without_the_pytorch_extension_the_plan_begins_with_it_unless_there_is_a_folder(packages, machine, monkeypatch):
    lacking(packages, monkeypatch, "torch")
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert packages.make_plan(machine).needs_extension
    offline = packages.make_plan(machine, wheels="E:\\wheels")
    assert not offline.needs_extension
    assert offline.download_mb == packages.Range(0, 0)
    assert offline.sentence.startswith("Nothing is downloaded. On disk: 300 to 900 MB.")


def test_a_broken_torch_is_planned_anew_whether_asked_for_or_not(packages, machine, monkeypatch):
    lacking(packages, monkeypatch)
    broken = replace(machine, versions={"torch": "2.8.0", "torchvision": "0.19.0"}, loadable=frozenset(packages.TORCH))
    plan = packages.make_plan(broken)
    assert plan.repairs
    assert [part.name for part in plan.parts] == ["PyTorch"]
    whole = replace(broken, versions={"torch": "2.8.0", "torchvision": "0.23.0"})
    assert packages.make_plan(whole).parts == ()
    assert packages.make_plan(whole, repairs=True).repairs


def test_what_is_asked_of_pip_is_what_the_project_declares(packages):
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {re.split(r"[<>=]", line)[0]: line for line in project["project"]["dependencies"]}
    for requirement in packages.REQUIREMENTS.values():
        assert declared[re.split(r"[<>=]", requirement)[0]] == requirement
    assert {name: declared[name].removeprefix(name) for name in packages.TORCH} == packages.TORCH_RANGE

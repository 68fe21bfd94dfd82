"""Before anything is installed the panel says what stands against it, and what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

GPU = ("NVIDIA RTX A4000", "535.104.05", 17.2)


@pytest.fixture
def preflight(scene):
    from KidneyTumorSegLib.gui import preflight

    return preflight


@pytest.fixture
def good(preflight):
    """A computer on which nothing is wrong."""
    return preflight.Machine(
        system="Windows",
        processor="AMD64",
        python=(3, 12, 10),
        slicer=(5, 12),
        packages_folder="C:\\Program Files\\Slicer 5.12.3\\lib\\Python\\Lib\\site-packages",
        can_write=True,
        free_disk_gb=200.0,
        memory_gb=16.0,
        has_proxy=False,
        has_long_paths=False,
        gpus=(),
        versions={"torch": None, "torchvision": None},
        loadable=frozenset(),
    )


def found(preflight, machine, name, **options):
    (check,) = (check for check in preflight.preflight(machine, **options) if check.name == name)
    return check


def test_nothing_stands_against_a_plain_computer_and_a_space_in_the_path_is_no_trouble(preflight, good):
    checks = preflight.preflight(good)
    assert all(check.ok and not check.stops for check in checks)
    assert len({check.name for check in checks}) == len(checks) == 9


PROBLEMS = {
    "old Slicer": ({"slicer": (5, 8)}, "slicer", "3D Slicer 5.8. It is too old.", "5.10 or newer", True),
    "old Python": ({"python": (3, 9, 10)}, "python", "Python 3.9.10. It is too old.", "3.11 or newer", True),
    "read-only": (
        {"can_write": False},
        "writable",
        "cannot be written to: C:\\Program Files",
        "folder of your own",
        True,
    ),
    "full disk": ({"free_disk_gb": 1.2}, "disk", "1.2 GB of disk space are free.", "Make 2.5 GB free", True),
    "little memory": ({"memory_gb": 3.9}, "memory", "4 GB of memory.", "Close other programs", False),
    "long path": (
        {"packages_folder": "C:\\" + "a" * 140 + "\\site-packages"},
        "path",
        "too long for Windows",
        "C:\\Slicer",
        True,
    ),
    "letters": (
        {"packages_folder": "C:\\Users\\Müller\\Slicer\\site-packages"},
        "path",
        "letters that some packages cannot read: C:\\Users\\Müller",
        "plain letters",
        False,
    ),
    "torch without its files": (
        {"versions": {"torch": "2.8.0", "torchvision": None}},
        "torch",
        "torch 2.8.0 is half installed: its files are missing.",
        "Repair",
        False,
    ),
    "torch without its papers": (
        {"loadable": frozenset({"torch"})},
        "torch",
        "torch is half installed: its files are there",
        "Repair",
        False,
    ),
    "no pair": (
        {
            "versions": {"torch": "2.8.0+cu128", "torchvision": "0.19.1+cu128"},
            "loadable": frozenset({"torch", "torchvision"}),
        },
        "torch",
        "torch 2.8.0+cu128 and torchvision 0.19.1+cu128 do not belong together.",
        "Repair",
        False,
    ),
    "two builds": (
        {
            "versions": {"torch": "2.8.0+cpu", "torchvision": "0.23.0+cu128"},
            "loadable": frozenset({"torch", "torchvision"}),
        },
        "torch",
        "do not belong together",
        "Repair",
        False,
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_problem_is_a_sentence_with_a_way_out(preflight, good, problem):
    facts, name, sentence, remedy, stops = PROBLEMS[problem]
    check = found(preflight, replace(good, **facts), name)
    assert not check.ok
    assert check.stops == stops
    assert sentence in check.sentence
    assert remedy in check.remedy


def test_what_stops_an_installation_is_told_first(preflight, good):
    checks = preflight.preflight(replace(good, can_write=False, memory_gb=3.0))
    assert [check.name for check in checks[:2]] == ["writable", "memory"]


def test_an_old_driver_means_the_processor_computes_and_how_to_change_that(preflight, good):
    old = replace(good, gpus=(preflight.Gpu("Quadro K2000", "471.41"),))
    check = found(preflight, old, "graphics")
    assert (check.ok, check.stops) == (False, False)
    assert check.sentence == "The driver 471.41 of Quadro K2000 is too old for PyTorch: the processor will compute."
    assert "install driver 528.33 or newer first" in check.remedy
    assert old.build == "cpu"


def test_a_good_card_needs_more_disk_space_than_none(preflight, good):
    machine = replace(good, gpus=(preflight.Gpu(*GPU),), free_disk_gb=10.0)
    assert machine.build == "cuda"
    assert found(preflight, machine, "graphics").sentence == "NVIDIA RTX A4000, driver 535.104.05."
    assert not found(preflight, machine, "disk").ok
    assert found(preflight, machine, "disk", wants_torch=False).ok
    assert found(preflight, replace(machine, gpus=()), "disk").ok


@pytest.mark.parametrize("driver", ["", "[N/A]", "Unknown Error"])
def test_a_driver_that_does_not_tell_its_version_is_not_relied_on(preflight, good, driver):
    assert replace(good, gpus=(preflight.Gpu("card", driver),)).build == "cpu"


def test_a_proxy_is_told_but_stops_nothing(preflight, good, monkeypatch):
    check = found(preflight, replace(good, has_proxy=True), "proxy")
    assert check.ok
    assert "From a folder" in check.remedy
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:8080")
    here = preflight.Machine.here()
    assert here.has_proxy
    assert "secret" not in repr(here)


@pytest.mark.parametrize(
    ("torch", "torchvision"),
    [
        ("2.4.1", "0.19.1"),
        ("2.13.0+cpu", "0.28.0"),
        ("2.8.0+cu128", "0.23.0+cu128"),
        ("2.5.1", None),
        ("3.0.0", "1.0.0"),
    ],
)
def test_pairs_that_belong_together_are_left_alone(preflight, good, torch, torchvision):
    versions = {"torch": torch, "torchvision": torchvision}
    machine = replace(good, versions=versions, loadable=frozenset(name for name, v in versions.items() if v))
    assert not machine.torch_is_broken
    assert found(preflight, machine, "torch").ok


def test_what_nvidia_smi_prints_is_read_also_where_a_card_does_not_tell(preflight):
    table = "NVIDIA H200, 570.86.15, 143771\nGraphics Device, 470.05, [N/A]\n"
    first, second = preflight.gpus_of(table)
    assert (first.name, first.driver, round(first.memory_gb)) == ("NVIDIA H200", "570.86.15", 151)
    assert second.memory_gb is None
    assert preflight.gpus_of("No devices were found\n") == ()
    assert preflight.gpus_of("") == ()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("echo 'NVIDIA T4, 535.1, 15360'", 1),
        ("echo 'NVIDIA-SMI has failed because it could not communicate'; exit 9", 0),
        ("sleep 20", 0),
    ],
)
def test_a_driver_that_fails_or_hangs_is_no_card(preflight, tmp_path, monkeypatch, script, count):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert len(preflight.ask_nvidia(timeout_s=0.3)) == count


def test_this_computer_can_be_asked_without_loading_torch(preflight):
    machine = preflight.Machine.here()
    assert machine.python == tuple(sys.version_info[:3])
    assert machine.slicer == (5, 12)
    assert machine.can_write
    assert machine.free_disk_gb > 0
    assert all(check.sentence for check in preflight.preflight(machine))
    code = (
        "import sys; from KidneyTumorSegLib.gui.preflight import Machine; Machine.here(); print('torch' in sys.modules)"
    )
    start = "import slicer_application as a; a.start(); "
    folders = [path for path in sys.path if path]
    shown = subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    )
    assert shown.stdout.strip().endswith("False"), shown.stderr


def test_a_folder_that_an_installation_left_empty_is_no_package(preflight, tmp_path, monkeypatch):
    (tmp_path / "half_a_package").mkdir()
    (tmp_path / "whole_package").mkdir()
    (tmp_path / "whole_package" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not preflight.has_code("half_a_package")
    assert preflight.has_code("whole_package")
    assert not preflight.has_code("no_such_package")
    assert preflight.has_code("sys")

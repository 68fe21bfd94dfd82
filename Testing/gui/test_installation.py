"""An installation replaces nothing of Slicer's, hears what pip says, and tells what went wrong with a way out.

pip is the real one, on tiny wheels in a folder; only Slicer's and the PyTorch extension's own names are stood in for.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace

import pytest

from KidneyTumorSegLib.errors import EnvironmentProblem


@pytest.fixture
def installation(scene):
    from KidneyTumorSegLib.gui import installation

    return installation


@pytest.fixture
def pip(scene, tmp_path, monkeypatch):
    """Slicer's pip, which here installs into a folder of the test. Gives the folder."""
    import slicer
    from slicer import packaging

    folder = tmp_path / "site packages"
    monkeypatch.setattr(packaging, "TARGET", ["--target", str(folder), "--no-deps"])
    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: False)
    return folder


@pytest.fixture
def torch_extension(monkeypatch):
    import PyTorchUtils

    monkeypatch.setattr(PyTorchUtils, "CALLS", [])
    monkeypatch.setattr(PyTorchUtils, "PRINTS", [])
    return PyTorchUtils


@pytest.fixture
def plan(scene):
    from KidneyTumorSegLib.gui.packages import Part, Plan, Range

    one = Range(1, 1)
    return Plan((Part("renalwords", "test", ("renalwords>=1",), one, one),), "cpu", "/somewhere")


@pytest.fixture
def torch_plan(plan):
    from KidneyTumorSegLib.gui.packages import Part, Range

    return replace(plan, parts=(Part("PyTorch", "test", ("torch>=2.4,<3",), Range(1, 1), Range(1, 1)),))


@pytest.fixture
def loads(scene):
    """A probe for which everything loads."""
    from KidneyTumorSegLib.gui.load_probe import LoadProbe

    return lambda **options: LoadProbe(True, "2.8.0", "0.23.0", "cuda", "RTX A4000")


@pytest.fixture
def wheels(tmp_path):
    """A folder with a space and a letter that is not ASCII, with one wheel."""
    folder = tmp_path / "mitgebrachte Räder"
    folder.mkdir()
    write_wheel(folder, "renalwords", "1.0")
    return str(folder)


def write_wheel(folder, name, version):
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "WORDS = ('kidney',)\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize("testing", [False, True], ids=["without blocking", "as Slicer's testing mode and 5.10 do"])
def test_packages_come_from_a_folder_without_the_internet(installation, pip, plan, wheels, loads, monkeypatch, testing):
    import slicer

    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: testing)
    lines = []
    outcome = installation.carry_out(replace(plan, wheels=wheels), lines.append, loads)
    assert (pip / "renalwords" / "__init__.py").is_file()
    assert outcome.sentence == "Everything is installed: PyTorch 2.8.0 computes on RTX A4000."
    assert not outcome.needs_restart
    assert any("Successfully installed renalwords-1.0" in line for line in lines)


def test_slicer_5_10_gets_the_same_arguments_in_one_list(installation, plan, wheels, loads, monkeypatch):
    import slicer

    asked = []
    monkeypatch.setattr(installation, "_packaging", lambda: None)
    monkeypatch.setattr(slicer.util, "pip_install", asked.append)
    installation.carry_out(replace(plan, wheels=wheels), try_out=loads)
    (arguments,) = asked
    assert arguments[0] == "renalwords>=1"
    assert arguments[arguments.index("--find-links") + 1] == wheels
    assert "--no-index" in arguments


def test_a_wheel_that_the_folder_lacks_is_named(installation, pip, plan, tmp_path, loads):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(EnvironmentProblem, match="The folder lacks a package: renalwords") as caught:
        installation.carry_out(replace(plan, wheels=str(empty)), try_out=loads)
    assert "No matching distribution found" in "".join(caught.value.__notes__)
    assert not pip.exists()


def test_what_slicer_ships_is_not_replaced_even_if_a_newer_one_is_at_hand(
    installation, pip, plan, wheels, tmp_path, loads
):
    import numpy

    from KidneyTumorSegLib.gui.packages import Part, Range

    write_wheel(tmp_path / "mitgebrachte Räder", "numpy", "99.0")
    part = Part("x", "", ("renalwords", "numpy>=98"), Range(1, 1), Range(1, 1))
    asking = installation.constraint_lines(replace(plan, parts=(part,)), installation.installed())
    assert not any(line.startswith("numpy==") for line in asking)  # asked for by name: pip may take it
    kept = installation.constraint_lines(plan, installation.installed())
    assert f"numpy=={numpy.__version__}" in kept
    with zipfile.ZipFile(tmp_path / "mitgebrachte Räder" / "greedy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greedy/__init__.py", "")
        metadata = "Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\nRequires-Dist: numpy>=98\n"
        wheel.writestr("greedy-1.0.dist-info/METADATA", metadata)
        wheel.writestr("greedy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("greedy-1.0.dist-info/RECORD", "")
    from slicer import packaging

    packaging.TARGET.remove("--no-deps")
    greedy = replace(plan, parts=(replace(plan.parts[0], requirements=("greedy",)),), wheels=wheels)
    with pytest.raises(EnvironmentProblem, match=r"do not go together with what is installed .* nothing was replaced"):
        installation.carry_out(greedy, try_out=loads)
    assert not pip.exists()


def test_torch_comes_through_the_extension_without_a_second_question(
    installation, torch_extension, torch_plan, loads, monkeypatch
):
    seen = []
    torch_extension.PRINTS += ["Collecting torch", "Successfully installed torch-2.8.0"]
    kind = torch_extension.PyTorchUtilsLogic
    install = kind.installTorch
    monkeypatch.setattr(
        kind, "installTorch", lambda self, **given: (seen.append(os.environ["PIP_CONSTRAINT"]), install(self, **given))
    )
    lines = []
    installation.carry_out(torch_plan, lines.append, loads)
    assert torch_extension.CALLS == [{"ask": False, "backend": None, "version": ">=2.4,<3"}]
    assert lines[:2] == torch_extension.PRINTS
    assert seen[0].startswith("file:///")
    assert " " not in seen[0]
    assert "PIP_CONSTRAINT" not in os.environ


def test_a_card_with_too_old_a_driver_gets_the_build_for_the_processor(
    installation, torch_extension, torch_plan, loads
):
    installation.carry_out(replace(torch_plan, driver_is_too_old=True), try_out=loads)
    assert torch_extension.CALLS[0]["backend"] == "cpu"


def test_repair_removes_both_parts_first(installation, torch_extension, torch_plan, loads):
    lines = []
    installation.carry_out(replace(torch_plan, repairs=True), lines.append, loads)
    assert lines[0] == "uninstall ['torch', 'torchvision']"
    assert len(torch_extension.CALLS) == 1


def test_the_pins_leave_torch_free_when_it_is_installed_anew(installation, plan, torch_plan):
    present = {"torch": "2.7.0", "nvidia-cublas-cu12": "12.6", "triton": "3.3", "numpy": "2.1.0", "pip": "24.0"}
    assert installation.constraint_lines(torch_plan, present) == [
        "numpy==2.1.0",
        "torch>=2.4,<3",
        "torchvision>=0.19,<1",
    ]
    assert "torch==2.7.0" in installation.constraint_lines(plan, present)


def test_a_failed_download_of_torch_is_a_sentence_and_the_text_of_pip_is_in_the_details(
    installation, torch_extension, torch_plan, loads
):
    torch_extension.PRINTS += ["SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "error"]
    with pytest.raises(EnvironmentProblem, match="behind a hospital's proxy") as caught:
        installation.carry_out(torch_plan, try_out=loads)
    assert "CERTIFICATE_VERIFY_FAILED" in caught.value.__notes__[0]
    assert "PIP_CONSTRAINT" not in os.environ


def test_torch_that_was_installed_and_does_not_load_is_told_by_the_probe(
    installation, torch_extension, torch_plan, monkeypatch
):
    from KidneyTumorSegLib.gui.load_probe import LoadProbe

    def fails(self, **given):
        raise OSError("[WinError 126] c10.dll")

    monkeypatch.setattr(torch_extension.PyTorchUtilsLogic, "installTorch", fails)
    broken = LoadProbe(False, problem="PyTorch is installed but does not load.", details="c10.dll")
    with pytest.raises(EnvironmentProblem, match="does not load") as caught:
        installation.carry_out(torch_plan, try_out=lambda **options: broken)
    assert caught.value.__notes__ == ["c10.dll"]


def test_nothing_is_fetched_after_a_torch_that_did_not_come(
    installation, torch_extension, plan, torch_plan, monkeypatch
):
    import slicer

    def fails(self, **given):
        raise RuntimeError("PythonSlicer executable not found")

    both = replace(plan, parts=(*torch_plan.parts, *plan.parts))
    monkeypatch.setattr(torch_extension.PyTorchUtilsLogic, "installTorch", fails)
    monkeypatch.setattr(installation.packages, "missing", lambda: ("torch", "torchvision"))
    monkeypatch.setattr(slicer.util, "pip_install", lambda arguments: pytest.fail("pip would bring any torch"))
    with pytest.raises(EnvironmentProblem, match="torch, torchvision cannot be found"):
        installation.carry_out(both)


class Manager:
    """Follows Base/QTCore/qSlicerExtensionsManagerModel.cxx: installing says True also when the download breaks."""

    def __init__(self, finds=True, loads=True):
        self.finds, self.loads, self.has, self.calls = finds, loads, False, []

    def isExtensionInstalled(self, name):
        return self.has

    def setInteractive(self, interactive):
        self.calls.append(interactive)

    def installExtensionFromServer(self, name, restart=True, update=False):
        self.calls.append((name, restart))
        self.has = self.finds and self.loads
        return self.finds


def test_a_missing_extension_is_fetched_first_and_a_restart_asked_for(installation, plan, monkeypatch):
    import slicer

    manager = Manager()
    monkeypatch.setattr(slicer.app, "extensionsManagerModel", lambda: manager, raising=False)
    outcome = installation.carry_out(replace(plan, needs_extension=True))
    assert outcome.needs_restart
    assert "Restart Slicer; the rest" in outcome.sentence
    assert manager.calls == [False, ("PyTorch", False), True]


@pytest.mark.parametrize("manager", [Manager(finds=False), Manager(loads=False), None])
def test_an_extension_that_cannot_be_fetched_is_to_be_installed_by_hand(installation, plan, monkeypatch, manager):
    import slicer

    monkeypatch.setattr(slicer.app, "extensionsManagerModel", lambda: manager, raising=False)
    with pytest.raises(EnvironmentProblem, match="Install it in the Extensions Manager, restart"):
        installation.carry_out(replace(plan, needs_extension=True))


def test_what_was_loaded_and_is_another_version_now_needs_a_restart(installation, monkeypatch):
    before, after = installation.installed(), dict(installation.installed())
    assert installation.replaced_while_loaded(before, after, {"numpy"}) == ()
    after["numpy"] = "99.0"
    assert installation.replaced_while_loaded(before, after, {"numpy", "sys"}) == ("numpy",)
    assert installation.replaced_while_loaded(before, after, {"sys"}) == ()


def test_a_restart_is_told(installation, pip, plan, wheels, loads, monkeypatch):
    monkeypatch.setattr(installation, "replaced_while_loaded", lambda *them: ("numpy",))
    outcome = installation.carry_out(replace(plan, wheels=wheels), try_out=loads)
    assert outcome.needs_restart
    assert outcome.sentence.endswith("Restart Slicer before the first run.")


def test_a_card_that_fails_its_probe_is_a_remark_and_no_failure(installation, pip, plan, wheels):
    from KidneyTumorSegLib.gui.load_probe import LoadProbe

    found = LoadProbe(True, "2.8.0", "0.23.0", "cpu", "RTX 5090", "The card cannot be used.", "no kernel image")
    outcome = installation.carry_out(replace(plan, wheels=wheels), try_out=lambda **options: found)
    assert outcome.sentence.endswith("computes on the processor.")
    assert (outcome.remark, outcome.details) == ("The card cannot be used.", "no kernel image")


def test_a_slicer_without_its_python_says_so(installation, plan, monkeypatch, loads):
    import slicer

    def fails(arguments):
        raise RuntimeError("PythonSlicer executable not found")

    monkeypatch.setattr(slicer.util, "pip_install", fails)
    with pytest.raises(EnvironmentProblem, match="could not begin to install \\(PythonSlicer"):
        installation.carry_out(plan, try_out=loads)


def test_what_pip_says_it_installed_and_python_does_not_find_is_told(
    installation, pip, plan, wheels, loads, monkeypatch
):
    monkeypatch.setattr(installation.packages, "missing", lambda: ("safetensors",))
    with pytest.raises(EnvironmentProblem, match=r"safetensors cannot be found\. Restart Slicer"):
        installation.carry_out(replace(plan, wheels=wheels), try_out=loads)

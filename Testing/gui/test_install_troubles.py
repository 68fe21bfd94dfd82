"""What goes wrong while installing, in words: what pip says, a PyTorch that does not load, a card that fails."""

from __future__ import annotations

import sys
import types

import pytest

SAYINGS = {
    "OSError: [Errno 28] No space left on device": "The disk is full",
    "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/opt'": "cannot be written to",
    "[WinError 5] Access is denied: 'c:\\\\program files'": "cannot be written to",
    "[WinError 32] The process cannot access the file because it is being used by another process": "Restart Slicer",
    "[WinError 5] Access is denied: 'C:\\\\Slicer\\\\~orch\\\\lib\\\\c10.dll'": "is in use. Restart Slicer",
    "[WinError 206] The filename or extension is too long": "short folder",
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))": "proxy refused",
    "NewConnectionError: Failed to establish: getaddrinfo failed\nERROR: No matching distribution found for torch": (
        "did not come through"
    ),
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE": "damaged on its way",
    "ERROR: ResolutionImpossible: for help visit": "nothing was replaced",
    "ERROR: No matching distribution found for torch<3,>=2.4": "There is no torch for this system",
    "No module named pip": "Slicer's own pip is missing",
    "something that nobody has seen": "The details say why",
}


@pytest.mark.parametrize("saying", SAYINGS)
def test_what_pip_says_becomes_a_sentence_with_a_way_out(scene, saying):
    from KidneyTumorSegLib.gui.pip_problems import problem_of

    problem = problem_of(f"Collecting torch\n{saying}\n")
    assert SAYINGS[saying] in str(problem)
    assert saying.splitlines()[0] in problem.__notes__[0]


def fake_packages(folder, torch="", vision=""):
    """Packages that the probe finds before the real ones."""
    texts = {
        "torch": torch,
        "torchvision": vision,
        "jsonschema": "",
        "safetensors": "",
        "segmentation_models_pytorch": "",
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(f"__version__ = '2.8.0'\n{text}\n")
    return [str(folder)]


CARD = """
from types import SimpleNamespace as N
cuda = N(is_available=lambda: True, get_device_name=lambda n: "RTX 5090")
backends = N(mps=N(is_available=lambda: False))
def ones(*shape, device): return 0
def conv2d(*them): {does}
nn = N(functional=N(conv2d=conv2d))
"""


def test_a_torch_that_cannot_be_imported_is_a_sentence_with_its_words_as_details(scene, tmp_path):
    from KidneyTumorSegLib.gui.load_probe import probe

    found = probe(python_path=fake_packages(tmp_path, "raise ImportError('DLL load failed while importing _C')"))
    assert not found.loads
    assert "Visual C++" in found.problem
    assert "Traceback" in found.details
    found = probe(python_path=fake_packages(tmp_path, "import os; os._exit(3)"))
    assert found.problem == "PyTorch is installed but does not load. Click Repair: it is removed and installed anew."


def test_a_card_that_cannot_compute_means_the_processor_does(scene, tmp_path):
    from KidneyTumorSegLib.gui.load_probe import probe

    fails = CARD.format(does="raise RuntimeError('no kernel image is available')")
    found = probe(python_path=fake_packages(tmp_path, fails))
    assert (found.loads, found.device, found.name) == (True, "cpu", "RTX 5090")
    assert found.problem.startswith("The graphics card RTX 5090 cannot be used")
    works = CARD.format(does="return N(sum=lambda: N(item=lambda: 9.0))")
    assert probe(python_path=fake_packages(tmp_path, works)).device == "cuda"


def test_a_torch_that_never_loads_is_given_up(scene, tmp_path):
    from KidneyTumorSegLib.gui.load_probe import probe

    pumped = []
    slow = fake_packages(tmp_path, "import time; time.sleep(60)")
    found = probe(1.0, lambda: pumped.append(1), slow)
    assert found.problem == "PyTorch did not load within 1 s. Restart the computer and try again."
    assert pumped


@pytest.mark.slow
def test_the_packages_of_this_computer_load(scene):
    from KidneyTumorSegLib.gui.load_probe import probe

    found = probe()
    assert found.loads, found.details
    assert found.torch == sys.modules.get("torch", types.SimpleNamespace(__version__=found.torch)).__version__

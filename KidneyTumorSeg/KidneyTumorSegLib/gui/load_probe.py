"""Do the packages really load, and does the graphics card compute? Tried in a child process, never in Slicer's own.

A damaged PyTorch can end the process that imports it, and one that was imported cannot be replaced on Windows.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from ..scene.process_runner import python_executable
from ..scene.runner import WorkerDidNotStart
from .preflight import NO_WINDOW

_LIBRARY_FOLDER = Path(__file__).resolve().parents[2]
_POLL_S = 0.1

_CODE = """
import json
import torch
from KidneyTumorSegLib.networks.torchvision_schemas import declare_missing
declare_missing()
import jsonschema, safetensors, segmentation_models_pytorch, torchvision
told = {"torch": torch.__version__, "torchvision": torchvision.__version__, "device": "cpu", "name": "", "problem": ""}
kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
try:
    torch.nn.functional.conv2d(torch.ones(1, 1, 8, 8, device=kind), torch.ones(1, 1, 3, 3, device=kind)).sum().item()
    told["device"] = kind
except (RuntimeError, NotImplementedError) as error:
    told["problem"] = str(error).splitlines()[0]
if kind == "cuda":
    told["name"] = torch.cuda.get_device_name(0)
print(json.dumps(told), flush=True)
"""


@dataclass(frozen=True)
class LoadProbe:
    """What the child process found.

    Attributes:
        loads: all packages could be imported.
        torch, torchvision: versions; empty if they do not load.
        device: the best that computes: "cuda", "mps" or "cpu".
        name: of the NVIDIA card that torch sees, whether it computes or not.
        problem: what went wrong, with a way out; empty if nothing.
        details: of what went wrong.
    """

    loads: bool
    torch: str = ""
    torchvision: str = ""
    device: str = "cpu"
    name: str = ""
    problem: str = ""
    details: str = ""


def probe(
    timeout_s: float = 180.0,
    let_events_in: Callable[[], object] = lambda: None,
    python_path: Sequence[str] = (),
) -> LoadProbe:
    """Import everything and compute a little, in a child process.

    Args:
        timeout_s: after this the child is ended. The first import after an installation is slow: virus scanners look.
        let_events_in: called while waiting.
        python_path: folders to look for packages in before all others.
    """
    try:
        command = [python_executable(), "-c", _CODE]
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=_environment(python_path),
            creationflags=NO_WINDOW,
        )
    except (OSError, WorkerDidNotStart) as error:
        return LoadProbe(
            False, problem=_("Slicer's own Python could not be started. Install Slicer again."), details=str(error)
        )
    ended = _wait(child, timeout_s, let_events_in)
    if ended is None:
        sentence = _("PyTorch did not load within {s} s. Restart the computer and try again.")
        return LoadProbe(False, problem=sentence.format(s=round(timeout_s)))
    told, complaint = ended
    if child.returncode == 0:
        return _read(json.loads(told.decode("utf-8").splitlines()[-1]))
    return LoadProbe(False, problem=_why(complaint), details=complaint)


def _wait(
    child: subprocess.Popen[bytes], timeout_s: float, let_events_in: Callable[[], object]
) -> tuple[bytes, str] | None:
    """What the child printed and complained about; None if it was ended for being late."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            told, complaint = child.communicate(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            let_events_in()
            continue
        return told, complaint.decode("utf-8", "replace")
    child.kill()
    child.communicate()
    return None


def _read(told: dict[str, str]) -> LoadProbe:
    if not told["problem"]:
        return LoadProbe(True, told["torch"], told["torchvision"], told["device"], told["name"])
    sentence = _(
        "The graphics card {name} cannot be used by this PyTorch, so the processor computes. Update the card's driver, "
        "then click Repair."
    ).format(name=told["name"])
    return LoadProbe(True, told["torch"], told["torchvision"], "cpu", told["name"], sentence, told["problem"])


def _why(complaint: str) -> str:
    lines = [line for line in complaint.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if "WinError 126" in last or "WinError 127" in last or "DLL load failed" in last:
        return _(
            "PyTorch is installed but does not load: Windows lacks a library. Install the Microsoft Visual C++ "
            "Redistributable (x64) and restart, or click Repair."
        )
    if "No module named" in last:
        return _("Something is still missing ({what}). Click Repair.").format(what=last.partition(": ")[2] or last)
    return _("PyTorch is installed but does not load. Click Repair: it is removed and installed anew.")


def _environment(python_path: Sequence[str]) -> dict[str, str]:
    folders = [*python_path, str(_LIBRARY_FOLDER)]
    if before := os.environ.get("PYTHONPATH"):
        folders.append(before)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}

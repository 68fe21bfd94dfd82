"""`doctor`: what this computer offers and whether all is in order. Its output holds no patient data."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import typer

from .. import __version__
from ..computer import total_memory_bytes
from ..errors import EnvironmentProblem, KidneyTumorSegError
from ..resources import resources_folder, user_folder
from ..settings import DEFAULT_MODEL
from . import console, options
from .models import weights_of

PACKAGES = ("numpy", "scipy", "SimpleITK", "pydicom", "slicerio", "torch", "torchvision", "segmentation-models-pytorch")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: was looked at.
        found: what it is, or what is wrong with it and what to do.
        ok: whether a run can do with it.
    """

    what: str
    found: str
    ok: bool = True


def doctor(
    device: options.Device = options.DEFAULTS.device,
    model: options.Model = DEFAULT_MODEL,
    json: options.Json = False,
) -> None:
    """Say what this computer offers, and what is wrong."""
    checks = [
        Check("KidneyTumorSeg", __version__),
        Check("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *(_package(name) for name in PACKAGES),
        _look("device", lambda: _device(device)),
        _look("memory", _memory),
        _look("resources", lambda: _home_hidden(resources_folder())),
        _look("model", lambda: _model(model)),
        _writable("current folder", Path.cwd()),
        _writable("temporary folder", Path(tempfile.gettempdir())),
        _writable("user's models", user_folder()),
    ]
    healthy = all(check.ok for check in checks)
    if json:
        console.result_json({"ok": healthy, "checks": [asdict(check) for check in checks]})
    else:
        width = max(len(check.what) for check in checks)
        for check in checks:
            console.result(f"{'ok ' if check.ok else 'BAD'} {check.what:<{width}}  {check.found}")
        console.result("All is in order." if healthy else "Something is wrong: see the lines that begin with BAD.")
    if not healthy:
        raise typer.Exit(EnvironmentProblem.exit_code)


def _look(what: str, find: Callable[[], str]) -> Check:
    try:
        return Check(what, find())
    except KidneyTumorSegError as error:
        return Check(what, str(error), ok=False)


def _package(name: str) -> Check:
    try:
        return Check(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "is missing. Start headless.py again, or install it with pip.", ok=False)


def _device(choice: str) -> str:
    from .. import inference

    offered = ", ".join(inference.devices())
    return f"{inference.describe_device(choice)} (offered: {offered})"


def _memory() -> str:
    total = total_memory_bytes()
    if total is None:
        return "this system does not tell"
    if total < 4e9:
        raise EnvironmentProblem(f"only {total / 1e9:.1f} GB; a large CT needs 4 GB.")
    return f"{total / 1e9:.1f} GB"


def _model(name: str) -> str:
    from .. import models

    folder = models.open_model(name)
    models.verify(folder)
    return f"{folder.name} {folder.version}, whole and genuine (SHA-256 {weights_of(folder).sha256[:12]}...)"


def _writable(what: str, folder: Path) -> Check:
    """Whether files can be made there; a folder that does not exist yet is judged by the nearest one that does."""
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    shown = _home_hidden(folder)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Check(what, f"{shown}, can be written")
    except OSError as error:
        return Check(what, f"{shown} cannot be written ({error.strerror}).", ok=False)


def _home_hidden(path: Path) -> str:
    """The path without the user's name where it can be left out."""
    try:
        return str(Path("~") / path.resolve().relative_to(Path.home().resolve()))
    except ValueError:
        return str(path)

"""Carries out a `packages.Plan`: through Slicer's PyTorch extension and Slicer's pip, replacing nothing of Slicer's.

Every package that is installed already is pinned by a constraints file, so pip either leaves it as it is or refuses.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..errors import EnvironmentProblem
from . import packages
from .load_probe import LoadProbe, probe
from .pip_problems import problem_of

OnLine = Callable[[str], None]

_OURS = ("pip", "setuptools", "wheel", "light-the-torch")
"""Tools of the installation itself, which may be replaced: the PyTorch extension's own tool wants a certain pip."""
_OF_TORCH = ("torch", "torchvision", "triton", "pytorch-triton", "nvidia-", "cuda-")
_EXTENSION = "PyTorch"
_PUMP_S = 0.02
_PIP_OPTIONS = ("--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--no-warn-script-location")


@dataclass(frozen=True)
class Outcome:
    """How an installation ended that did not fail.

    Attributes:
        sentence: for the user.
        needs_restart: Slicer must be restarted before the packages can be used.
        remark: something to read before going on; empty if nothing.
        details: of the remark.
    """

    sentence: str
    needs_restart: bool = False
    remark: str = ""
    details: str = ""


def carry_out(
    plan: packages.Plan, on_line: OnLine = lambda line: None, try_out: Callable[..., LoadProbe] = probe
) -> Outcome:
    """Install what a plan says, and try out whether it loads. Slicer stays usable meanwhile where it can.

    Args:
        plan: that the user agreed to.
        on_line: told each line that pip prints.
        try_out: tells whether the packages load.

    Raises:
        EnvironmentProblem: it did not work, and the note has pip's text. What was there before still is, except a
            PyTorch that was to be repaired.
    """
    if plan.needs_extension:
        return _install_extension()
    before, loaded = installed(), {name.partition(".")[0] for name in sys.modules}
    with _constraints(plan) as constraints:
        if plan.repairs:
            _remove_torch(on_line)
        if plan.has_torch:
            _install_torch(plan, constraints, on_line)
            _refuse_if_missing(packages.TORCH)  # else what comes next would bring any build of it
        if plan.others:
            _pip(plan, list(plan.others), constraints, on_line)
    _refuse_if_missing((*packages.TORCH, *packages.REQUIREMENTS))
    on_line(_("Trying out whether everything loads"))
    found = try_out(let_events_in=slicer.app.processEvents)
    if not found.loads:
        problem = EnvironmentProblem(found.problem)
        problem.add_note(found.details)
        raise problem
    return _outcome(found, replaced_while_loaded(before, installed(), loaded))


def installed() -> dict[str, str]:
    """Every installed distribution by its normalized name, and its version: the one that Python finds first."""
    importlib.invalidate_caches()
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
        if name and version:
            found.setdefault(_normal(name), version)
    return found


def constraint_lines(plan: packages.Plan, present: dict[str, str]) -> list[str]:
    """One line for each package that must stay as it is, and the range of PyTorch."""
    asked = {_normal(re.split(r"[<>=]", it)[0]) for it in plan.others}
    free = (*_OURS, *(_OF_TORCH if plan.has_torch else ()))
    kept = [
        f"{name}=={version}"
        for name, version in sorted(present.items())
        if name not in asked and not any(name == it or (it.endswith("-") and name.startswith(it)) for it in free)
    ]
    return kept + [f"{name}{wanted}" for name, wanted in packages.TORCH_RANGE.items() if plan.has_torch]


def replaced_while_loaded(before: dict[str, str], after: dict[str, str], loaded: set[str]) -> tuple[str, ...]:
    """Packages that this process had imported and that are another version now: it goes on with the old one."""
    changed = {name for name, version in after.items() if before.get(name) != version}
    owners = metadata.packages_distributions()
    return tuple(sorted({_normal(name) for top in loaded for name in owners.get(top, ()) if _normal(name) in changed}))


def _refuse_if_missing(names: tuple[str, ...]) -> None:
    importlib.invalidate_caches()
    if still := [name for name in packages.missing() if name in names]:
        raise EnvironmentProblem(
            _("The installation ended, but {names} cannot be found. Restart Slicer and try again.").format(
                names=", ".join(still)
            )
        )


def _outcome(found: LoadProbe, replaced: tuple[str, ...]) -> Outcome:
    where = (
        found.name if found.device == "cuda" else _("the Apple GPU") if found.device == "mps" else _("the processor")
    )
    sentence = _("Everything is installed: PyTorch {version} computes on {where}.").format(
        version=found.torch, where=where
    )
    if replaced:
        sentence += " " + _("Restart Slicer before the first run.")
    return Outcome(sentence, bool(replaced), found.problem, found.details)


def _install_extension() -> Outcome:
    """Slicer's PyTorch extension, which takes a restart before it can be used."""
    by_hand = _(
        "Slicer's PyTorch extension is missing and could not be fetched. Install it in the Extensions Manager, restart "
        "Slicer, and try again. Without the internet, choose From a folder."
    )
    manager = slicer.app.extensionsManagerModel() if hasattr(slicer.app, "extensionsManagerModel") else None
    if manager is None:
        raise EnvironmentProblem(by_hand)
    if not manager.isExtensionInstalled(_EXTENSION):
        manager.setInteractive(False)  # the user has agreed already
        try:
            manager.installExtensionFromServer(_EXTENSION, False)
        finally:
            manager.setInteractive(True)
        if not manager.isExtensionInstalled(_EXTENSION):  # the call says True also when the download broke
            raise EnvironmentProblem(by_hand)
    return Outcome(
        _("Slicer's PyTorch extension is installed. Restart Slicer; the rest of the installation follows then."),
        needs_restart=True,
    )


def _install_torch(plan: packages.Plan, constraints: Path, on_line: OnLine) -> None:
    if plan.wheels:
        _pip(plan, [f"{name}{wanted}" for name, wanted in packages.TORCH_RANGE.items()], constraints, on_line)
        return
    import PyTorchUtils

    # A card whose driver is too old gets the processor's build; without a card the extension sees that by itself.
    backend = "cpu" if plan.driver_is_too_old else None
    with _listening(on_line) as lines, _pip_constrained_by(constraints):
        try:
            PyTorchUtils.PyTorchUtilsLogic().installTorch(
                askConfirmation=False,
                forceComputationBackend=backend,
                torchVersionRequirement=packages.TORCH_RANGE["torch"],
            )
        except subprocess.CalledProcessError as error:
            raise problem_of("\n".join(lines)) from error
        except (ImportError, OSError, RuntimeError) as error:  # it does not load: what comes next tells why
            lines.append(str(error))
            on_line(str(error))


def _remove_torch(on_line: OnLine) -> None:
    with _listening(on_line) as lines:
        try:
            slicer.util.pip_uninstall(list(packages.TORCH))
        except subprocess.CalledProcessError as error:
            raise problem_of("\n".join(lines)) from error


def _pip(plan: packages.Plan, requirements: list[str], constraints: Path, on_line: OnLine) -> None:
    """Through Slicer's pip. Everything is one list of arguments: paths may have spaces."""
    offline = ["--no-index", "--find-links", plan.wheels] if plan.wheels else []
    arguments = [*requirements, *_PIP_OPTIONS, *offline, "-c", str(constraints)]
    with _listening(on_line) as lines:
        try:
            code = _run_pip(arguments, lines, on_line)
        except subprocess.CalledProcessError as error:
            raise problem_of("\n".join(lines), plan.wheels) from error
        except RuntimeError as error:  # no PythonSlicer, or another installation is under way
            raise EnvironmentProblem(
                _("Slicer could not begin to install ({error}). Restart Slicer and try again.").format(error=error)
            ) from error
    if code:
        raise problem_of("\n".join(lines), plan.wheels)


def _run_pip(arguments: list[str], lines: list[str], on_line: OnLine) -> int:
    """Since Slicer 5.11 without blocking it; before, and in Slicer's testing mode, Slicer waits."""
    packaging = _packaging()
    if packaging is None or slicer.app.testingEnabled():
        slicer.util.pip_install(arguments)
        return 0
    ended: list[int] = []

    def told(line: str) -> None:
        lines.append(line)
        on_line(line)

    packaging.pip_install(
        arguments, blocking=False, show_progress=False, logCallback=told, completedCallback=ended.append
    )
    while not ended:
        slicer.app.processEvents()
        time.sleep(_PUMP_S)
    return ended[0]


def _packaging() -> Any:
    """`slicer.packaging`, or None before Slicer 5.11."""
    return importlib.import_module("slicer.packaging") if find_spec("slicer.packaging") else None


@contextlib.contextmanager
def _listening(on_line: OnLine) -> Iterator[list[str]]:
    """Hear what Slicer prints of pip's output meanwhile: its errors carry none of it. It is still printed."""
    lines: list[str] = []
    with contextlib.redirect_stdout(_Ear(sys.stdout, lines, on_line)):
        yield lines


class _Ear(io.TextIOBase):
    """A stdout that passes everything on, and tells whole lines."""

    def __init__(self, before: Any, lines: list[str], on_line: OnLine) -> None:
        super().__init__()
        self._before, self._lines, self._on_line, self._rest = before, lines, on_line, ""

    def write(self, text: str) -> int:
        self._before.write(text)
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._lines.append(line)
            self._on_line(line)
        return len(text)


@contextlib.contextmanager
def _constraints(plan: packages.Plan) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kidneytumorseg-") as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text("\n".join(constraint_lines(plan, installed())) + "\n", encoding="utf-8")
        yield path


@contextlib.contextmanager
def _pip_constrained_by(path: Path) -> Iterator[None]:
    """For a pip that others start: by its environment, as an address, because pip parts it at spaces."""
    name, before = "PIP_CONSTRAINT", os.environ.get("PIP_CONSTRAINT")
    os.environ[name] = path.as_uri() if before is None else f"{before} {path.as_uri()}"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _normal(name: str) -> str:
    """As the package index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()

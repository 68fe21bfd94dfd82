"""Which Python packages Slicer lacks, in a sentence, and how to install them with the user's consent."""

from __future__ import annotations

from importlib.util import find_spec

import slicer
from slicer.i18n import tr as _

from ..errors import EnvironmentProblem

TORCH = ("torch", "torchvision")
"""Installed by Slicer's PyTorch extension, which picks the build that fits the graphics card."""

REQUIREMENTS = {
    "segmentation_models_pytorch": "segmentation-models-pytorch>=0.5,<0.7",
    "safetensors": "safetensors>=0.4.3,<1",
    "jsonschema": "jsonschema>=4.18,<5",
}
"""Import name and what pip is asked for: those of the library's dependencies that neither Slicer nor PyTorch brings."""


def missing() -> tuple[str, ...]:
    """The import names of what is not installed. Imports nothing."""
    return tuple(name for name in (*TORCH, *REQUIREMENTS) if find_spec(name) is None)


def missing_sentence() -> str:
    """What must be installed, for the user; empty if nothing."""
    lacking = missing()
    if not lacking:
        return ""
    names = ", ".join("PyTorch" if name == "torch" else name for name in lacking if name != "torchvision")
    return _("Not installed yet: {names}. Click Install (needs the internet once, up to a few minutes).").format(
        names=names or "torchvision"
    )


def install() -> None:
    """Install what is missing, after asking the user each time; returns when done or declined.

    Raises:
        EnvironmentProblem: Slicer's PyTorch extension is not installed.
    """
    lacking = missing()
    if any(name in TORCH for name in lacking):
        _install_torch()
    wanted = [REQUIREMENTS[name] for name in lacking if name in REQUIREMENTS]
    if wanted:
        _install_packages(wanted)


def _install_torch() -> None:
    try:
        import PyTorchUtils
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(
            _("The PyTorch extension is missing. Install it in Slicer's Extensions Manager, restart, and try again.")
        ) from error
    PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True)


def _install_packages(wanted: list[str]) -> None:
    try:
        from slicer import packaging
    except ImportError:  # before Slicer 5.11
        question = _("KidneyTumorSeg needs these Python packages: {names}. Install them now?")
        if slicer.util.confirmOkCancelDisplay(question.format(names=", ".join(wanted))):
            slicer.util.pip_install(wanted)
        return
    packaging.pip_ensure(wanted, requester="KidneyTumorSeg")

"""Which Python packages Slicer lacks, how big they are, and the plan that is shown before anything is installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from slicer.i18n import tr as _

from .preflight import Machine, has_code

TORCH = ("torch", "torchvision")
"""Installed by Slicer's PyTorch extension, which picks the build that fits the graphics card."""

TORCH_RANGE = {"torch": ">=2.4,<3", "torchvision": ">=0.19,<1"}

REQUIREMENTS = {
    "segmentation_models_pytorch": "segmentation-models-pytorch>=0.5,<0.7",
    "safetensors": "safetensors>=0.4.3,<1",
    "jsonschema": "jsonschema>=4.18,<5",
}
"""Import name and what pip is asked for: those of the library's dependencies that neither Slicer nor PyTorch brings."""

_PYTORCH = "PyTorch"
_EXTENSION_MODULE = "PyTorchUtils"
_SLOW_MB_S, _FAST_MB_S = 2.5, 12.5
_UNPACK_MB_S = 20.0


@dataclass(frozen=True)
class Range:
    """From, to. What will be fetched depends on system and build, and is not known before pip has looked."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)


@dataclass(frozen=True)
class Part:
    """One of the things that will be installed.

    Attributes:
        name: for people.
        purpose: in a few words.
        requirements: what pip is asked for.
        download_mb, disk_mb: megabytes, with what the package brings along.
    """

    name: str
    purpose: str
    requirements: tuple[str, ...]
    download_mb: Range
    disk_mb: Range


_TORCH_MB = {
    # Version 2.13 on Linux: 0.2 GB to fetch, 0.87 GB on disk; Windows and macOS take less.
    "cpu": (Range(80, 250), Range(300, 900)),
    # Depends on the version of CUDA that comes with it.
    "cuda": (Range(2300, 4200), Range(4500, 8000)),
}
_OTHER_MB = {
    "segmentation_models_pytorch": (Range(8, 20), Range(40, 60)),
    "safetensors": (Range(0.3, 1), Range(1, 2)),
    "jsonschema": (Range(0.5, 2), Range(2, 5)),
}


@dataclass(frozen=True)
class Plan:
    """What will be done when the user says yes.

    Attributes:
        parts: what will be installed.
        build: of PyTorch, "cpu" or "cuda".
        folder: where to.
        wheels: a folder with the packages as files; empty: from the internet.
        repairs: PyTorch is removed first.
        needs_extension: Slicer's PyTorch extension is not there and comes first.
        driver_is_too_old: there is an NVIDIA card, but PyTorch cannot use it.
    """

    parts: tuple[Part, ...]
    build: str
    folder: str
    wheels: str = ""
    repairs: bool = False
    needs_extension: bool = False
    driver_is_too_old: bool = False

    @property
    def has_torch(self) -> bool:
        """Whether PyTorch is installed too."""
        return any(part.name == _PYTORCH for part in self.parts)

    @property
    def others(self) -> tuple[str, ...]:
        """What pip is asked for beside PyTorch."""
        return tuple(it for part in self.parts if part.name != _PYTORCH for it in part.requirements)

    @property
    def download_mb(self) -> Range:
        """Of all parts; nothing from a folder."""
        return Range(0, 0) if self.wheels else sum((part.download_mb for part in self.parts), Range(0, 0))

    @property
    def disk_mb(self) -> Range:
        """Of all parts."""
        return sum((part.disk_mb for part in self.parts), Range(0, 0))

    @property
    def minutes(self) -> Range:
        """Download at 100 and at 20 Mbit/s, and unpacking."""
        download, disk = self.download_mb, self.disk_mb
        fast = download.low / _FAST_MB_S + disk.low / _UNPACK_MB_S
        slow = download.high / _SLOW_MB_S + disk.high / _UNPACK_MB_S
        return Range(fast / 60, slow / 60)

    @property
    def sentence(self) -> str:
        """How much and how long."""
        disk, minutes = _megabytes(self.disk_mb), _minutes(self.minutes)
        if self.wheels:
            return _("Nothing is downloaded. On disk: {disk}. Time: {minutes}.").format(disk=disk, minutes=minutes)
        return _("To download: {download}. On disk: {disk}. Time: {minutes}, depending on the connection.").format(
            download=_megabytes(self.download_mb), disk=disk, minutes=minutes
        )


def missing() -> tuple[str, ...]:
    """The import names of what is not installed. Imports nothing."""
    return tuple(name for name in (*TORCH, *REQUIREMENTS) if not has_code(name))


def missing_sentence() -> str:
    """What must be installed, for the user; empty if nothing."""
    lacking = missing()
    if not lacking:
        return ""
    names = ", ".join(
        _PYTORCH if name == "torch" else name.replace("_", "-") for name in lacking if name != "torchvision"
    )
    return _(
        "Not installed yet: {names}. A click on Segment shows what is needed and asks before installing it."
    ).format(names=names or "torchvision")


def make_plan(machine: Machine, wheels: str = "", repairs: bool = False) -> Plan:
    """The plan for what is missing here.

    Args:
        machine: the facts; a broken PyTorch is repaired whether asked for or not.
        wheels: a folder with the packages as files; empty: from the internet.
        repairs: install PyTorch anew although it is there.
    """
    lacking = missing()
    repairs = repairs or machine.torch_is_broken
    parts = [_torch_part(machine.build)] if repairs or any(name in TORCH for name in lacking) else []
    parts += [_part(name) for name in lacking if name in REQUIREMENTS]
    needs_extension = bool(parts) and parts[0].name == _PYTORCH and not wheels and find_spec(_EXTENSION_MODULE) is None
    too_old = machine.build == "cpu" and bool(machine.gpus)
    return Plan(tuple(parts), machine.build, machine.packages_folder, wheels, repairs, needs_extension, too_old)


def _torch_part(build: str) -> Part:
    purpose = _("runs the model on the graphics card") if build == "cuda" else _("runs the model on the processor")
    requirements = tuple(f"{name}{TORCH_RANGE[name]}" for name in TORCH)
    return Part(_PYTORCH, purpose, requirements, *_TORCH_MB[build])


def _part(name: str) -> Part:
    purposes = {
        "segmentation_models_pytorch": _("the model's architecture"),
        "safetensors": _("reads the model's weights safely"),
        "jsonschema": _("checks the model's description"),
    }
    requirement = REQUIREMENTS[name]
    return Part(requirement.partition(">")[0], purposes[name], (requirement,), *_OTHER_MB[name])


def _megabytes(size: Range) -> str:
    if size.high >= 1000:
        return _("{low} to {high} GB").format(low=f"{size.low / 1000:.1f}", high=f"{size.high / 1000:.1f}")
    low, high = _rounded(size.low), _rounded(size.high)
    if low == high:
        return _("about {high} MB").format(high=high)
    return _("{low} to {high} MB").format(low=low, high=high)


def _rounded(megabytes: float) -> int:
    """To tens where it is many: more is not known."""
    return int(round(megabytes, -1 if megabytes > 20 else 0)) or 1


def _minutes(time: Range) -> str:
    low, high = max(round(time.low), 1), max(round(time.high), 1)
    if high == 1:
        return _("about a minute")
    return _("{low} to {high} minutes").format(low=low, high=high)

"""Can the packages be installed here, and will they run: looked at before anything is fetched. Imports no torch.

What is asked of the computer is one frozen `Machine`, so that every answer can be tried in a test. The internet is
not tried out: a closed network would only be told that nothing happened.
"""

from __future__ import annotations

import csv
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..computer import total_memory_bytes

OLDEST_PYTHON = (3, 11)
OLDEST_SLICER = (5, 10)
DISK_GB = {"cpu": 2.5, "cuda": 14.0}
"""What the download and its unpacked files take together at most, by build of PyTorch."""
MEMORY_GB = 7.5
"""A computer that is sold with 8 GB tells a little less."""
DRIVER = {"Linux": (525, 60), "Windows": (528, 33)}
"""The oldest NVIDIA driver that runs PyTorch built for CUDA 12, from NVIDIA's table of CUDA 12.0."""
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Windows opens a black window for every program else."""
_DEEPEST_FILE = 130
"""Characters below the packages folder of the longest path that is installed (119 in PyTorch 2.13)."""
_WINDOWS_PATH = 259
_LOOK_AT = ("torch", "torchvision")
_NVIDIA_SMI = ("--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA graphics card, as its driver tells.

    Attributes:
        name: of the card.
        driver: version of the driver, for example "535.104.05".
        memory_gb: of the card; None if it does not tell.
    """

    name: str
    driver: str
    memory_gb: float | None = None

    @property
    def driver_number(self) -> tuple[int, ...]:
        """The driver's version to compare; empty if it cannot be read."""
        return _numbers(self.driver)[:2]


@dataclass(frozen=True)
class Machine:
    """The facts on which it depends whether the packages can be installed and will run.

    Attributes:
        system: "Windows", "Linux" or "Darwin".
        processor: for example "AMD64" or "arm64".
        python, slicer: versions.
        packages_folder: where pip puts what it installs.
        can_write: whether it may.
        free_disk_gb, memory_gb: None if the system does not tell.
        has_proxy: a proxy is set. Its address is not kept: it may hold a password.
        has_long_paths: Windows only: paths of more than 259 characters are allowed.
        gpus: NVIDIA cards.
        versions: of torch and torchvision, by what is written about them; None: nothing is.
        loadable: which of them have code to load.
    """

    system: str
    processor: str
    python: tuple[int, ...]
    slicer: tuple[int, ...]
    packages_folder: str
    can_write: bool
    free_disk_gb: float | None
    memory_gb: float | None
    has_proxy: bool
    has_long_paths: bool
    gpus: tuple[Gpu, ...]
    versions: Mapping[str, str | None]
    loadable: frozenset[str]

    @classmethod
    def here(cls) -> Machine:
        """This computer, this Slicer. Asks nvidia-smi, which takes about 0.1 s where there is one."""
        folder = Path(sysconfig.get_path("purelib"))
        memory = total_memory_bytes()
        return cls(
            system=platform.system(),
            processor=platform.machine(),
            python=tuple(sys.version_info[:3]),
            slicer=(int(slicer.app.majorVersion), int(slicer.app.minorVersion)),
            packages_folder=str(folder),
            can_write=_can_write(folder),
            free_disk_gb=_free_gb(folder),
            memory_gb=None if memory is None else memory / 1e9,
            has_proxy=any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")),
            has_long_paths=_has_long_paths(),
            gpus=ask_nvidia(),
            versions={name: installed_version(name) for name in _LOOK_AT},
            loadable=frozenset(name for name in _LOOK_AT if has_code(name)),
        )

    @property
    def build(self) -> str:
        """The build of PyTorch that fits: "cuda" if an NVIDIA card and its driver can run it, else "cpu"."""
        wanted = DRIVER.get(self.system)
        fits = wanted is not None and any(gpu.driver_number >= wanted for gpu in self.gpus)
        return "cuda" if fits else "cpu"

    @property
    def torch_is_broken(self) -> bool:
        """PyTorch was installed by halves, or its two parts do not belong together."""
        return any(
            (self.versions.get(name) is None) != (name not in self.loadable) for name in _LOOK_AT
        ) or not _are_a_pair(self.versions)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: one word, for tests and the bug report.
        ok: nothing stands against it.
        sentence: what was found.
        remedy: what to do; empty if nothing.
        stops: an installation would fail.
    """

    name: str
    ok: bool
    sentence: str
    remedy: str = ""
    stops: bool = False


def preflight(machine: Machine, wants_torch: bool = True) -> tuple[Check, ...]:
    """All checks, those that stop an installation first.

    Args:
        machine: the facts.
        wants_torch: whether PyTorch is among what is to be installed; the rest takes less than 0.1 GB.
    """
    checks = (
        _slicer(machine),
        _python(machine),
        _writable(machine),
        _disk(machine, wants_torch),
        _path(machine),
        _torch(machine),
        _graphics(machine),
        _memory(machine),
        _proxy(machine),
    )
    return tuple(sorted(checks, key=lambda check: (not check.stops, check.ok)))


def ask_nvidia(timeout_s: float = 5.0) -> tuple[Gpu, ...]:
    """The NVIDIA cards that their driver tells of; none if there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        told = subprocess.run(
            [program, *_NVIDIA_SMI],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=True,
            errors="replace",
            creationflags=NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError):
        return ()  # the driver is there but does not work: as good as none
    return gpus_of(told.stdout)


def gpus_of(table: str) -> tuple[Gpu, ...]:
    """The cards in a table of nvidia-smi: name, driver and memory in MiB, one line a card."""
    rows = [[part.strip() for part in row] for row in csv.reader(table.splitlines())]
    return tuple(
        Gpu(name, driver, float(memory) * 1.048576e-3 if memory.replace(".", "", 1).isdigit() else None)
        for name, driver, memory in (row for row in rows if len(row) == len(("name", "driver", "memory")))
    )


def installed_version(name: str) -> str | None:
    """The version that an installed package's own papers tell; None if there are none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def has_code(name: str) -> bool:
    """Whether a package has code to load: what an installation leaves that was cut off may be an empty folder."""
    spec = find_spec(name)
    return spec is not None and getattr(spec, "origin", "") is not None


def _slicer(machine: Machine) -> Check:
    told = _("3D Slicer {version}.").format(version=_dotted(machine.slicer[:2]))
    if machine.slicer[:2] >= OLDEST_SLICER:
        return Check("slicer", True, told)
    remedy = _("Install 3D Slicer {version} or newer.").format(version=_dotted(OLDEST_SLICER))
    return Check("slicer", False, _("{told} It is too old.").format(told=told), remedy, stops=True)


def _python(machine: Machine) -> Check:
    told = _("Python {version}.").format(version=_dotted(machine.python))
    if machine.python[:2] >= OLDEST_PYTHON:
        return Check("python", True, told)
    remedy = _("Install a newer 3D Slicer: it brings Python {version} or newer.").format(version=_dotted(OLDEST_PYTHON))
    return Check("python", False, _("{told} It is too old.").format(told=told), remedy, stops=True)


def _writable(machine: Machine) -> Check:
    if machine.can_write:
        return Check("writable", True, _("Packages can be installed into this Slicer."))
    remedy = _(
        "Install Slicer into a folder of your own, or ask the person who looks after this computer "
        "to start Slicer once with the right to write there and install."
    )
    sentence = _("The folder of Slicer's packages cannot be written to: {folder}").format(
        folder=machine.packages_folder
    )
    return Check("writable", False, sentence, remedy, stops=True)


def _disk(machine: Machine, wants_torch: bool) -> Check:
    if machine.free_disk_gb is None:
        return Check("disk", True, _("The system does not tell how much disk space is free."))
    wanted = DISK_GB[machine.build] if wants_torch else 0.3
    told = _("{free} GB of disk space are free.").format(free=f"{machine.free_disk_gb:.1f}")
    if machine.free_disk_gb >= wanted:
        return Check("disk", True, told)
    remedy = _("Make {wanted} GB free on the disk of {folder}.").format(
        wanted=f"{wanted:.1f}", folder=machine.packages_folder
    )
    return Check("disk", False, _("{told} That is too little.").format(told=told), remedy, stops=True)


def _path(machine: Machine) -> Check:
    """Spaces are no trouble: pip is given a list of arguments, never a line of text."""
    if machine.system != "Windows":
        return Check("path", True, _("The path of Slicer is fine."))
    if len(machine.packages_folder) + 1 + _DEEPEST_FILE > _WINDOWS_PATH and not machine.has_long_paths:
        remedy = _(
            "Install Slicer into a folder with a short name, such as C:\\Slicer, or allow long paths in Windows."
        )
        return Check("path", False, _("The path of Slicer's packages is too long for Windows."), remedy, stops=True)
    if not machine.packages_folder.isascii():
        remedy = _("If the installation fails, install Slicer into a folder with plain letters, such as C:\\Slicer.")
        sentence = _("The path of Slicer has letters that some packages cannot read: {folder}")
        return Check("path", False, sentence.format(folder=machine.packages_folder), remedy)
    return Check("path", True, _("The path of Slicer is fine."))


def _torch(machine: Machine) -> Check:
    for name in _LOOK_AT:
        version, has = machine.versions.get(name), name in machine.loadable
        if version is not None and not has:
            sentence = _("{name} {version} is half installed: its files are missing.")
        elif version is None and has:
            sentence = _("{name} is half installed: its files are there, but not what tells their version.")
        else:
            continue
        return Check("torch", False, sentence.format(name=name, version=version), _repair())
    if not _are_a_pair(machine.versions):
        sentence = _("torch {torch} and torchvision {torchvision} do not belong together.")
        return Check("torch", False, sentence.format(**machine.versions), _repair())
    version = machine.versions.get("torch")
    told = _("PyTorch {version} is installed.").format(version=version) if version else _("PyTorch is not installed.")
    return Check("torch", True, told)


def _repair() -> str:
    return _("Click Repair: PyTorch is removed and installed anew.")


def _graphics(machine: Machine) -> Check:
    if not machine.gpus:
        return Check("graphics", True, _("No NVIDIA graphics card: the processor computes, which takes longer."))
    gpu = machine.gpus[0]
    if machine.build == "cuda":
        told = _("{name}, driver {driver}.").format(name=gpu.name, driver=gpu.driver)
        return Check("graphics", True, told)
    sentence = _("The driver {driver} of {name} is too old for PyTorch: the processor will compute.").format(
        driver=gpu.driver, name=gpu.name
    )
    remedy = _("To compute on the card, install driver {version} or newer first, then click Repair.").format(
        version=_dotted(DRIVER.get(machine.system, DRIVER["Linux"]))
    )
    return Check("graphics", False, sentence, remedy)


def _memory(machine: Machine) -> Check:
    if machine.memory_gb is None:
        return Check("memory", True, _("The system does not tell how much memory it has."))
    told = _("{memory} GB of memory.").format(memory=f"{machine.memory_gb:.0f}")
    if machine.memory_gb >= MEMORY_GB:
        return Check("memory", True, told)
    remedy = _("Close other programs, and crop large scans to the kidneys.")
    return Check("memory", False, _("{told} Large scans may not fit.").format(told=told), remedy)


def _proxy(machine: Machine) -> Check:
    if not machine.has_proxy:
        return Check("proxy", True, _("No proxy is set."))
    remedy = _("If the download is refused, ask for a folder with the packages and choose From a folder.")
    return Check("proxy", True, _("A proxy is set: downloads go through it."), remedy)


def _are_a_pair(versions: Mapping[str, str | None]) -> bool:
    """Whether torch and torchvision were built for each other: 2.4 and 0.19, 2.5 and 0.20, and so on; same build."""
    torch, vision = versions.get("torch"), versions.get("torchvision")
    if torch is None or vision is None:
        return True
    builds = {version.partition("+")[2] for version in (torch, vision)} - {""}
    first, second = _numbers(torch)[:2], _numbers(vision)[:2]
    return len(builds) < len((torch, vision)) and (first[0] != 2 or second == (0, first[1] + 15))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def _dotted(numbers: Iterable[int]) -> str:
    return ".".join(str(number) for number in numbers)


def _can_write(folder: Path) -> bool:
    """By writing: what Windows says about rights is not what it does."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _free_gb(folder: Path) -> float | None:
    try:
        return shutil.disk_usage(folder).free / 1e9
    except OSError:
        return None


def _has_long_paths() -> bool:
    if sys.platform != "win32":
        return True
    import winreg

    place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False

#!/usr/bin/env python3
"""Run KidneyTumorSeg from a shell, without 3D Slicer: `python3 headless.py demo`.

Needs only Python 3.11 or newer. The first use makes an environment (`.venv`, beside this file) and installs what
pyproject.toml lists, in the versions that constraints.txt names. A stamp is written into it when it is whole: without
it it is made anew, and when these files change it is brought up to date. One start at a time installs; others wait.

Environment variables: KIDNEYTUMORSEG_WHEELS, a folder of wheels to install from without a network;
KIDNEYTUMORSEG_VENV, another place for the environment; and all of pip's own (HTTPS_PROXY, PIP_INDEX_URL, ...).
"""

import sys

OLDEST_PYTHON = (3, 11)

if sys.version_info < OLDEST_PYTHON:  # before anything that an old Python lacks
    sys.stderr.write(
        "KidneyTumorSeg needs Python %d.%d or newer; this is Python %d.%d (%s). Install a newer one from "
        "https://www.python.org/downloads and start headless.py with it.\n"
        % (*OLDEST_PYTHON, sys.version_info[0], sys.version_info[1], sys.executable)
    )
    sys.exit(4)

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "KidneyTumorSeg"
ENVIRONMENT = Path(os.environ.get("KIDNEYTUMORSEG_VENV") or HERE / ".venv").absolute()
STAMP = ENVIRONMENT / "kidneytumorseg-ready.json"
MARKER = ENVIRONMENT / "kidneytumorseg-made-this-folder"
LOCK, LOG = (ENVIRONMENT.with_name(ENVIRONMENT.name + ending) for ending in (".lock", ".log"))
WINDOWS = os.name == "nt"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if WINDOWS else "bin/python")

EXTRAS = {**{name: {"train"} for name in ("train", "samples", "pack", "decide", "evaluate")}, "test": {"train", "test"}}
"""What a command needs beside the rest."""

NEEDED_GB = 1.6
"""Free space below which the environment cannot be made: its size on Linux without CUDA packages."""

COMMANDS = {
    "demo": "A phantom, or the CT given, through the whole journey",
    "segment": "Kidneys, tumors and cysts of one CT as a segmentation",
    "phantom": "Write an artificial CT with its true labels",
    "models": "Which models there are: list, show, verify",
    "train": "Make a model from labeled CTs",
    "samples": "Pictures of what a training would see",
    "pack": "Prepare labeled CTs for training on another machine",
    "decide": "Choose a trained model's thresholds on validation patients",
    "evaluate": "Score label maps, or a model, as the KiTS challenge does",
    "doctor": "What this computer offers, and whether all is in order",
    "test": "Lint, types and tests (for developers)",
}


class Problem(Exception):  # noqa: N818 - a sentence for the user, not a bug
    """The environment cannot be made; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    """Make the environment if needed, then run the command in it.

    Returns:
        The command's exit code; 2 for an unknown command, 4 if the environment cannot be made, 130 after Ctrl-C.
    """
    command = next((word for word in arguments if not word.startswith("-")), "")
    ready = read_stamp()
    wanted = set(ready.get("extras", ())) | EXTRAS.get(command, set())
    try:
        if not fits(ready, wanted):
            if asks_only_for_words(arguments):
                print(overview())
                return 0
            if command not in COMMANDS:
                tell(f"There is no command '{command}'. Commands: {', '.join(COMMANDS)}.")
                return 2
            with only_one_at_a_time():
                prepare(wanted)
        return run(arguments)
    except Problem as problem:
        tell(str(problem))
        return 4
    except KeyboardInterrupt:
        tell("\nCancelled. The next start begins the installation anew.")
        return 130


def asks_only_for_words(arguments: list[str]) -> bool:
    """Whether the answer needs nothing installed: no command, `--help` or `--version`."""
    return not arguments or any(word in ("--help", "-h", "--version") for word in arguments)


def overview() -> str:
    """The help that is possible before anything is installed."""
    code = (LIBRARY / "KidneyTumorSegLib" / "__init__.py").read_text(encoding="utf-8")
    version = re.findall(r'^__version__ = "(.+)"$', code, re.MULTILINE)[0]  # without importing the library
    commands = "\n".join(f"  {name:<10}{what}" for name, what in COMMANDS.items())
    return (
        f"KidneyTumorSeg {version}: kidneys, tumors and cysts in CT as a 3D Slicer segmentation.\n\n"
        "Usage: python3 headless.py COMMAND ...      (python3 headless.py COMMAND --help says more)\n\n"
        f"Commands:\n{commands}\n\n"
        f"The first installs what it needs into {ENVIRONMENT} (1.5 GB, once).\nResearch use; not a medical device."
    )


def read_stamp() -> dict[str, Any]:
    """What is installed; empty if the environment is not whole."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or cut off: not whole
        return {}
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("extras"), list) else {}


def fits(stamp: dict[str, Any], extras: set[str]) -> bool:
    """Whether the environment of this stamp can be used as it is."""
    return stamp.get("key") == key() and set(stamp["extras"]) == extras and PYTHON.is_file()


def key() -> str:
    """Changes whenever the environment must be looked at again: requirements, Python, or the folder moved."""
    hashed = hashlib.sha256(f"{sys.version_info[:2]} {HERE}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        hashed.update((HERE / name).read_bytes())
    return hashed.hexdigest()


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold the lock; the system frees it even if this process is killed.

    Raises:
        Problem: the folder cannot be written.
    """
    try:
        LOCK.parent.mkdir(parents=True, exist_ok=True)
        file = open(LOCK, "a", encoding="utf-8")  # noqa: SIM115 - closed below; only opening may fail here
    except OSError as error:
        raise Problem(
            f"The folder {LOCK.parent} cannot be written ({error.strerror}). Set the environment variable "
            "KIDNEYTUMORSEG_VENV to a folder that can, for example in your home folder."
        ) from error
    with file:
        if not try_lock(file):
            tell("Another start is installing; waiting for it.")
            while not try_lock(file):
                time.sleep(0.3)
        yield


def try_lock(file: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        if WINDOWS:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def prepare(extras: set[str]) -> None:
    """Make the environment or bring it up to date; the stamp is removed first and written last.

    Raises:
        Problem: with the sentence for the user.
    """
    stamp = read_stamp()  # again: another start may have done it while this one waited
    extras = extras | set(stamp.get("extras", ()))
    if fits(stamp, extras):
        return
    started = time.monotonic()
    if not stamp or not PYTHON.is_file():
        make_empty_environment()
    else:
        tell(f"Bringing the environment in {ENVIRONMENT} up to date.")
    STAMP.unlink(missing_ok=True)
    try:
        install(extras)
    except Problem:
        if stamp and PYTHON.is_file():  # pip has put back what was there: still an environment, still not this one
            write_stamp(stamp)
        raise
    write_stamp({"key": key(), "extras": sorted(extras)})
    tell(f"Ready after {time.monotonic() - started:.0f} s. The next start is instant.")


def write_stamp(stamp: dict[str, Any]) -> None:
    """Say that the environment is whole."""
    half = STAMP.with_suffix(".part")
    half.write_text(json.dumps(stamp), encoding="utf-8")
    os.replace(half, STAMP)


def make_empty_environment() -> None:
    """A new environment with pip in it; a half-made one of ours is removed first.

    Raises:
        Problem: someone else's folder is in the way, no space, or this Python lacks `venv`.
    """
    import shutil
    import subprocess

    if ENVIRONMENT.exists() and any(ENVIRONMENT.iterdir()) and not MARKER.exists():
        raise Problem(
            f"The folder {ENVIRONMENT} was not made by headless.py, so it is left alone. Move it away, or set the "
            "environment variable KIDNEYTUMORSEG_VENV to another folder."
        )
    try:
        if ENVIRONMENT.exists():
            tell("The environment was not finished last time; making it anew.")
            shutil.rmtree(ENVIRONMENT)
        ENVIRONMENT.mkdir(parents=True)
        MARKER.touch()
    except OSError as error:
        raise Problem(
            f"The folder {ENVIRONMENT} cannot be made anew ({error}). Close what uses it, or delete it."
        ) from error
    free_gb = shutil.disk_usage(ENVIRONMENT).free / 1e9
    if free_gb < NEEDED_GB:
        raise Problem(
            f"The environment needs {NEEDED_GB} GB in {ENVIRONMENT.parent}; only {free_gb:.1f} GB are free there."
        )
    tell(
        f"First use: making an environment in {ENVIRONMENT}.\n"
        "About 1.5 GB on disk (Linux with NVIDIA libraries: up to 6 GB), most of it PyTorch; 1 to 10 minutes."
    )
    command = [sys.executable, "-I", "-m", "venv", str(ENVIRONMENT)]
    made = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if made.returncode != 0 or not PYTHON.is_file():
        LOG.write_text(made.stdout + made.stderr, encoding="utf-8")
        raise Problem(
            f"This Python cannot make environments (details: {LOG}). On Debian and Ubuntu: sudo apt install "
            "python3-venv. Elsewhere: install Python from https://www.python.org/downloads."
        )


def install(extras: set[str]) -> None:
    """Install with pip what pyproject.toml lists, and put the library on the environment's path.

    Raises:
        Problem: pip failed; names its last error and the log.
    """
    from subprocess import PIPE, STDOUT, Popen

    command = [str(PYTHON), "-I", "-m", "pip", "install", "--no-input", "--progress-bar", progress_bar()]
    command += ["--disable-pip-version-check", "-c", str(HERE / "constraints.txt"), *offline_options()]
    hidden = {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"PYTHONUNBUFFERED": "1"}
    command += requirements(extras)
    process = Popen(command, stdout=PIPE, stderr=STDOUT, encoding="utf-8", errors="replace", env=environment)
    try:
        with open(LOG, "w", encoding="utf-8") as log, Ticker() as ticker:
            for line in process.stdout or ():
                if not line.startswith("Progress "):
                    log.write(line)
                    log.flush()
                ticker.hear(line)
        failed = process.wait() != 0
    finally:
        process.kill()  # does nothing if pip has ended
        process.wait()
    if failed:
        errors = re.findall(r"^ERROR: (.+?)\.?$", LOG.read_text(encoding="utf-8"), re.MULTILINE)
        raise Problem(
            f"The packages could not be installed: {errors[-1] if errors else 'pip failed'}. The whole story is in "
            f"{LOG}. Check the connection (behind a proxy: HTTPS_PROXY) and start again, or set KIDNEYTUMORSEG_WHEELS "
            "to a folder of wheels to install without a network."
        )
    # Every program of the environment finds the library in this source tree.
    (site_packages() / "kidneytumorseg.pth").write_text(f"{LIBRARY}\n", encoding="utf-8")


def progress_bar() -> str:
    """The kind of progress that this environment's pip can tell a program: `raw` since pip 24.1."""
    found = next(site_packages().glob("pip-*.dist-info"), None)
    number = re.match(r"pip-(\d+)\.(\d+)", found.name) if found else None
    return "raw" if number and (int(number[1]), int(number[2])) >= (24, 1) else "off"


def requirements(extras: set[str]) -> list[str]:
    """What pyproject.toml lists for these extras."""
    import tomllib

    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(line for name in sorted(extras) for line in optional[name])]


def offline_options() -> list[str]:
    """Options for a folder of wheels, if one was named.

    Raises:
        Problem: the folder does not exist.
    """
    folder = os.environ.get("KIDNEYTUMORSEG_WHEELS")
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise Problem(f"KIDNEYTUMORSEG_WHEELS names the folder {folder}, which does not exist.")
    return ["--no-index", "--find-links", str(Path(folder).absolute())]


def site_packages() -> Path:
    """Where the environment keeps its packages."""
    import sysconfig

    return Path(sysconfig.get_path("purelib", "venv", {"base": str(ENVIRONMENT)}))


class Ticker:
    """Turns pip's lines into one line that lives (on a terminal) or a few that stay (elsewhere)."""

    def __init__(self) -> None:
        import threading

        self._start = time.monotonic()
        self._now = "Looking up the packages"
        self._live = sys.stderr.isatty()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Ticker":
        if self._live:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._live:
            self._thread.join()
            sys.stderr.write("\r\033[K")

    def hear(self, line: str) -> None:
        """Take one line of pip's."""
        download = re.match(r"\s*Downloading (?:\S*/)?([\w.]+)-(\d[^-\s]*)\S* \(([\d.]+) (\wB)\)", line)
        fraction = re.match(r"Progress (\d+) of (\d+)", line)
        found = re.match(r"\s*Processing .*?([\w.]+)-(\d[^-\s]*)\S*\.whl", line)
        if download:
            name, number, size, unit = download.groups()
            large = unit == "GB" or (unit == "MB" and float(size) >= 20)
            self._set(f"Downloading {name} {number}, {size} {unit}", large)
        elif fraction:
            done, total = int(fraction[1]), max(int(fraction[2]), 1)
            self._now = re.sub(r"(?: \d+ %)?$", f" {100 * done // total} %", self._now, count=1)
        elif found:
            self._set(f"Found {found[1]} {found[2]} on this computer", False)
        elif line.startswith("Installing collected packages"):
            self._set(f"Unpacking {line.count(',') + 1} packages", True)

    def _set(self, text: str, stays: bool) -> None:
        self._now = text
        if stays and not self._live:
            tell(f"[{time.monotonic() - self._start:4.0f} s] {text}")

    def _tick(self) -> None:
        while not self._done.wait(0.25):
            sys.stderr.write(f"\r\033[K[{time.monotonic() - self._start:4.0f} s] {self._now}"[:110])
            sys.stderr.flush()


def run(arguments: list[str]) -> int:
    """Run the command with the environment's Python; on POSIX this process becomes it.

    Isolated (`-I`): neither PYTHONPATH nor files in the current folder get in its way.
    """
    command = [str(PYTHON), "-I", "-X", "utf8", "-m", "KidneyTumorSegLib.cli", *arguments]
    os.environ["KIDNEYTUMORSEG_COMMAND"] = "headless.py"
    if not WINDOWS:
        os.execv(command[0], command)
    import subprocess

    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command has heard it too, and answers with its own exit code
            continue


def tell(text: str) -> None:
    """A line for the user, on stderr: stdout is for results."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

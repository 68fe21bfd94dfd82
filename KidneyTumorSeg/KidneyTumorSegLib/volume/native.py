"""Calling libraries written in C++ without their noise, and with any path."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STDERR = 2
_ONLY_ASCII = os.name == "nt"


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what C++ code writes to the error stream from the user: our own sentence says it in plain words.

    The stream belongs to the whole process: the first thread that comes turns it off, the last that goes turns it on.
    """
    _mute.enter()
    try:
        yield
    finally:
        _mute.leave()


class _Mute:
    """Counts who wants silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._kept: int | None = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            try:
                self._kept = os.dup(_STDERR)
            except OSError:  # a program without a console, as on Windows, has no such stream
                return
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), _STDERR)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._kept is not None:
                os.dup2(self._kept, _STDERR)
                os.close(self._kept)
                self._kept = None


_mute = _Mute()


@contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """The path, or on Windows, if it is not plain ASCII, that of a copy which every C library can open.

    The NIfTI library opens files through the code page of Windows, which lacks most letters. Files of the same stem
    (the voxels beside `.mhd` and `.nhdr`) are copied too.
    """
    if not _ONLY_ASCII or str(path).isascii():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="kidneytumorseg-") as folder:
        stem = path.name.split(".")[0]
        for part in path.parent.iterdir():
            if part.is_file() and part.name.startswith(f"{stem}."):
                shutil.copyfile(part, Path(folder) / _plain_name(part.name, stem))
        yield Path(folder) / _plain_name(path.name, stem)


def _plain_name(name: str, stem: str) -> str:
    """A header names its voxels' file, so a name that is plain already must stay."""
    return name if name.isascii() else "image" + name[len(stem) :]

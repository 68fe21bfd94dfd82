"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from ..errors import EnvironmentProblem, InputError, UsageError

_DOUBLE_ENDINGS = (".seg.nrrd", ".nii.gz")


def ending_of(path: Path) -> str:
    """The ending in lower case with its dot, double endings whole: ".seg.nrrd", ".nii.gz", ".png"."""
    name = path.name.lower()
    return next((double for double in _DOUBLE_ENDINGS if name.endswith(double)), path.suffix.lower())


def known_ending(path: Path, endings: Sequence[str]) -> str:
    """The ending, if it is one of these.

    Raises:
        UsageError: it is not.
    """
    ending = ending_of(path)
    if ending not in endings:
        raise UsageError(
            f"The ending of {path.name} says no format that can be written here. Use one of {', '.join(endings)}."
        )
    return ending


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Write a file whole or not at all.

    Yields a temporary path in the same folder, with the same ending, to write to. When the block ends well, it takes
    the final name, in one step; on any error, Ctrl-C included, it is removed and an older file of that name stays.

    Raises:
        InputError: the folder does not exist, or the file cannot be written there.
        EnvironmentProblem: the disk is full.
    """
    path = Path(path)
    refuse_missing_folder(path)
    ending = ending_of(path)
    temporary = path.with_name(f".{uuid4().hex[:12]}{ending}")
    with _disk_errors_in_words(path):
        try:
            temporary.open("xb").close()  # tells at once whether the folder can be written
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path | str) -> Iterator[Path]:
    """Write a folder whole or not at all: as `atomic_write`; the folder must be new or empty.

    Raises:
        InputError: the folder holds files already, its parent does not exist, or it cannot be written.
        EnvironmentProblem: the disk is full.
    """
    folder = Path(folder)
    refuse_missing_folder(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not an empty folder. Give a new folder, or empty it first.")
    temporary = folder.with_name(f".{uuid4().hex[:12]}")
    with _disk_errors_in_words(folder):
        try:
            temporary.mkdir()
            yield temporary
            if folder.is_dir():
                folder.rmdir()
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def refuse_missing_folder(path: Path) -> None:
    """Check that the folder of a file to be written exists.

    Raises:
        InputError: it does not, or the path itself is a folder where a file is meant.
    """
    if not path.absolute().parent.is_dir():
        raise InputError(f"The folder {path.absolute().parent} does not exist. Create it, or give another place.")


@contextmanager
def _disk_errors_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise EnvironmentProblem(
                f"The disk is full: {path.name} was not written. Free some space, or write to another disk."
            ) from error
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}). "
            "Close programs that hold it open, check the rights of its folder, or give another place."
        ) from error

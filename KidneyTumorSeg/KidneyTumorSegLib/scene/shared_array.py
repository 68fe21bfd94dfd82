"""Arrays that two processes see without copying: files mapped into memory.

A mapped file rather than `multiprocessing.shared_memory`: that starts a further process (the resource tracker) from
`sys.executable`, which inside Slicer may be Slicer itself. On Linux the files lie in `/dev/shm`, which is memory. The
name is deleted as soon as both sides have the file open, so that a patient's voxels vanish with the last process that
uses them, however it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import EnvironmentProblem

PREFIX = "kidneytumorseg-shared-"
_MEMORY_FOLDER = Path("/dev/shm")
_CHUNK = 1 << 24
_LEFT_OVER_AFTER_S = 3600.0


class SharedArray:
    """One array in a file that another process maps too. Close it when done, whatever happened.

    Attributes:
        path: for the other process to map.
    """

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike, source: npt.NDArray[Any] | None = None) -> None:
        """Make the file, filled with the source or with zeros.

        The bytes are really written, not only reserved: writing to a mapped file on a full disk would end the process.

        Raises:
            EnvironmentProblem: there is no room for it.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        handle, name = tempfile.mkstemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_folder_with_room(size))
        self.path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                _fill(file, size, source)
        except OSError as error:
            self.path.unlink()
            raise EnvironmentProblem(
                f"There is no room for the scan in '{self.path.parent}' ({size / 1e6:.0f} MB are needed). "
                "Free some space there and try again."
            ) from error
        self._array: npt.NDArray[Any] | None = open_shared(self.path, shape, dtype)

    def copy(self) -> npt.NDArray[Any]:
        """What is in it now, as an array of this process alone."""
        return np.array(self._array)

    def forget_name(self) -> None:
        """Both sides have it open: the name is not needed any more. Windows keeps it until the last one closes."""
        try:
            self.path.unlink(missing_ok=True)
        except PermissionError:
            return

    def close(self) -> None:
        """Let go of memory and file."""
        self._array = None
        self.forget_name()


def open_shared(path: Path | str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array in a shared file, readable and writable."""
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def remove_left_overs() -> None:
    """Delete what a crashed computer or a killed Slicer on Windows left behind an hour ago or earlier."""
    for folder in {_MEMORY_FOLDER, Path(tempfile.gettempdir())}:
        for path in folder.glob(f"{PREFIX}*"):
            try:
                if time.time() - path.stat().st_mtime > _LEFT_OVER_AFTER_S:
                    path.unlink()
            except OSError:  # in use, or another user's, or gone already
                continue


def _fill(file: BinaryIO, size: int, source: npt.NDArray[Any] | None) -> None:
    if source is not None:
        np.ascontiguousarray(source).tofile(file)
        return
    zeros = bytes(min(_CHUNK, size))
    for begin in range(0, size, _CHUNK):
        file.write(zeros[: size - begin])


def _folder_with_room(size: int) -> Path:
    """Memory where the system offers it as a folder with twice the room that is needed, else the temporary folder."""
    usable = _MEMORY_FOLDER.is_dir() and os.access(_MEMORY_FOLDER, os.W_OK)
    if usable and shutil.disk_usage(_MEMORY_FOLDER).free > 2 * size + (64 << 20):
        return _MEMORY_FOLDER
    return Path(tempfile.gettempdir())

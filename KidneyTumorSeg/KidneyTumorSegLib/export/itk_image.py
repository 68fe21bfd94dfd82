"""From grids and arrays to SimpleITK images, and to disk on any path."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..volume import Grid


def refuse_sheared(grid: Grid, name: str, kind: str) -> None:
    """Check that the axes are at right angles.

    Raises:
        InputError: they are not, and files of this kind cannot say so.
    """
    direction = grid.direction
    if np.abs(direction.T @ direction - np.eye(3)).max() > 1e-4:
        raise InputError(
            f"{name} cannot be written: the axes of this scan are not at right angles, which {kind} cannot say. "
            "Write .nrrd, or resample the scan to a right-angled grid first."
        )


def write_image(path: Path, array: npt.NDArray[Any], grid: Grid, metadata: dict[str, str] | None = None) -> None:
    """Write an array [k, j, i] with its place in the world (ITK's world is LPS, as ours), compressed.

    Raises:
        OSError: the file cannot be written.
    """
    import SimpleITK

    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    for key, value in (metadata or {}).items():
        image.SetMetaData(key, value)
    writer: Any = SimpleITK.ImageFileWriter()  # type: ignore[no-untyped-call]
    writer.SetUseCompression(True)
    writer.SetCompressionLevel(1)
    with tempfile.TemporaryDirectory() as folder:
        # ITK's file libraries open paths through the code page of Windows, which lacks most letters.
        detour = sys.platform == "win32" and not str(path).isascii()
        target = Path(folder) / ("image" + "".join(path.suffixes[-2:])) if detour else path
        writer.SetFileName(str(target))
        try:
            writer.Execute(image)
        except RuntimeError as error:
            raise OSError(f"SimpleITK: {str(error).strip().splitlines()[-1]}") from error
        if detour:
            shutil.move(target, path)

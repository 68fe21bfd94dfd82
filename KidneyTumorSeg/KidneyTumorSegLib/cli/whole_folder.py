"""Several files that belong together: all of them appear, or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder to write into; at the end its content moves into `folder`, on an error it goes.

    What was in `folder` stays, but for files and folders of the same names.

    Raises:
        InputError: the folder cannot be made or written.
    """
    made = _missing_parents(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be written ({error.strerror}). Choose another one.") from error
    try:
        yield half
        for finished in sorted(half.iterdir()):
            target = folder / finished.name
            if target.is_dir():
                shutil.rmtree(target)
            finished.replace(target)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        for empty in made:
            if not any(empty.iterdir()):
                empty.rmdir()
        raise
    half.rmdir()


def _missing_parents(folder: Path) -> list[Path]:
    """The folders that will be made, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]

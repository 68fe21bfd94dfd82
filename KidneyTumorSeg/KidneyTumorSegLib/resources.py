"""Where the files that come with the product are: one place, whether installed in Slicer or in a source tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import EnvironmentProblem

_MODULE_FOLDER = Path(__file__).resolve().parent.parent


def resources_folder() -> Path:
    """The `Resources` folder: beside the module when installed, at the top of the source tree else.

    Raises:
        EnvironmentProblem: there is none; the installation is incomplete.
    """
    for candidate in (_MODULE_FOLDER / "Resources", _MODULE_FOLDER.parent / "Resources"):
        if (candidate / "Models").is_dir():
            return candidate
    raise EnvironmentProblem(
        f"The folder Resources is missing beside {_MODULE_FOLDER}: the installation is incomplete. Install it again."
    )


def resource(*parts: str) -> Path:
    """The path of one file or folder in `Resources`; it may not exist."""
    return resources_folder().joinpath(*parts)


def user_folder() -> Path:
    """Where the user's own models and settings are kept; the environment variable `KIDNEYTUMORSEG_HOME` moves it."""
    if moved := os.environ.get("KIDNEYTUMORSEG_HOME"):
        return Path(moved)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "KidneyTumorSeg"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "KidneyTumorSeg"
    return Path.home() / ".kidneytumorseg"

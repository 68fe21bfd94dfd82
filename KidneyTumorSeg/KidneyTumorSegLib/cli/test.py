"""`test`: what a developer runs before handing in: lint, types, tests. Needs the source tree and the extra `test`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import typer

from ..errors import EnvironmentProblem
from ..resources import resources_folder
from . import console

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}

_JOBS = ("--numprocesses", "-n", "--pdb", "--collect-only")
"""With one of these the user, not we, says how the tests are spread over processes."""


def test(context: typer.Context) -> None:
    """Run ruff, mypy and pytest. Other arguments go to pytest: test -k cancel Testing/cli."""
    tree = _source_tree()
    own = not any(word.startswith(_JOBS) for word in context.args)
    spread = ["--numprocesses", "auto", "--dist", "loadfile"] if own else []
    steps = {
        "ruff": ["ruff", "check", "."],
        "mypy": ["mypy"],
        "pytest": ["pytest", *spread, *context.args],
    }
    failed = []
    for name, words in steps.items():
        console.remark(f"--- {name}")
        # Each tool answers for itself on the terminal; all three run, so that one call shows everything.
        if subprocess.run([sys.executable, "-m", *words], cwd=tree, check=False).returncode != 0:
            failed.append(name)
    if failed:
        console.remark(f"Failed: {', '.join(failed)}.")
        raise typer.Exit(1)
    console.remark("All passed.")


def _source_tree() -> Path:
    tree = resources_folder().parent
    if not (tree / "Testing").is_dir() or not (tree / "pyproject.toml").is_file():
        raise EnvironmentProblem("The tests are in the source tree only. Clone the repository and run them there.")
    missing = [tool for tool in ("ruff", "mypy", "pytest") if importlib.util.find_spec(tool) is None]
    if missing:
        raise EnvironmentProblem(
            f"{', '.join(missing)} is not installed. Run the tests with: python3 headless.py test (it installs them)."
        )
    return tree

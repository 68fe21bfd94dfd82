"""Rooms import only lower rooms; Slicer and torch only where they belong; nothing heavy before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE_FOLDER = REPOSITORY / "KidneyTumorSeg"
LIBRARY = "KidneyTumorSegLib"

LADDER = (
    {LIBRARY},  # its version
    {"errors", "anatomy", "settings", "progress", "resources", "computer"},
    {"volume"},
    {"checks", "networks", "evaluation"},
    {"models"},
    {"inference", "measurements"},
    {"report", "export"},
    {"pipeline"},
    {"training"},
    {"scene", "cli"},
    {"gui"},
    {"KidneyTumorSeg"},
)
RUNG = {room: number for number, rooms in enumerate(LADDER) for room in rooms}
WORDS = LADDER[1]
"""Rooms on one rung are strangers, but for these: single files with the words that all use."""

SLICER = {"slicer", "vtk", "qt", "ctk"}
SLICER_ROOMS = {"scene", "gui", "KidneyTumorSeg"}
TORCH = {"torch", "torchvision", "lightning", "segmentation_models_pytorch", "timm", "safetensors", "tensorboard"}
TORCH_ROOMS = {"networks", "models", "inference", "training"}
TEST_ONLY = {"pytest", "hypothesis", "highdicom", "PySide6", "_pytest"}

FILES = sorted([MODULE_FOLDER / "KidneyTumorSeg.py", *(MODULE_FOLDER / LIBRARY).rglob("*.py")])


def dotted_name(file: Path) -> tuple[str, ...]:
    """The module's name: ("KidneyTumorSegLib", "volume", "grid"); a package has its folder's name."""
    parts = file.relative_to(MODULE_FOLDER).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def room_of(name: tuple[str, ...]) -> str:
    return name[1] if name[0] == LIBRARY and len(name) > 1 else name[0]


def exists(name: tuple[str, ...]) -> bool:
    place = MODULE_FOLDER.joinpath(*name)
    return place.is_dir() or place.with_suffix(".py").is_file()


def imports(file: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every module that a file imports, also inside functions and for types only, and the line."""
    here = dotted_name(file)
    package = here if file.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split(".")), node.lineno
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = (*start, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                longer = (*base, alias.name)
                yield (longer if base[0] == LIBRARY and exists(longer) else base), node.lineno


def test_every_file_lives_in_a_room_of_the_ladder() -> None:
    assert {room_of(dotted_name(file)) for file in FILES} <= set(RUNG)


@pytest.mark.parametrize("file", FILES, ids=lambda file: ".".join(dotted_name(file)))
def test_a_room_imports_only_lower_rooms(file: Path) -> None:
    room = room_of(dotted_name(file))
    wrong = [
        f"line {line}: {room} imports {'.'.join(name)}"
        for name, line in imports(file)
        if name[0] in (LIBRARY, "KidneyTumorSeg")
        and (other := room_of(name)) != room
        and not (RUNG[other] < RUNG[room] or {room, other} <= WORDS)
    ]
    assert not wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: ".".join(dotted_name(file)))
def test_slicer_torch_and_test_packages_are_imported_only_where_they_belong(file: Path) -> None:
    room = room_of(dotted_name(file))
    forbidden = set(TEST_ONLY)
    forbidden |= set() if room in SLICER_ROOMS else SLICER
    forbidden |= set() if room in TORCH_ROOMS else TORCH
    assert not [f"line {line}: {'.'.join(name)}" for name, line in imports(file) if name[0] in forbidden]


def test_the_ladder_test_sees_imports_inside_functions_and_relative_ones(tmp_path: Path) -> None:
    room = MODULE_FOLDER / LIBRARY / "volume"
    file = tmp_path / "probe.py"
    code = "def f():\n    from ..export import x\n    import vtk.util\n    from .. import gui\n"
    file.write_text(code, encoding="utf-8")
    original = dotted_name
    try:
        globals()["dotted_name"] = lambda _: (LIBRARY, room.name, "probe")
        found = {name for name, _ in imports(file)}
    finally:
        globals()["dotted_name"] = original
    assert found == {(LIBRARY, "export"), ("vtk", "util"), (LIBRARY, "gui")}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        (LIBRARY, {"numpy", "torch"}),
        (f"{LIBRARY}.cli.main", {"numpy", "torch", "SimpleITK", "matplotlib", "rich"}),
        (f"{LIBRARY}.models", {"torch", "jsonschema"}),
        (f"{LIBRARY}.inference", {"torch"}),
        (f"{LIBRARY}.pipeline", {"torch", "SimpleITK", "matplotlib", "pydicom"}),
        (f"{LIBRARY}.report", {"torch", "matplotlib"}),
        (f"{LIBRARY}.export", {"torch", "slicerio"}),
    ],
)
def test_a_room_opens_without_loading_what_is_heavy(module: str, heavy: set[str]) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(MODULE_FOLDER)!r}); import {module}; "
        f"loaded = {heavy!r} & set(sys.modules); sys.exit(', '.join(loaded) or 0)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"{module} loads {done.stderr}"

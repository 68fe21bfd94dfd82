"""What Slicer's build and its catalog read: CMake lists against the disk; s4ext, JSON and CMake against each other."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE_FOLDER = REPOSITORY / "KidneyTumorSeg"

CMAKE = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
MODULE_CMAKE = (MODULE_FOLDER / "CMakeLists.txt").read_text(encoding="utf-8")
CATALOG = json.loads((REPOSITORY / "KidneyTumorSeg.json").read_text(encoding="utf-8"))
S4EXT = dict(
    line.split(" ", 1)
    for line in (REPOSITORY / "KidneyTumorSeg.s4ext").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)


def extension(name: str) -> str:
    """The value of `set(EXTENSION_<name> ...)`."""
    found = re.search(rf'set\(\s*EXTENSION_{name}\s+"?([^")]*?)"?\s*\)', CMAKE)
    assert found, f"CMakeLists.txt sets no EXTENSION_{name}"
    return found[1]


def tracked(folder: str) -> set[str]:
    """Files of the repository below a folder; those that git ignores do not count."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line for line in listed.stdout.splitlines() if (REPOSITORY / line).is_file()}


def test_cmake_lists_every_python_file_and_no_other() -> None:
    listed = re.findall(r"[\w./-]+\.py\b", re.sub(r"#.*", "", MODULE_CMAKE))
    on_disk = {path.relative_to(MODULE_FOLDER).as_posix() for path in MODULE_FOLDER.rglob("*.py")}
    assert len(listed) == len(set(listed)), "a file is listed twice"
    assert set(listed) == on_disk


def test_cmake_lists_every_resource_and_no_other() -> None:
    listed = re.findall(r"^\s+(Resources/\S+)$", MODULE_CMAKE, re.MULTILINE)
    shown_elsewhere = "Resources/Screenshots/"
    on_disk = {name for name in tracked("Resources") if not name.startswith(shown_elsewhere)}
    assert set(listed) == {name for name in on_disk if Path(name).name != ".gitkeep"}


def test_cmake_names_the_extension_as_its_files_do() -> None:
    assert re.search(r"project\(\s*KidneyTumorSeg\b", CMAKE)
    assert "add_subdirectory(KidneyTumorSeg)" in CMAKE


@pytest.mark.parametrize(
    ("of_cmake", "of_s4ext"),
    [("DESCRIPTION", "description"), ("CONTRIBUTORS", "contributors"), ("DEPENDS", "depends")],
)
def test_s4ext_says_the_same_as_cmake(of_cmake: str, of_s4ext: str) -> None:
    assert extension(of_cmake) == S4EXT[of_s4ext]


def test_the_catalog_entry_says_the_same_as_s4ext() -> None:
    assert CATALOG["category"] == S4EXT["category"]
    assert CATALOG["build_dependencies"] == S4EXT["depends"].split()
    assert CATALOG["build_subdirectory"] == S4EXT["build_subdirectory"]
    assert CATALOG["scm_type"] == S4EXT["scm"]
    assert CATALOG["scm_revision"] == S4EXT["scmrevision"]


def test_the_catalog_entry_has_only_keys_that_the_catalog_knows() -> None:
    required = {"$schema", "category", "scm_url"}
    optional = {"build_dependencies", "build_subdirectory", "dicom_support_rule", "enabled", "scm_revision"}
    assert required <= set(CATALOG) <= required | optional | {"scm_type", "tier"}
    assert Path(CATALOG["scm_url"]).name.startswith("Slicer"), "the catalog wants a repository named Slicer..."


def test_the_public_address_is_marked_in_one_place_and_the_catalog_follows_it() -> None:
    found = re.search(r'set\(KIDNEYTUMORSEG_REPOSITORY "([^"]+)"\)', CMAKE)
    assert found
    assert CATALOG["scm_url"] == f"https://github.com/{found[1]}.git"
    if not found[1].startswith("PLACEHOLDER/"):
        return  # it is known now
    with_it = {
        name
        for name in tracked(".")
        if Path(name).suffix in (".md", ".txt", ".json", ".toml", ".py", ".ui", ".s4ext", "")
        and b"PLACEHOLDER/" in (REPOSITORY / name).read_bytes()
    }
    panel = "KidneyTumorSeg/KidneyTumorSegLib/gui/panel.py"
    assert with_it == {"CMakeLists.txt", "KidneyTumorSeg.json", "Testing/contract/test_extension_files.py", panel}


def test_the_help_in_the_panel_links_to_the_public_address() -> None:
    found = re.search(r'set\(KIDNEYTUMORSEG_REPOSITORY "([^"]+)"\)', CMAKE)
    assert found
    panel = (REPOSITORY / "KidneyTumorSeg" / "KidneyTumorSegLib" / "gui" / "panel.py").read_text(encoding="utf-8")
    assert f'HOMEPAGE = "https://github.com/{found[1]}"' in panel


def test_icon_and_screenshots_of_the_extension_are_in_the_repository() -> None:
    pictures = re.findall(r"\$\{KIDNEYTUMORSEG_RAW\}/([\w./-]+)", CMAKE)
    assert len(pictures) >= 2
    assert not [picture for picture in pictures if not (REPOSITORY / "Resources" / picture).is_file()]

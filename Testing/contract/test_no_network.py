"""Nothing leaves the computer: the product's own code cannot speak to a network. Only pip does, when a user asks it to.

Read from the code, so that a new file is looked at too.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "KidneyTumorSeg"
FILES = sorted(MODULE_FOLDER.rglob("*.py"))
SPEAKS = {
    "aiohttp", "ftplib", "http", "httpx", "imaplib", "paramiko", "poplib", "requests", "smtplib", "socket",
    "socketserver", "urllib3", "websocket", "websockets", "xmlrpc", "gdown", "huggingface_hub",
}  # fmt: skip
CALLS = {"urlopen", "urlretrieve", "downloadFile", "downloadFileIntoCache", "downloadVolume", "load_url"}
"""Also Slicer's and PyTorch's own ways to fetch a file."""


def network_uses(code: str) -> list[str]:
    """Imports and calls in a file that could speak to a network."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in SPEAKS]
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] in SPEAKS:
            found.append(str(node.module))
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            found.append(node.attr)
        elif isinstance(node, ast.Name) and node.id in CALLS:
            found.append(node.id)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(MODULE_FOLDER).as_posix())
def test_nothing_of_the_product_speaks_to_a_network(file: Path) -> None:
    assert not network_uses(file.read_text(encoding="utf-8"))


def test_what_would_speak_is_seen() -> None:
    code = "def f():\n    import requests.auth\n    from urllib.request import urlopen\n    urlopen('x')\n"
    assert network_uses(code) == ["requests.auth", "urlopen"]
    assert network_uses("import slicer\nslicer.util.downloadFile('x')") == ["downloadFile"]
    assert not network_uses("from .requests import x\nfrom urllib.parse import quote")

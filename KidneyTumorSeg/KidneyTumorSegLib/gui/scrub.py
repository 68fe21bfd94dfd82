"""Takes out of a text what may tell who the patient, the user or the hospital is.

When in doubt something is taken out: a bug report can be asked for again, a name cannot be taken back.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

NAME, PATH, FILE = "[name]", "[path]", "[file]"
UID, DATE, NUMBER, ADDRESS, MAIL = "[UID]", "[date]", "[number]", "[address]", "[e-mail]"

_KNOWN_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    abdomen and arterial axial body center coronal cyst contrast crosshair default device display error fast file
    from image kidney kidneys left lesion mass masses model name native no node none pelvis phantom phase portal
    red green yellow right sagittal scan scene segment segmentation series slice standard study tumor tumors
    unnamed venous view volume with best cpu cuda auto torch the of on in at to is it or ct mr hu gb mb mm cm ml
    """,
    )
)
"""Words that names of nodes are made of and that tell of nobody: left in, so that the report stays readable."""

_SUFFIXES = r"nii\.gz|nii|nrrd|nhdr|dcm|dicom|ima|mha|mhd|mrb|mrml|seg|vtk|stl|obj|zip|csv|json|png|jpg|pdf|txt"
_KEPT_TAIL = re.compile(
    r"(?:KidneyTumorSegLib|site-packages|lib[\\/]python3\.\d+|Python[\\/]Lib)[\\/][A-Za-z0-9_.\\/-]+\.(?:py|pyd|so|dll|dylib)$"
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>)\]]+", re.IGNORECASE)
_KNOWN_HOSTS = re.compile(
    r"://(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|pytorch\.org|slicer\.org|github\.com)(?=[/:]|$)"
)
_QUOTED_PATH = re.compile(r"(?P<quote>[\"'])(?P<path>(?:[A-Za-z]:[\\/]|[\\/]|~[\\/])[^\"'\n]*)(?P=quote)")
_BARE_PATH = re.compile(
    r"(?<![\w:\]/.])(?:[A-Za-z]:[\\/]|\\\\|/|~[\\/])(?:[^\\/:*?\"'<>|\n]+[\\/])*(?:[^\\/:*?\"'<>|\n]*\.(?:"
    + _SUFFIXES
    + r")\b|[^\s\\/:*?\"'<>|,;)]*)",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(rf"(?:(?:(?![a-z]+ )[\w^.()+-]+) )*[\w^.()+-]+\.(?i:{_SUFFIXES})\b")
"""Words before the ending belong to it unless they are plain English: "Cannot read Hans Meier CT.nrrd"."""
_PATTERNS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), MAIL),
    (re.compile(r"\b[0-2](?:\.\d+){5,}\b"), UID),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), ADDRESS),
    (re.compile(r"\b(?:18|19|20)\d\d-\d\d-\d\d\b|\b\d{1,2}[./]\d{1,2}[./](?:18|19|20)\d\d\b"), DATE),
    (re.compile(r"(?<![\w.])(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\w.])"), DATE),
    (re.compile(r"(?<![\w.])\d{6,}(?![\w.])"), NUMBER),
)


def scrub(text: str, names: Iterable[str] = ()) -> str:
    """The text without names, paths, addresses, dates and long numbers.

    Args:
        text: anything, with lines.
        names: what must not be told: of patients, nodes, files; each is taken out whole and in its parts.
    """
    text = unicodedata.normalize("NFC", text)  # a Mac writes an umlaut in a file's name as two letters
    text = _without_home(text)
    text = _URL.sub(_host_alone, text)
    text = _QUOTED_PATH.sub(lambda found: f"{found['quote']}{_tail(found['path'])}{found['quote']}", text)
    text = _BARE_PATH.sub(lambda found: _tail(found[0]) if len(found[0]) > 1 else found[0], text)
    text = _without_names(text, [*names, *_own_names()])
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _without_home(text: str) -> str:
    home = str(Path.home())
    for written in {home, home.replace("\\", "/"), home.replace("\\", "\\\\")}:
        if len(written) > len("C:\\"):
            text = re.sub(re.escape(unicodedata.normalize("NFC", written)), "~", text, flags=re.IGNORECASE)
    return text


def _host_alone(found: re.Match[str]) -> str:
    """Public package servers are left in, without what follows; an address may hold a password, a path a name."""
    known = _KNOWN_HOSTS.search(found[0])
    return f"https{known[0]}/..." if known else ADDRESS


def _tail(path: str) -> str:
    """Of a path only the part that belongs to the product or to Python."""
    kept = _KEPT_TAIL.search(path)
    return f"{PATH}/{kept[0]}" if kept else PATH


def _without_names(text: str, names: Iterable[str]) -> str:
    whole = {unicodedata.normalize("NFC", name).strip() for name in names}
    parts = {part for name in whole for part in re.split(r"[\W_]+", name)}
    hidden = {it for it in whole | parts if len(it) > 1 and it.lower() not in _KNOWN_WORDS and not _is_small_number(it)}
    for name in sorted(hidden, key=len, reverse=True):
        alone = rf"(?<![^\W_]){re.escape(name)}(?![^\W_])" if _has_spaces_between_words(name) else re.escape(name)
        text = re.sub(alone, NAME, text, flags=re.IGNORECASE)
    return _FILE_NAME.sub(_file_or_code, text)


def _file_or_code(found: re.Match[str]) -> str:
    """The product's own files are named in error messages."""
    known = re.search(r"(?:^| )(model\.json|model\.schema\.json|constraints\.txt|\w+\.py)$", found[0])
    return found[0] if known else FILE


def _has_spaces_between_words(text: str) -> bool:
    """Whether the script is one that parts words, as Latin, Greek and Cyrillic do; Chinese and Thai do not."""
    return all(ord(letter) < 0x0530 for letter in text)


def _is_small_number(text: str) -> bool:
    return text.isdigit() and len(text) < len("1234")


def _own_names() -> list[str]:
    """Of the user and of the computer."""
    host = platform.node()
    found = [host, host.partition(".")[0], Path.home().name]
    found += [os.environ.get(name, "") for name in ("USERDOMAIN", "COMPUTERNAME", "USER", "USERNAME", "LOGNAME")]
    try:
        found.append(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a system that does not tell who is there
        return found
    return found

"""Who trains, who validates, who is only tested: by patient, from one file, the same for every experiment."""

from __future__ import annotations

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..export import atomic_write
from ..resources import resource

VALIDATION_SHARE, TEST_SHARE = 0.10, 0.15
"""Of patients whom no file names."""
VALIDATION_FROM, TEST_FROM = 5, 20
"""Fewer patients than these are not parted so: the part would say nothing, and the training would miss them."""

_LISTS = ("train", "validation", "test", "unused")


@dataclass(frozen=True)
class Split:
    """Patients by part. Whoever is named nowhere trains.

    Attributes:
        validation: thresholds and clean-up may be chosen on these; they never train.
        folds: parts for cross-validation; no choice is made on the part that a model was not shown.
        unused: not trained on either, for a reason that the file gives.
        held_out: tested by every model, trained on by none.
        training: whoever else was there when the parts were chosen; so a part that is chosen later leaves them alone.
    """

    validation: frozenset[str]
    folds: tuple[frozenset[str], ...]
    unused: frozenset[str]
    held_out: frozenset[str] = frozenset()
    training: frozenset[str] = frozenset()

    def test(self, fold: int | None) -> frozenset[str]:
        """Patients that a model of this fold (from 1) never sees; a model of no fold sees all folds.

        Raises:
            UsageError: there is no such fold.
        """
        if fold is None:
            return self.held_out
        if not 1 <= fold <= len(self.folds):
            raise UsageError(f"There is no fold {fold}: the split has folds 1 to {len(self.folds)}.")
        return self.held_out | self.folds[fold - 1]

    @property
    def named(self) -> frozenset[str]:
        """Everyone whose part is written down."""
        return self.validation.union(*_parts(self))


def read_split(path: Path | None = None) -> Split:
    """A split from a file; None: the one that every experiment of ours shares.

    The file is TOML with lists of patients: `train`, `validation`, `test`, `unused`, and `folds`, a list of such lists.
    All may be absent.

    Raises:
        UsageError: there is no such file, it is no TOML, a list is misspelled or holds other things than names, or a
            patient is in two parts.
    """
    path = path or resource("Recipes", "split.toml")
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"There is no split file {path}. Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The split file {path.name} cannot be read as TOML: {error}.") from error
    if strange := set(table) - {*_LISTS, "folds"}:
        raise UsageError(
            f"The split file {path.name} has lists that are not known: {', '.join(sorted(strange))}. "
            f"Known: {', '.join(_LISTS)}, folds."
        )
    folds = table.get("folds", [])
    lists = [table.get(name, []) for name in _LISTS] + (folds if _is_list(folds) else [folds])
    for names in lists:
        if not _is_list(names) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"The split file {path.name} holds {names!r} where a list of patients' names is wanted.")
    train, validation, test, unused, *parts = (frozenset(_same_letters(name) for name in names) for names in lists)
    split = Split(validation, tuple(parts), unused, test, train)
    if doubled := sorted(name for name in split.named if sum(name in part for part in _parts(split)) > 1):
        raise UsageError(f"The split file {path.name} has {doubled[0]} in two parts; a patient is in one.")
    return split


def write_split(path: Path, split: Split) -> Path:
    """Write a split as `read_split` reads it.

    Raises:
        InputError: the file cannot be written.
    """
    lines = [
        "# Who trains, validates and is only tested, by patient. Whoever is named nowhere here trains.",
        "",
        f"train = {_toml(split.training)}",
        f"validation = {_toml(split.validation)}",
        f"test = {_toml(split.held_out)}",
        f"unused = {_toml(split.unused)}",
        "folds = [",
        *(f"    {_toml(part)}," for part in split.folds),
        "]",
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path


def split_for(patients: Iterable[str], split: Split, seed: int = 0) -> Split:
    """The split with a part for the patients of a data set whom it does not name.

    Where validation patients of the split are in the data and fewer than `TEST_FROM` patients are new, these train.
    Else about `VALIDATION_SHARE` of the new patients validate (at least one of `VALIDATION_FROM` or more, if nobody
    else does), and of `TEST_FROM` or more about `TEST_SHARE` are kept for the test.

    A patient's part comes from a hash of the name alone: the same on every machine and in any order, and no new patient
    moves another. Only in a set that grows from small it may, when the one who had to validate for want of any other is
    relieved, or when there come to be enough for a test part; with the stored split even then nobody moves.

    Args:
        patients: of the data set.
        split: read from a file.
        seed: for another choice.
    """
    everyone = {_same_letters(name) for name in patients}
    new = everyone - split.named
    is_validated = bool(everyone & split.validation)
    if len(new) < (TEST_FROM if is_validated else VALIDATION_FROM):
        return replace(split, training=split.training | new)
    places = {name: _place(name, seed) for name in new}
    validation = frozenset(name for name, place in places.items() if place < VALIDATION_SHARE)
    if not validation and not is_validated:
        validation = frozenset([min(new, key=lambda name: (places[name], name))])
    test: frozenset[str] = frozenset()
    if len(new) >= TEST_FROM:
        below = VALIDATION_SHARE + TEST_SHARE
        test = frozenset(name for name, place in places.items() if place < below) - validation
    return replace(
        split,
        validation=split.validation | validation,
        held_out=split.held_out | test,
        training=split.training | (new - validation - test),
    )


def _place(name: str, seed: int) -> float:
    """A number in [0, 1) that looks random, but is the same for a name everywhere and always."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _same_letters(name: str) -> str:
    """Systems write "ü" in two ways."""
    return unicodedata.normalize("NFC", name)


def _parts(split: Split) -> tuple[frozenset[str], ...]:
    return (split.training, split.validation, split.held_out, split.unused, *split.folds)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _toml(names: frozenset[str]) -> str:
    return json.dumps(sorted(names), ensure_ascii=False)  # JSON's strings are TOML's, as long as no letter is escaped

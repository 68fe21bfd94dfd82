"""One case of a data set, known without reading a voxel."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .problem import Problem
from .source import Kind, Source

_KITS_NAME = re.compile(r"(?:case|kits(?:19|21|23)?)[_-]?(\d{5})", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One case of a data set, known without reading a voxel.

    Attributes:
        name, patient, kind: as in `Source`.
        layout: where it comes from, for people: "packs", "KiTS23", "nnU-Net folder NAME", ...
        load: reads it; raises `InputError`. Ask `DataSet.read`, which calls it.
    """

    name: str
    patient: str
    kind: Kind
    layout: str
    load: Callable[[], Source]


@dataclass(frozen=True)
class Found:
    """What one layout finds in one folder; nothing at all if the folder is not laid out so."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, cases: Iterable[Entry | Problem]) -> Found:
        """Part the good from the bad."""
        both = tuple(cases)
        return cls(
            tuple(one for one in both if isinstance(one, Entry)),
            tuple(one for one in both if isinstance(one, Problem)),
        )


def patient_of(case: str) -> str:
    """The patient of a case by its name.

    KiTS patients are `kits_00042` in every layout (`case_00042`, `KiTS_00042`, `kits23_00042`), so that the same
    person is never in two parts of a split; anyone else is called as the case is. macOS and Linux write letters such
    as "ü" in different ways in file names; here they are the same.
    """
    name = unicodedata.normalize("NFC", case)
    found = _KITS_NAME.fullmatch(name)
    return f"kits_{found[1]}" if found else name


def kind_of(patient: str) -> Kind:
    """The kind of a whole scan: KiTS patients, who all have a tumor, are a kind of their own."""
    return "kits-volume" if re.fullmatch(r"kits_\d{5}", patient) else "abdomen"

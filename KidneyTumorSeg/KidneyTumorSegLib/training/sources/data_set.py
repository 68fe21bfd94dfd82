"""The folder that the user gives: what lies in it, what is wrong with it, and one `Source` after the other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ...errors import InputError
from . import kits, nnunet, packs, pairs
from .entry import Entry, Found
from .problem import OnProblem, Problem, Tally, listed
from .source import Source

logger = logging.getLogger(__name__)

_LAYOUTS = (packs, kits, nnunet, pairs)
_INNER = ("data", "dataset")
"""Where KiTS keeps its cases within its repositories."""


@dataclass(frozen=True)
class DataSet:
    """All cases of a data folder, known without reading a voxel.

    Attributes:
        folder: as the user gave it.
        entries: cases to read, in the same order on every machine; names are unique.
        problems: cases that cannot be used, as far as their files' names tell.
    """

    folder: Path
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """Everyone who has a case, sorted."""
        return tuple(sorted({entry.patient for entry in self.entries}))

    @property
    def cases(self) -> int:
        """How many cases there are, bad ones included."""
        return len(self.entries) + sum(not problem.expected for problem in self.problems)

    def read(self, entry: Entry) -> Source:
        """Read one case and prove that image and mask belong together.

        Raises:
            InputError: it cannot be used.
        """
        try:
            source = entry.load()
        except OSError as error:
            raise InputError(f"A file of it cannot be read ({error.strerror or error}). Is the disk there?") from error
        return replace(source, name=entry.name)

    def read_all(self, on_problem: OnProblem, entries: Iterable[Entry] | None = None) -> Iterator[Source]:
        """Read one case after the other; only one is in memory.

        Args:
            on_problem: told of every case that is left out, those that were bad from the start first.
            entries: which; None: all.

        Raises:
            InputError: too many cases are bad (see `Tally`), or all of them.
        """
        tally = Tally(self.cases, on_problem)
        tally.add(self.problems)
        used = 0
        for entry in self.entries if entries is None else entries:
            try:
                source = self.read(entry)
            except InputError as error:
                tally.add([Problem(entry.name, str(error), of_cases=self.cases)])
                continue
            used += 1
            yield source
            del source  # a scan may take a gigabyte: the next one is not read beside it
        tally.refuse_empty(used)


def open_data(folder: Path) -> DataSet:
    """See what lies in a data folder; no voxel is read.

    Args:
        folder: any of the layouts, or a folder that holds some of them.

    Raises:
        InputError: there is no such folder, nothing in it is known, all of it is bad, or what it says of itself
            cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Check the path of the training data.")
    found = list(_look(_places(folder)))
    entries = tuple(chain.from_iterable(one.entries for one in found))
    problems = tuple(chain.from_iterable(one.problems for one in found))
    if not entries and not problems:
        raise InputError(f"There are no training cases in {folder}. Expected:\n{_expected()}")
    if not entries:
        raise InputError(f"There are no training cases in {folder} that can be used:\n{listed(problems)}")
    entries, copies = _without_copies(entries)
    problems = (*problems, *copies)
    opened = DataSet(folder, _with_own_names(entries), problems)
    return replace(opened, problems=tuple(replace(problem, of_cases=opened.cases) for problem in problems))


def read_sources(folder: Path, on_problem: OnProblem = logger.warning) -> Iterator[Source]:
    """All sources of a data folder, one after the other: `open_data` and `DataSet.read_all` in one."""
    yield from open_data(folder).read_all(on_problem)


def _places(folder: Path) -> list[Path]:
    """The folder, the folders in it, and where in these KiTS has its cases; folders of cases are no places."""
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith((".", "case_")))
    deeper = [place / name for place in inside for name in _INNER if (place / name).is_dir()]
    return [folder, *inside, *deeper]


def _look(places: Sequence[Path]) -> Iterator[Found]:
    """What each layout finds in each place; the order is the same on every machine."""
    apart = [place / kits.IMAGES for place in places if (place / kits.IMAGES).is_dir()]
    for place in places:
        yield packs.find(place)
        yield kits.find(place, apart)
        yield nnunet.find(place)
        yield pairs.find(place)


def _expected() -> str:
    return "\n".join(f"  {look.EXPECTED}" for look in _LAYOUTS)


def _without_copies(entries: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], list[Problem]]:
    """KiTS scans that are in several layouts are used once, with the newest labels: older ones contradict them."""
    best: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind == "kits-volume" and _rank(entry) > _rank(best.get(entry.patient)):
            best[entry.patient] = entry
    left_out = [entry for entry in entries if entry.kind == "kits-volume" and best[entry.patient] is not entry]
    problems = [
        Problem(
            entry.name,
            f"The copy from {entry.layout} is not used: the same scan is there from {best[entry.patient].layout}.",
            expected=True,
        )
        for entry in left_out
    ]
    return tuple(entry for entry in entries if entry not in left_out), problems


def _rank(entry: Entry | None) -> int:
    """How good a copy of a KiTS scan is: rebuilt from pictures, first labels, unknown edition, later labels."""
    if entry is None:
        return -1
    order = (packs.LAYOUT, "KiTS19", "KiTS19 or KiTS23", "", "KiTS21", "KiTS23")
    return order.index(entry.layout) if entry.layout in order else order.index("")


def _with_own_names(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The same patient may be in two layouts: then the layout is part of the name."""
    often = Counter(entry.name for entry in entries)
    return tuple(
        replace(entry, name=f"{entry.name} ({entry.layout})") if often[entry.name] > 1 else entry for entry in entries
    )

"""All that a training learns from: cases to learn from and to validate on, and shapes for synthetic lesions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .case import Case, prepare
from .pack import PACK_FILE, read_pack, write_pack
from .recipe import Recipe, read_recipe
from .sources import DataSet, OnProblem, open_data, phantom_sources
from .split import Split, read_split, split_for
from .synthesis import ShapeBank

logger = logging.getLogger(__name__)

_SHAPES_FILE = ("kits_masks", "kits23_labelmaps_1p5mm.npz")  # where a data folder may hold real lesion shapes


@dataclass(frozen=True, eq=False)
class Material:
    """What a training learns from.

    Attributes:
        learn: cases of patients; the phantoms are apart, since they are nobody.
        phantoms: synthetic abdomens to learn from.
        validate: cases that are only looked at.
        shapes: of lesions, but for those of patients who are kept out.
        split: who is kept out.
    """

    learn: list[Case]
    phantoms: list[Case]
    validate: list[Case]
    shapes: ShapeBank
    split: Split

    @property
    def patients(self) -> list[str]:
        """Who is learned from."""
        return sorted({case.patient for case in self.learn})


def gather(data: Path, recipe: Recipe, split_file: Path | None, fold: int | None, on_problem: OnProblem) -> Material:
    """Read and prepare everything.

    Args:
        data: a folder as `sources` describes it, or one that `pack_data` wrote.
        recipe: says at which spacing, and how many phantoms.
        split_file: who is kept out; None: our own split, and a choice among patients whom it does not name.
        fold: the part of the split that is kept out; None: none.
        on_problem: told of every case that cannot be used.

    Raises:
        InputError: the data cannot be used, or nothing is left to learn from.
    """
    packed = data / PACK_FILE
    wanted: Iterator[Case]
    if packed.is_file():
        cases = read_pack(packed, recipe.input.spacing_mm)
        split = split_for(sorted({case.patient for case in cases}), read_split(split_file))
        kept_out = _kept_out(split, fold)
        wanted = (case for case in cases if case.patient not in kept_out)
    else:
        data_set = open_data(data)
        split = split_for(data_set.patients, read_split(split_file))
        wanted = _prepared(data_set, recipe, _kept_out(split, fold), on_problem)
    learn: list[Case] = []
    validate: list[Case] = []
    for case in wanted:
        (validate if case.patient in split.validation else learn).append(case)
    if not learn:
        raise InputError(
            "All cases of the data folder are kept out of training by the split: nothing is left to learn from."
        )
    logger.info("%d cases to learn from, %d to validate on", len(learn), len(validate))
    phantoms = [prepare(source, recipe.input.spacing_mm) for source in phantom_sources(recipe.phantoms, recipe.seed)]
    kept_out = split.validation | split.test(fold) | split.unused
    return Material(learn, phantoms, validate, lesion_shapes(data, exclude=kept_out), split)


def pack_data(
    recipe_name: str,
    data: Path,
    output: Path,
    on_problem: OnProblem,
    on_case: Callable[[str], None] = lambda name: None,
) -> Path:
    """Prepare all cases by a recipe and write them into one small folder (see `pack`).

    Args:
        recipe_name: name of a recipe, or the path of a .toml file.
        data: as `sources` describes it.
        output: the folder to write.
        on_problem: told of every case that cannot be used.
        on_case: called with each case's name before it is packed.

    Raises:
        InputError: the data cannot be used.
    """

    def told(cases: Iterator[Case]) -> Iterator[Case]:
        for case in cases:
            on_case(case.name)
            yield case

    recipe, unused = read_recipe(recipe_name), read_split(None).unused
    return write_pack(told(_prepared(open_data(data), recipe, unused, on_problem)), data, output)


def _kept_out(split: Split, fold: int | None) -> frozenset[str]:
    return split.test(fold) | split.unused


def _prepared(data_set: DataSet, recipe: Recipe, kept_out: frozenset[str], on_problem: OnProblem) -> Iterator[Case]:
    """Cases at the recipe's spacing, one after the other; those of patients who are kept out are not even read."""
    entries = [entry for entry in data_set.entries if entry.patient not in kept_out]
    for source in data_set.read_all(on_problem, entries):
        yield prepare(source, recipe.input.spacing_mm)


def lesion_shapes(data: Path, exclude: frozenset[str] = frozenset(), only: frozenset[str] | None = None) -> ShapeBank:
    """Real lesion shapes, where the data has label maps for them; else made-up ones.

    Args:
        data: as for training.
        exclude: patients whose lesions are left out.
        only: patients whose lesions are taken; None: everyone's.
    """
    file = data.joinpath(*_SHAPES_FILE)
    if not file.is_file():
        return ShapeBank.procedural()
    return ShapeBank.from_label_maps(file, file.with_name("lesions.csv"), exclude, only)

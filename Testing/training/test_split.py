"""The same patients are parted in the same way on every machine, in any order, and nobody is in two parts."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from KidneyTumorSegLib.errors import UsageError
from KidneyTumorSegLib.training.split import Split, read_split, split_for, write_split

EMPTY = Split(frozenset(), (), frozenset())
VALIDATION = ["own_00011", "own_00014", "own_00036", "own_00037"]
TEST = ["own_00008", "own_00026"]
NAMES = st.sets(st.text(min_size=1, max_size=8).map(lambda text: text.strip() or "x"), max_size=80)


def kits(count: int) -> list[str]:
    return [f"own_{number:05d}" for number in range(count)]


@hypothesis.settings(max_examples=40)
@given(NAMES, st.randoms())
def test_the_parts_depend_on_the_patients_alone(names: set[str], order: random.Random) -> None:
    shuffled = sorted(names)
    order.shuffle(shuffled)
    split = split_for(names, EMPTY)
    assert split_for(shuffled, EMPTY) == split
    assert not split.validation & split.held_out
    assert (len(split.validation) >= 1) == (len(split.named) >= 5)
    assert len(split.named) == sum(map(len, (split.training, split.validation, split.held_out)))


def test_the_parts_are_the_same_on_every_machine_and_for_all_time() -> None:
    split = split_for(kits(40), EMPTY)
    assert sorted(split.validation) == VALIDATION
    assert sorted(split.held_out) == TEST


def test_the_parts_have_about_their_shares() -> None:
    split = split_for(kits(489), EMPTY)
    assert 0.07 < len(split.validation) / 489 < 0.13
    assert 0.11 < len(split.held_out) / 489 < 0.19


@pytest.mark.parametrize(("count", "validation", "test"), [(4, False, False), (5, True, False), (20, True, True)])
def test_small_sets_are_not_torn(count: int, validation: bool, test: bool) -> None:
    split = split_for(kits(count), EMPTY)
    assert (bool(split.validation), bool(split.held_out)) == (validation, test)


def test_new_patients_do_not_move_the_others() -> None:
    before, after = (split_for(kits(count), EMPTY) for count in (300, 489))
    assert before.validation == after.validation & set(kits(300))
    assert before.held_out == after.held_out & set(kits(300))


def test_another_seed_is_another_choice() -> None:
    assert split_for(kits(100), EMPTY, 1).validation != split_for(kits(100), EMPTY, 2).validation


def test_a_written_split_is_read_again_and_parts_the_same_patients_alike(tmp_path: Path) -> None:
    split = split_for([*kits(30), 'o"dd \\ näme', "M\u00fcller"], read_split())
    again = read_split(write_split(tmp_path / "split.toml", split))
    assert again == split
    assert split_for([*kits(30), 'o"dd \\ näme', "Mu\u0308ller"], again) == again


def test_a_patient_of_the_stored_split_stays_when_the_set_grows(tmp_path: Path) -> None:
    small = split_for(kits(6), EMPTY)
    stored = read_split(write_split(tmp_path / "split.toml", small))
    grown = split_for(kits(100), stored)
    assert (grown.validation & set(kits(6)), grown.held_out & set(kits(6))) == (small.validation, frozenset())
    assert len(grown.held_out) > 5


def test_patients_whom_our_own_split_names_keep_their_part() -> None:
    ours = read_split()
    assert split_for(ours.named, ours) == ours
    assert split_for([*ours.named, "own1", "own2"], ours) == replace(ours, training=frozenset({"own1", "own2"}))
    whole_kits = {f"kits_{number:05d}" for number in (*range(300), *range(400, 589))}
    split = split_for(whole_kits, ours)
    assert split.validation > ours.validation
    assert len(split.held_out) > 40
    assert split.folds == ours.folds
    assert not (split.held_out | split.validation) & frozenset().union(*ours.folds)
    assert split.test(None) == split.held_out
    assert split.test(2) == split.held_out | ours.folds[1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("validation = [", "split file own.toml cannot be read as TOML"),
        ("valid = []", "own.toml has lists that are not known: valid. Known: train, validation, test, unused, folds"),
        ('validation = "kits_00001"', "own.toml holds 'kits_00001' where a list of patients' names is wanted"),
        ("folds = [[1, 2]]", r"own.toml holds \[1, 2\] where a list of patients' names is wanted"),
        ("folds = 3", "own.toml holds 3 where a list of patients' names is wanted"),
        ('test = ["a"]\nvalidation = ["b", "a"]', "own.toml has a in two parts; a patient is in one"),
    ],
)
def test_a_split_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=sentence):
        read_split(tmp_path / "own.toml")


def test_a_split_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no split file .*own\.toml"):
        read_split(tmp_path / "own.toml")

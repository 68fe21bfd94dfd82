"""The short table of scores that a model carries in `model.json`, chosen from all that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..evaluation import CaseScore, Figure, summarize
from ..models import Score

_DICE = ("kidney_and_masses.dice", "masses.dice", "tumor.dice", "cyst.dice")
_SURFACE = ("kidney_and_masses.surface_dice", "masses.surface_dice", "tumor.surface_dice")
_KEYS = {
    "kits-volume": (*_DICE, *_SURFACE),
    "kits-slice": _DICE,
    "abdomen": ("kidney_and_masses.dice", "kidney_and_masses.surface_dice", "cyst.dice", "tumor.dice"),
}
"""What is told of each kind of data, in this order."""
_POOLED_KEYS = ("tumor.much_false", "cyst.much_false")
"""Told of all whole scans together."""
_NAMES = {"kits-volume": "whole KiTS scans", "kits-slice": "single KiTS slices", "abdomen": "abdomens"}
_ALL = "all whole scans"


def score_table(cases: Sequence[CaseScore], part: str) -> tuple[Score, ...]:
    """The figures that a reader wants first. `n` counts patients; of lesions, lesions; of shares, scans.

    Args:
        cases: of any kind.
        part: how these cases relate to the training, in words ("test", "validation", "... cross-validation").
    """
    figures = {(figure.on, figure.key): figure for figure in summarize(cases)}
    scores = []
    for kind, keys in _KEYS.items():
        found = [figures[kind, key] for key in keys if (kind, key) in figures]
        scores += [_score(figure, f"{_NAMES[kind]} ({part})") for figure in found if figure.value is not None]
    whole = summarize([replace(case, kind=_ALL) for case in cases if case.slices > 1])
    chosen = [one for one in whole if one.key in _POOLED_KEYS or one.key.startswith(("tumor.found", "cyst.found"))]
    scores += [_score(figure, f"{_ALL} ({part})") for figure in chosen if figure.value is not None]
    failed = sum(bool(case.failure) for case in cases)
    if failed:
        scores.append(Score("cases that could not be segmented (they score 0)", f"all ({part})", len(cases), failed))
    return tuple(scores)


def _score(figure: Figure, on: str) -> Score:
    n = figure.patients if figure.unit == "slices" or figure.key.endswith("dice") else figure.cases
    low, high = (None if end is None else round(end, 4) for end in (figure.low, figure.high))
    value = figure.value
    assert value is not None
    return Score(figure.what, on, n, round(value, 4), low, high)

"""Cases made from real ones while the training runs: another contrast phase, look-alikes, synthetic lesions.

A varied case serves many crops before it gives way to the next, because making one takes about a second. Which one
stands at which place is a function of the seed and the batch's number alone, so that a training can be resumed, and
spread over processes, to the same result.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from .case import Case
from .look_alikes import add_look_alike
from .phases import change_phase
from .recipe import Variation
from .synthesis import ShapeBank, add_lesions

LANES = 12
"""Varied cases that are in use at the same time; batch n draws from lane n modulo this. Processes that prepare batches
in turn do not make the same case twice when their number divides it."""
_SERVES = 12  # batches that a varied case serves
_MARGIN_MM = (30.0, 50.0, 50.0)  # k, j, i: what is kept around the kidneys
_VARIED_KINDS = ("abdomen", "kits-volume")


@dataclass
class Variants:
    """The varied cases of one training, made when they are asked for.

    Attributes:
        cases: real ones, of any kind; only whole scans with kidneys are varied.
        mix: weight of each kind, as in the recipe.
        variation: how often what is done.
        bank: lesion shapes.
        seed: of the training.
    """

    cases: list[Case]
    mix: dict[str, float]
    variation: Variation
    bank: ShapeBank
    seed: int
    _bases: list[Case] = field(init=False, repr=False)
    _weights: npt.NDArray[np.float64] = field(init=False, repr=False)
    _made: dict[int, tuple[int, Case]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        found = [case for case in self.cases if case.kind in _VARIED_KINDS and len(case.hu) > 1]
        self._bases = [near for case in found if (near := around_kidneys(case)) is not None]
        weights = np.array([self.mix[case.kind] for case in self._bases], float)
        self._weights = weights / weights.sum() if len(weights) else weights

    def __bool__(self) -> bool:
        """Whether there is anything to vary, and a wish to."""
        return bool(self._bases) and self.variation.share > 0

    def for_batch(self, number: int) -> Case:
        """The varied case that batch `number` may draw from."""
        lane = number % LANES
        turn = (number // LANES + lane) // _SERVES  # lanes take turns at making a new one
        if self._made.get(lane, (-1,))[0] != turn:
            self._made[lane] = (turn, self._make(np.random.default_rng((self.seed, 1, lane, turn))))
        return self._made[lane][1]

    def _make(self, random: np.random.Generator) -> Case:
        base = self._bases[int(random.choice(len(self._bases), p=self._weights))]
        return vary(base, random, self.variation, self.bank)


def vary(case: Case, random: np.random.Generator, variation: Variation, bank: ShapeBank) -> Case:
    """One case, varied; the same `random` gives the same case.

    Args:
        case: whole scan, cropped to the kidneys' surroundings.
        random: source of randomness.
        variation: how often what is done.
        bank: lesion shapes.
    """
    wanted = random.random(3) < (variation.phase, variation.look_alike, variation.lesions)
    if wanted[0]:
        case = change_phase(case, random)
    if wanted[1]:
        case = add_look_alike(case, random)
    if wanted[2]:
        case, _ = add_lesions(case, random, bank)
    return case


def around_kidneys(case: Case) -> Case | None:
    """The case cut to the kidneys and masses with a margin; None without a kidney."""
    kidney = np.isin(case.labels, (1, 2, 3))
    if not kidney.any():
        return None
    steps = (case.slice_spacing_mm, case.spacing_mm, case.spacing_mm)
    window = []
    for axis, (step, margin) in enumerate(zip(steps, _MARGIN_MM, strict=True)):
        seen = np.flatnonzero(kidney.any(axis=tuple(other for other in range(3) if other != axis)))
        rim = round(margin / step)
        window.append(slice(max(int(seen[0]) - rim, 0), int(seen[-1]) + rim + 1))
    box = tuple(window)
    return replace(case, hu=np.ascontiguousarray(case.hu[box]), labels=np.ascontiguousarray(case.labels[box]))

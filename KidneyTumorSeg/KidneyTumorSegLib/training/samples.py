"""Batches of crops from cases: which case, where, and a stack of neighboring slices around it.

Batch n is the same in every run and in every process: a resumed training goes on where it stopped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import IterableDataset, get_worker_info

from .case import Case
from .channels import REGION_CHANNELS, known_mask
from .recipe import Recipe
from .variants import LANES, Variants

_BODY_HU = -250  # above it is body, not air
_LONE_SLICE_SHARE = 0.1  # so often the neighbors are hidden, since scans have first and last slices
_PLACES = 4000  # so many places of a kind are enough to draw from


@dataclass(frozen=True, eq=False)
class _Aims:
    """Places to aim at in one case, as flat indices."""

    lesions: tuple[npt.NDArray[np.int64], ...]
    lesion_weights: npt.NDArray[np.float64]
    kidney: npt.NDArray[np.int64]
    body: npt.NDArray[np.int64]

    @classmethod
    def of(cls, case: Case, random: np.random.Generator) -> _Aims:
        from scipy import ndimage

        def draw(found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
            return found if len(found) <= _PLACES else random.choice(found, _PLACES, replace=False)

        bodies, count = ndimage.label(np.isin(case.labels, (2, 3)), np.ones((3, 3, 3)))
        places = np.flatnonzero(bodies)
        order = np.argsort(bodies.ravel()[places], kind="stable")
        sizes = np.bincount(bodies.ravel()[places], minlength=count + 1)[1:]
        lesions = np.split(places[order], np.cumsum(sizes)[:-1]) if count else []
        # By the square root of its size: a small lesion is aimed at far more often than its voxels would be.
        weights = np.sqrt(sizes.astype(float))
        return cls(
            tuple(draw(lesion) for lesion in lesions),
            weights / weights.sum() if count else weights,
            draw(np.flatnonzero(np.isin(case.labels, (1, 2, 3)))),
            draw(np.flatnonzero(case.hu > _BODY_HU)),
        )

    def place(self, share: dict[str, float], random: np.random.Generator) -> int:
        """A flat index: on a lesion, a kidney, or anywhere in the body, as often as the recipe says."""
        draw = random.random()
        if draw < share["lesion"] and self.lesions:
            lesion = self.lesions[int(random.choice(len(self.lesions), p=self.lesion_weights))]
            return int(random.choice(lesion))
        if draw < share["lesion"] + share["kidney"] and len(self.kidney):
            return int(random.choice(self.kidney))
        return int(random.choice(self.body))


class Batches:
    """By number: crops larger than asked by half, so that turning and zooming them later finds real tissue there.

    Batch: `number` int64; `hu` float32 [batch, slices, n, n]; `labels` uint8 [batch, n, n]; `known` float32 [batch,
    channels]; `floor_hu`, `ceiling_hu` float32 [batch].

    Args:
        cases: to draw from.
        variants: made from them.
        recipe: crop, aim, mix and share.
    """

    def __init__(self, cases: list[Case], variants: Variants, recipe: Recipe) -> None:
        self._recipe = recipe
        self._cases = cases
        self._variants = variants
        random = np.random.default_rng(recipe.seed)
        self._aims = [_Aims.of(case, random) for case in cases]
        self._weights = _case_weights(cases, recipe.mix)
        self._varied_aims: dict[int, tuple[Case, _Aims]] = {}
        heard = [recipe.organs or n < len(REGION_CHANNELS) for n in range(len(known_mask(frozenset())))]
        self._heard = np.array(heard, np.float32)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        random = np.random.default_rng((self._recipe.seed, 0, number))
        varied = self._recipe.variation.share if self._variants else 0.0
        items = [
            self._crop(*self._varied(number), random)
            if random.random() < varied
            else self._crop(*self._real(random), random)
            for _ in range(self._recipe.optimization.micro_batch)
        ]
        batch = {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}
        return {**batch, "number": torch.tensor(number)}

    def _real(self, random: np.random.Generator) -> tuple[Case, _Aims]:
        index = int(random.choice(len(self._cases), p=self._weights))
        return self._cases[index], self._aims[index]

    def _varied(self, number: int) -> tuple[Case, _Aims]:
        case, lane = self._variants.for_batch(number), number % LANES
        if lane not in self._varied_aims or self._varied_aims[lane][0] is not case:
            self._varied_aims[lane] = (case, _Aims.of(case, np.random.default_rng(self._recipe.seed)))
        return self._varied_aims[lane]

    def _crop(self, case: Case, aims: _Aims, random: np.random.Generator) -> dict[str, Any]:
        k, j, i = (int(n) for n in np.unravel_index(aims.place(self._recipe.aim, random), case.labels.shape))
        size = self._recipe.crop_px * 3 // 2
        wander = self._recipe.crop_px // 4
        j, i = (int(at + random.integers(-wander, wander + 1)) for at in (j, i))
        offset = self._recipe.input.neighbor_offset(case.slice_spacing_mm)
        around = [-offset, 0, offset] if self._recipe.input.slices == 3 else [0]
        if random.random() < _LONE_SLICE_SHARE:
            around = [0] * len(around)
        planes = [int(np.clip(k + step, 0, len(case.hu) - 1)) for step in around]
        corner = (j - size // 2, i - size // 2)
        return {
            "hu": np.stack([_cut(case.hu[plane], corner, size) for plane in planes]).astype(np.float32),
            "labels": _cut(case.labels[k], corner, size),
            "known": known_mask(case.known) * self._heard,
            "floor_hu": np.float32(case.floor_hu),
            "ceiling_hu": np.float32(case.ceiling_hu),
        }


class Stream(IterableDataset[dict[str, torch.Tensor]]):
    """Batches without end, shared out in turn among devices and among the processes that prepare them.

    Args:
        batches: where they come from.
        first: batches that were learned from before, on each device.
        device, devices: which of how many this is.
    """

    def __init__(self, batches: Batches, first: int, device: int, devices: int) -> None:
        super().__init__()
        self._batches = batches
        self._start, self._step = first * devices + device, devices

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = get_worker_info()
        mine, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in itertools.count(self._start + mine * self._step, self._step * workers):
            yield self._batches[number]


def _cut(plane: npt.NDArray[Any], corner: tuple[int, int], size: int) -> npt.NDArray[Any]:
    """A square of a plane; beyond the plane's edges the edge is repeated."""
    inside = tuple(slice(max(at, 0), max(min(at + size, n), 1)) for at, n in zip(corner, plane.shape, strict=True))
    missing = [(max(-at, 0), max(at + size - n, 0)) for at, n in zip(corner, plane.shape, strict=True)]
    return np.pad(plane[inside], missing, mode="edge")


def _case_weights(cases: list[Case], mix: dict[str, float]) -> npt.NDArray[np.float64]:
    """Each kind gets its share of the crops; within a kind all cases are alike. Kinds that are absent give way."""
    kinds = [case.kind for case in cases]
    weights = np.array([mix[kind] / kinds.count(kind) for kind in kinds])
    if not weights.any():  # only kinds that the recipe gives no share
        weights += 1.0
    return np.asarray(weights / weights.sum())

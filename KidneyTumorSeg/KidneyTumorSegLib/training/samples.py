"""Endless crops from cases: which case, where, and a stack of neighboring slices around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import IterableDataset

from .case import Case
from .channels import known_mask
from .recipe import Recipe

_BODY_HU = -250  # above it is body, not air
_LONE_SLICE_SHARE = 0.1  # so often the neighbors are hidden, since scans have first and last slices


@dataclass(frozen=True, eq=False)
class _Aims:
    """Places to aim at in one case, as flat indices; a thousand of each are enough to draw from."""

    lesion: npt.NDArray[np.int64]
    kidney: npt.NDArray[np.int64]
    body: npt.NDArray[np.int64]

    @classmethod
    def of(cls, case: Case, random: np.random.Generator) -> _Aims:
        def draw(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
            found = np.flatnonzero(mask)
            return found if len(found) <= 4000 else random.choice(found, 4000, replace=False)

        lesion = np.isin(case.labels, (2, 3))
        return cls(draw(lesion), draw(np.isin(case.labels, (1, 2, 3))), draw(case.hu > _BODY_HU))


class Crops(IterableDataset[dict[str, Any]]):
    """Crops larger than asked by half, so that turning and zooming them later finds real tissue at the corners.

    Each item: `hu` float32 [slices, n, n]; `labels` uint8 [n, n]; `known` float32 [channels]; `floor_hu` float32.
    """

    def __init__(self, cases: list[Case], recipe: Recipe) -> None:
        super().__init__()
        self._recipe = recipe
        self._cases = cases
        random = np.random.default_rng(recipe.seed)
        self._aims = [_Aims.of(case, random) for case in cases]
        self._weights = _case_weights(cases, recipe.mix)
        self.drawn = 0
        """How many were drawn; sample n is the same in every run, so a resumed training goes on where it stopped."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            random = np.random.default_rng((self._recipe.seed, self.drawn))
            self.drawn += 1
            yield self._crop(random)

    def _crop(self, random: np.random.Generator) -> dict[str, Any]:
        index = int(random.choice(len(self._cases), p=self._weights))
        case = self._cases[index]
        k, j, i = self._aim(index, random)
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
            "known": known_mask(case.known),
            "floor_hu": np.float32(case.floor_hu),
        }

    def _aim(self, index: int, random: np.random.Generator) -> tuple[int, int, int]:
        aims, case, share = self._aims[index], self._cases[index], self._recipe.aim
        draw = random.random()
        places = aims.body
        if draw < share["lesion"] and len(aims.lesion):
            places = aims.lesion
        elif draw < share["lesion"] + share["kidney"] and len(aims.kidney):
            places = aims.kidney
        k, j, i = np.unravel_index(int(random.choice(places)), case.labels.shape)
        return int(k), int(j), int(i)


def _cut(plane: npt.NDArray[Any], corner: tuple[int, int], size: int) -> npt.NDArray[Any]:
    """A square of a plane; beyond the plane's edges the edge is repeated."""
    inside = tuple(slice(max(at, 0), max(min(at + size, n), 1)) for at, n in zip(corner, plane.shape, strict=True))
    missing = [(max(-at, 0), max(at + size - n, 0)) for at, n in zip(corner, plane.shape, strict=True)]
    return np.pad(plane[inside], missing, mode="edge")


def _case_weights(cases: list[Case], mix: dict[str, float]) -> npt.NDArray[np.float64]:
    """Each kind gets its share of the crops; within a kind all cases are alike. Kinds that are absent give way."""
    kinds = [case.kind for case in cases]
    weights = np.array([mix[kind] / kinds.count(kind) for kind in kinds])
    return np.asarray(weights / weights.sum())


def collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Items to one batch of tensors."""
    return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}

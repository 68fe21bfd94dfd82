"""Where a body is thin between two thick parts: two lesions that grew, or were drawn, into one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
THINNER = 0.9
"""A neck's half thickness is at most this share of the smaller part's: two equal balls 0.9 radii apart."""
LEAST_PART_ML = 0.03
"""A smaller part is no lesion: `measurements.measure` would not list it."""
_RIPPLE, _RIPPLE_VOXELS = 0.05, 0.4
"""Bumps of the depth lower than this share of the deepest place, or of a voxel, are the voxels' edges, not parts."""
_HALF_OF_26 = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]


@dataclass(frozen=True, eq=False)
class Parts:
    """A body in two parts.

    Attributes:
        part: bool [k, j, i]: the part with the seed.
        rest: the other one.
        gap: voxels of the body that belong to neither, so that no voxel of one touches one of the other (26).
    """

    part: BoolArray
    rest: BoolArray
    gap: BoolArray


def part_at_neck(body: BoolArray, spacing_mm: tuple[float, float, float], seed: tuple[int, int, int]) -> Parts | None:
    """Part a body in two at its narrowest neck beside the seed's part, or elsewhere if there is none.

    The basins of the depth below the surface are the parts; the gap is taken from the larger one, a voxel thick.

    Args:
        body: bool [k, j, i], 26-connected.
        spacing_mm: along (k, j, i).
        seed: a voxel of the body.

    Returns:
        None if it has no neck, or if a part would be too small to be a lesion.
    """
    from scipy import ndimage

    padded = np.pad(body, 1)
    depth = np.asarray(ndimage.distance_transform_edt(padded, sampling=spacing_mm), dtype=np.float32)[1:-1, 1:-1, 1:-1]
    basins = _basins(body, depth, spacing_mm)
    least = LEAST_PART_ML * 1000.0 / float(np.prod(spacing_mm))
    chosen = _choose(basins, depth, int(basins[seed]), least)
    if chosen is None:
        return None
    part = body & np.isin(basins, list(chosen))
    rest = body & ~part
    small, large = (part, rest) if np.count_nonzero(part) < np.count_nonzero(rest) else (rest, part)
    gap = large & ndimage.binary_dilation(small, np.ones((3, 3, 3), bool))
    return Parts(part & ~gap, rest & ~gap, gap)


def _basins(body: BoolArray, depth: npt.NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> Any:
    """Numbers of the parts around the deepest places, [k, j, i]; 0 outside the body."""
    import SimpleITK

    level = max(_RIPPLE * float(depth.max()), _RIPPLE_VOXELS * min(spacing_mm))
    flooded = SimpleITK.MorphologicalWatershed(SimpleITK.GetImageFromArray(-depth), level, False, True)
    return np.where(body, SimpleITK.GetArrayFromImage(flooded).astype(np.int32), 0)


def _choose(basins: npt.NDArray[np.int32], depth: npt.NDArray[np.float32], of_seed: int, least: float) -> Any:
    """The basins on the seed's side of the chosen neck, a set; None if there is no neck."""
    edges = _spanning_tree(_saddles(basins, depth))
    peaks, sizes = np.zeros(basins.max() + 1), np.bincount(basins.ravel())
    np.maximum.at(peaks, basins.ravel(), depth.ravel())
    numbers = {int(n) for n in np.flatnonzero(sizes) if n > 0}
    best: tuple[bool, float, set[int]] | None = None
    for a, b, saddle in edges:
        side = _reached(of_seed, [edge[:2] for edge in edges if edge[:2] != (a, b)])
        other = numbers - side
        thinner = saddle / min(peaks[list(side)].max(), peaks[list(other)].max())
        if thinner > THINNER or min(sizes[list(side)].sum(), sizes[list(other)].sum()) < least:
            continue
        rank = (of_seed not in (a, b), float(thinner))
        if best is None or rank < best[:2]:
            best = (*rank, side)
    return None if best is None else best[2]


def _saddles(basins: npt.NDArray[np.int32], depth: npt.NDArray[np.float32]) -> dict[tuple[int, int], float]:
    """The deepest passage, mm, between every two basins that touch."""
    found: dict[tuple[int, int], float] = {}
    for step in _HALF_OF_26:
        here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(step, basins.shape, strict=True))
        there = tuple(slice(max(0, d), n - max(0, -d)) for d, n in zip(step, basins.shape, strict=True))
        a, b = basins[here], basins[there]
        border = np.nonzero((a != b) & (a > 0) & (b > 0))
        passage = np.minimum(depth[here][border], depth[there][border])
        for one, two, deep in zip(a[border].tolist(), b[border].tolist(), passage.tolist(), strict=True):
            pair = (min(one, two), max(one, two))
            found[pair] = max(found.get(pair, 0.0), deep)
    return found


def _spanning_tree(saddles: dict[tuple[int, int], float]) -> list[tuple[int, int, float]]:
    """The deepest passages that join all basins without a ring: cutting one parts them in two."""
    tree: list[tuple[int, int, float]] = []
    for (a, b), deep in sorted(saddles.items(), key=lambda item: (-item[1], item[0])):
        if b not in _reached(a, [edge[:2] for edge in tree]):
            tree.append((a, b, deep))
    return tree


def _reached(start: int, edges: list[tuple[int, int]]) -> set[int]:
    """Every basin that edges join to the start."""
    reached, fresh = {start}, {start}
    while fresh:
        fresh = {n for edge in edges for n in edge if set(edge) & reached} - reached
        reached |= fresh
    return reached

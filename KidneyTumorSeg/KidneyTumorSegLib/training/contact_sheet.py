"""Pictures of what a training sees, real and varied side by side: look at them before training on them.

Made by the same functions as the training's own cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..export import atomic_write
from .case import Case
from .gather import Material
from .look_alikes import add_look_alike
from .phase_table import Phase
from .phases import change_phase
from .synthesis import add_lesions
from .variants import around_kidneys

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW_HU = (-120.0, 260.0)
_COLORS = {1: "#e8c468", 2: "#ff4040", 3: "#40c8ff"}
_HALF_MM = 75.0
_COLUMNS, _TILE_INCHES = 6, 2.0


@dataclass(frozen=True, eq=False)
class Tile:
    """A square around a place in one slice, shown plain and with outlines.

    Attributes:
        hu, labels: [rows, columns].
        caption: what it is.
    """

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    caption: str


def real_tiles(material: Material, count: int, random: np.random.Generator) -> list[Tile]:
    """Real lesions, each case in turn."""
    with_lesion = [case for case in material.learn if np.isin(case.labels, (2, 3)).any()]
    tiles = []
    for number in range(count if with_lesion else 0):
        case = with_lesion[number % len(with_lesion)]
        place = random.choice(np.flatnonzero(np.isin(case.labels, (2, 3))))
        k, j, i = (int(n) for n in np.unravel_index(int(place), case.labels.shape))
        tiles.append(_tile(case, (k, j, i), f"real, {case.patient}"))
    return tiles


def lesion_tiles(material: Material, count: int, random: np.random.Generator) -> list[Tile]:
    """Synthetic lesions in real scans."""
    bases, tiles = _bases(material), []
    for _ in range(10 * count if bases else 0):
        case, made = add_lesions(bases[int(random.integers(len(bases)))], random, material.shapes)
        if made:
            one = made[int(random.integers(len(made)))]
            told = f"{one.texture}, {one.diameter_mm:.0f} mm\n{one.mean_hu:.0f} HU in kidney of {one.kidney_hu:.0f}"
            tiles.append(_tile(case, one.center, told))
        if len(tiles) == count:
            break
    return tiles


def phase_tiles(material: Material, count: int, random: np.random.Generator) -> list[Tile]:
    """Whole slices as scanned and in each phase."""
    tiles = []
    for case in _bases(material)[: max(1, count // 5)]:
        k = int(np.argmax((case.labels == 1).sum(axis=(1, 2))))
        tiles.append(_whole(case, k, f"{case.patient}, as scanned"))
        tiles += [_whole(change_phase(case, random, phase), k, phase.value) for phase in Phase]
    return tiles


def look_alike_tiles(material: Material, count: int, random: np.random.Generator) -> list[Tile]:
    """Whole slices where the most was changed."""
    bases, tiles = _bases(material), []
    for number in range(count if bases else 0):
        case = bases[number % len(bases)]
        changed = add_look_alike(case, random)
        k = int(np.argmax((changed.hu != case.hu).sum(axis=(1, 2))))
        tiles.append(_whole(changed, k, f"look-alike, {case.patient}"))
    return tiles


def draw_sheet(path: Path, title: str, tiles: Sequence[Tile]) -> None:
    """A PNG: each tile plain, with its outlines below it.

    Args:
        path: of the PNG.
        title: above all.
        tiles: at least one.
    """
    from matplotlib.figure import Figure

    rows = -(-len(tiles) // _COLUMNS)
    tall = _TILE_INCHES * max(tile.hu.shape[0] / tile.hu.shape[1] for tile in tiles)
    figure = Figure((_COLUMNS * _TILE_INCHES, rows * (2 * tall + 0.45) + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(2 * rows, _COLUMNS, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for number, tile in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        _draw(axes[2 * row][column], tile, outlined=False)
        axes[2 * row][column].set_title(tile.caption, fontsize=6)
        _draw(axes[2 * row + 1][column], tile, outlined=True)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw(axes: Axes, tile: Tile, *, outlined: bool) -> None:
    axes.imshow(tile.hu, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1], interpolation="nearest")
    for value, color in _COLORS.items() if outlined else ():
        mask = tile.labels == value
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors=color, linewidths=0.8)


def _bases(material: Material) -> list[Case]:
    whole = [case for case in material.learn if len(case.hu) > 1]
    return [near for case in whole if (near := around_kidneys(case)) is not None]


def _tile(case: Case, place: tuple[int, int, int], caption: str) -> Tile:
    k, *center = place
    half = round(_HALF_MM / case.spacing_mm)
    rows, columns = (
        slice(max(0, min(at - half, n - 2 * half)), max(0, min(at - half, n - 2 * half)) + 2 * half)
        for at, n in zip(center, case.hu.shape[1:], strict=True)
    )
    return Tile(case.hu[k, rows, columns], case.labels[k, rows, columns], caption)


def _whole(case: Case, k: int, caption: str) -> Tile:
    return Tile(case.hu[k], case.labels[k], caption)

"""Synthetic tumors and cysts in a real scan: how many, how large, where, and what of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..phase_table import Phase
from .bank import ShapeBank
from .content import Content, Kind, Tissue, cyst_content, guess_phase, tumor_content
from .insert import Canvas, Look, SyntheticLesion
from .kidneys import Kidney, Vector, find_kidneys
from .placement import place
from .scan_noise import measure_noise

if TYPE_CHECKING:
    from ..case import Case

_TUMOR_MM, _CYST_MM = (6.0, 80.0), (5.0, 30.0)
_LARGE_TUMOR_MM, _LARGE_CYST_MM = (70.0, 120.0), (30.0, 80.0)
_LARGE_TUMOR_SHARE, _LARGE_CYST_SHARE = 0.06, 0.12
_TRIES = 5
_NEAR_MM, _ENOUGH_VOXELS = 22.0, 30


def add_lesions(
    case: Case, random: np.random.Generator, bank: ShapeBank, count: int | None = None
) -> tuple[Case, tuple[SyntheticLesion, ...]]:
    """Grow tumors and cysts on a scan's kidneys.

    Args:
        case: canonical, cropped to the kidneys or not.
        random: source of randomness; the same gives the same lesions.
        bank: shapes and places.
        count: how many, of both kinds; None: drawn. Fewer are made where there is no room.

    Returns:
        The case with other `hu` and `labels`, and the lesions; the very case if it has no kidney.
    """
    spacing = (case.slice_spacing_mm, case.spacing_mm, case.spacing_mm)
    kidneys = find_kidneys(case.labels, spacing)
    if not kidneys:
        return case, ()
    canvas = Canvas(case.hu.copy(), case.labels.copy(), spacing, case.floor_hu, measure_noise(case.hu, case.floor_hu))
    around = [_Surroundings(case.hu, kidney, spacing) for kidney in kidneys]
    made = []
    for kind, diameter in sorted(_plan(random, count), key=lambda wish: -wish[1]):
        for _ in range(_TRIES):
            lesion = _grow(canvas, kind, diameter, around, bank, random)
            if lesion:
                made.append(lesion)
                break
    return replace(case, hu=canvas.hu, labels=canvas.labels), tuple(made)


def _plan(random: np.random.Generator, count: int | None) -> list[tuple[Kind, float]]:
    """Kinds and diameters, mm."""
    if count is None:
        tumors = int(random.choice([0, 1, 2, 3], p=[0.15, 0.55, 0.22, 0.08]))
        cysts = int(random.choice([0, 1, 2, 3, 5], p=[0.45, 0.27, 0.15, 0.09, 0.04]))
        if tumors + cysts == 0:
            tumors = 1
    else:
        tumors = int(random.binomial(count, 0.6))
        cysts = count - tumors
    wanted: tuple[tuple[Kind, int], ...] = (("tumor", tumors), ("cyst", cysts))
    return [(kind, _diameter(kind, random)) for kind, number in wanted for _ in range(number)]


def _diameter(kind: Kind, random: np.random.Generator) -> float:
    """Small ones are drawn more often than they are met: they are the hard ones."""
    large = random.random() < (_LARGE_TUMOR_SHARE if kind == "tumor" else _LARGE_CYST_SHARE)
    if kind == "tumor":
        low, high = _LARGE_TUMOR_MM if large else _TUMOR_MM
    else:
        low, high = _LARGE_CYST_MM if large else _CYST_MM
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


class _Surroundings:
    """A kidney and the HU in it, before anything was put in."""

    def __init__(self, hu: npt.NDArray[np.int16], kidney: Kidney, spacing: tuple[float, float, float]) -> None:
        self.kidney = kidney
        index = np.argwhere(kidney.depth_mm > 0)
        self._places = index * kidney.step + kidney.start
        voxels = np.rint(self._places / spacing).astype(int)
        seen = ((voxels >= 0) & (voxels < hu.shape)).all(axis=1)
        self._places = self._places[seen]
        self._hu = hu[tuple(voxels[seen].T)].astype(np.float32)
        self._solid = kidney.parenchyma[tuple(index[seen].T)]
        self._depth = kidney.depth_mm[tuple(index[seen].T)]
        self._phase = self._guess()

    def tissue(self, center: Vector) -> Tissue:
        """Near a position."""
        near = self._solid & (((self._places - center) ** 2).sum(axis=1) < _NEAR_MM**2)
        if near.sum() < _ENOUGH_VOXELS:
            near = self._solid
        outer = near & (self._depth < 6)
        cortex = (
            float(np.median(self._hu[outer])) if outer.sum() >= _ENOUGH_VOXELS else float(np.median(self._hu[near]))
        )
        return Tissue(float(self._hu[near].mean()), cortex, self._phase)

    def _guess(self) -> Phase:
        shell, core = self._solid & (self._depth > 1.5) & (self._depth < 6), self._solid & (self._depth > 9)
        whole = float(np.median(self._hu[self._solid]))
        sinus = ~self._solid
        return guess_phase(
            float(np.median(self._hu[shell])) if shell.sum() >= _ENOUGH_VOXELS else whole,
            float(np.median(self._hu[core])) if core.sum() >= _ENOUGH_VOXELS else whole,
            float(np.quantile(self._hu[sinus], 0.98)) if sinus.sum() >= _ENOUGH_VOXELS else whole,
        )


def _grow(
    canvas: Canvas,
    kind: Kind,
    diameter: float,
    around: list[_Surroundings],
    bank: ShapeBank,
    random: np.random.Generator,
) -> SyntheticLesion | None:
    """One lesion on one kidney; None if there was no room where it should have gone."""
    sizes = np.array([near.kidney.volume_ml for near in around])
    near = around[int(random.choice(len(around), p=sizes / sizes.sum()))]
    slices_mm = (len(canvas.hu) - 1) * canvas.spacing[0]
    pattern = bank.draw(kind, diameter, random)
    placed = place(pattern, diameter, near.kidney, slices_mm, random)
    tissue = near.tissue(placed.center)
    content = tumor_content(tissue, diameter, random) if kind == "tumor" else cyst_content(tissue, random)
    done = canvas.insert(placed, content, _look(content, canvas.spacing[1], random), near.kidney, random)
    if done is None:
        return None
    box, lesion = done
    return _describe(canvas, box, lesion, content, tissue, near.kidney)


def _look(content: Content, pixel_mm: float, random: np.random.Generator) -> Look:
    """Cysts are sharp; some tumors are not."""
    blur_px = float(random.uniform(0.55, 0.85)) / max(pixel_mm / 1.25, 0.6)
    border = 0.0 if content.kind == "cyst" or random.random() < 0.6 else float(random.uniform(1.0, 4.0))
    return Look(blur_px, border, float(random.uniform(0.02, 0.15)))


def _describe(
    canvas: Canvas,
    box: tuple[slice, slice, slice],
    lesion: npt.NDArray[np.bool_],
    content: Content,
    tissue: Tissue,
    kidney: Kidney,
) -> SyntheticLesion:
    voxels = np.argwhere(lesion) + [part.start for part in box]
    volume_ml = float(len(voxels) * np.prod(canvas.spacing)) / 1000
    middle = voxels.mean(axis=0).round().astype(int)
    outside = kidney.depth_at(voxels * np.array(canvas.spacing)) < 0
    return SyntheticLesion(
        content.kind,
        content.texture,
        content.calcified,
        2 * (3 * volume_ml * 1000 / (4 * np.pi)) ** (1 / 3),
        volume_ml,
        float(canvas.hu[box][lesion].mean()),
        tissue.kidney_hu,
        (int(middle[0]), int(middle[1]), int(middle[2])),
        float(outside.mean()),
    )

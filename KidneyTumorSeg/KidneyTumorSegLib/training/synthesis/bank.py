"""Shapes of lesions and where on a kidney they grew, from label maps of patients, or made up."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ...anatomy import CYST, KIDNEY, TUMOR
from .content import Kind
from .kidneys import Frame, Vector
from .shape import SIDE, Shape, normalized, random_shape

_LEAST_ML = 0.06
_LEAST_KIDNEY_ML = 20.0
_NEAR_SIZE = 1.7  # shapes are not enlarged or shrunk by more, where there are some
_APART_MM = 40.0


@dataclass(frozen=True, eq=False)
class Pattern:
    """A lesion that was: its shape and its place on its kidney.

    Attributes:
        kind: tumor or cyst.
        shape: in its kidney's axes (up, back, lateral).
        diameter_mm: of a ball of its volume.
        place: of its center, relative to its kidney (see `Frame`); None: anywhere at the surface.
        exophytic_share: of its volume, outside its kidney.
    """

    kind: Kind
    shape: Shape
    diameter_mm: float
    place: Vector | None
    exophytic_share: float


@dataclass(frozen=True, eq=False)
class ShapeBank:
    """Where lesion shapes come from: lesions of patients, if there are any, and made-up ones."""

    patterns: tuple[Pattern, ...] = ()
    made_up_share: float = 0.35
    """How many are made up where there are real ones."""

    @classmethod
    def procedural(cls) -> ShapeBank:
        """Made-up shapes alone; needs no data."""
        return cls()

    @classmethod
    def from_label_maps(
        cls, file: Path, lesions_csv: Path | None = None, exclude: frozenset[str] = frozenset()
    ) -> ShapeBank:
        """Every lesion of the official KiTS23 label maps.

        Args:
            file: npz with `case_XXXXX` uint8 [x, y, z] and `case_XXXXX_affine` 4x4 to RAS, mm.
            lesions_csv: `exophytic_fraction_outside_kidney_hull` of each lesion, found by case, label and volume.
            exclude: patients who are left out, as `kits_00042`.
        """
        shares = _read_shares(lesions_csv) if lesions_csv else {}
        patterns: list[Pattern] = []
        with np.load(file, allow_pickle=False) as pack:
            for name in sorted(key for key in pack.files if not key.endswith("_affine")):
                if name.replace("case_", "kits_") not in exclude:
                    labels, spacing = _canonical(pack[name], pack[f"{name}_affine"])
                    patterns += _patterns(labels, spacing, {k[1:]: v for k, v in shares.items() if k[0] == name})
        return cls(tuple(patterns))

    def draw(self, kind: Kind, diameter_mm: float, random: np.random.Generator) -> Pattern:
        """A lesion of about a size; its shape may be scaled to the very size."""
        same = [p for p in self.patterns if p.kind == kind]
        if not same or random.random() < self.made_up_share:
            rough = random.uniform(0.0, 0.25) if kind == "cyst" else random.beta(1.5, 2.0)
            share = 0.0 if random.random() < 0.15 else random.uniform(0.0, 0.8)
            return Pattern(kind, random_shape(random, float(rough)), diameter_mm, None, float(share))
        off = np.array([abs(np.log(p.diameter_mm / diameter_mm)) for p in same])
        near = np.flatnonzero(off <= max(np.log(_NEAR_SIZE), np.sort(off)[min(4, len(off) - 1)]))
        return same[int(random.choice(near))]


def _read_shares(file: Path) -> dict[tuple[str, str, float], float]:
    with file.open(encoding="utf-8", newline="") as rows:
        return {
            (row["case"], row["label"], float(row["volume_ml"])): float(
                row["exophytic_fraction_outside_kidney_hull"] or 0
            )
            for row in csv.DictReader(rows)
        }


def _canonical(labels: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.uint8], Vector]:
    """[x, y, z] on a grid along RAS to [k, j, i] (up, to the back, to the patient's left), and spacing along these."""
    spacing = np.diag(affine)[:3]
    upright = labels[:: -int(np.sign(spacing[0])), :: -int(np.sign(spacing[1])), :: int(np.sign(spacing[2]))]
    return np.ascontiguousarray(upright.transpose(2, 1, 0)), np.abs(spacing[::-1])


def _patterns(labels: npt.NDArray[np.uint8], spacing: Vector, shares: dict[tuple[str, float], float]) -> list[Pattern]:
    """All lesions of one label map."""
    voxel_ml = float(np.prod(spacing)) / 1000
    bodies, _ = ndimage.label(labels > 0, np.ones((3, 3, 3)))
    frames = _frames(bodies, labels, spacing, voxel_ml)
    found: list[Pattern] = []
    kinds: tuple[tuple[Kind, int], ...] = (("tumor", TUMOR.value), ("cyst", CYST.value))
    for kind, value in kinds:
        lesions, _ = ndimage.label(labels == value, np.ones((3, 3, 3)))
        for number, box in enumerate(ndimage.find_objects(lesions), start=1):
            mask = lesions[box] == number
            volume_ml = float(mask.sum()) * voxel_ml
            body = int(np.bincount(bodies[box][mask]).argmax())
            if volume_ml < _LEAST_ML or body not in frames:
                continue
            near = [(abs(ml - volume_ml), share) for (label, ml), share in shares.items() if label == kind]
            share = min(near)[1] if near else None
            found.append(_pattern(kind, mask, np.array([b.start for b in box]), spacing, frames[body], share))
    return found


def _frames(
    bodies: npt.NDArray[np.int32], labels: npt.NDArray[np.uint8], spacing: Vector, voxel_ml: float
) -> dict[int, Frame]:
    """Of each kidney, where there are two."""
    kidney = labels == KIDNEY.value
    sizes = np.bincount(bodies[kidney])
    large = [int(n) for n in np.argsort(-sizes)[:2] if n > 0 and sizes[n] * voxel_ml >= _LEAST_KIDNEY_ML]
    points = {n: np.argwhere(kidney & (bodies == n))[::5] * spacing for n in large}
    centers = {n: float(place[:, 2].mean()) for n, place in points.items()}
    if len(large) < 2 or abs(centers[large[0]] - centers[large[1]]) < _APART_MM:
        return {}
    middle = sum(centers.values()) / 2
    return {n: Frame.of(place, 1.0 if centers[n] > middle else -1.0) for n, place in points.items()}


def _pattern(
    kind: Kind,
    mask: npt.NDArray[np.bool_],
    corner: npt.NDArray[np.int64],
    spacing: Vector,
    frame: Frame,
    share: float | None,
) -> Pattern:
    points = np.argwhere(mask) * spacing
    center = points.mean(axis=0)
    reach = float(np.abs((points - center) @ frame.axes.T).max()) + 2 * float(spacing.max())
    padded = np.pad(mask, 3)
    soft = ndimage.gaussian_filter(padded.astype(np.float32), 0.7)
    inside = ndimage.distance_transform_edt(soft > 0.5, sampling=spacing)
    outside = ndimage.distance_transform_edt(soft <= 0.5, sampling=spacing)
    depth = (inside - outside) + float(spacing[0]) * np.where(soft > 0.5, -0.5, 0.5)
    line = np.linspace(-reach, reach, SIDE)
    local = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)
    index = (local @ frame.axes + center) / spacing + 3
    sampled = ndimage.map_coordinates(depth.astype(np.float32), np.moveaxis(index, -1, 0), order=1, mode="nearest")
    relative = frame.relative(center + corner * spacing)
    if share is None:
        relatives = (points + corner * spacing - frame.center) @ frame.axes.T / frame.half
        share = float(((relatives**2).sum(axis=1) > 1).mean())
    diameter = 2 * (3 * len(points) * float(np.prod(spacing)) / (4 * np.pi)) ** (1 / 3)
    return Pattern(kind, normalized(sampled, reach), diameter, relative, share)

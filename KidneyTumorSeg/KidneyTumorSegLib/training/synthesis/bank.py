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
_LONGEST = 3.0  # radii; what reaches farther is a sliver
_MOST_STEPS = 40  # voxels across a lesion that are worth keeping
_BODY_STRIDE = 2
_RIM = 3

_Sides = list[tuple[str, float, float]]
"""Lesions of one patient: label, volume in mL, and +1 for the patient's left, -1 for the right."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """A lesion that was: its shape and its place on its kidney.

    Attributes:
        kind: tumor or cyst.
        shape: in its kidney's axes (up, back, lateral).
        diameter_mm: of a ball of its volume.
        place: of its center, relative to its kidney (see `Frame`); None: anywhere at the surface.
        exophytic_share: of its volume, outside the kidney as it would be without it.
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
    patients: int = 0
    """Whose label maps the patterns are from."""

    @classmethod
    def procedural(cls) -> ShapeBank:
        """Made-up shapes alone; needs no data."""
        return cls()

    @classmethod
    def from_label_maps(
        cls,
        file: Path,
        lesions_csv: Path | None = None,
        exclude: frozenset[str] = frozenset(),
        only: frozenset[str] | None = None,
    ) -> ShapeBank:
        """Every lesion of the official KiTS23 label maps.

        Args:
            file: npz with `case_XXXXX` uint8 [x, y, z] and `case_XXXXX_affine` 4x4 to RAS, mm.
            lesions_csv: tells each lesion's `side`, found by `case`, `label` and `volume_ml`; without it the side is
                told from where the kidneys lie, and lesions of patients with a single kidney are left out.
            exclude: patients who are left out, as `kits_00042`.
            only: patients who are taken; None: everyone.
        """
        sides = _read_sides(lesions_csv) if lesions_csv else {}
        patterns: list[Pattern] = []
        patients = 0
        with np.load(file, allow_pickle=False) as pack:
            for name in sorted(key for key in pack.files if not key.endswith("_affine")):
                patient = name.replace("case_", "kits_")
                if patient not in exclude and (only is None or patient in only):
                    labels, spacing = _canonical(pack[name], pack[f"{name}_affine"])
                    patients += 1
                    patterns += _patterns(labels, spacing, sides.get(name, []))
        return cls(tuple(patterns), patients=patients)

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


def _read_sides(file: Path) -> dict[str, _Sides]:
    found: dict[str, _Sides] = {}
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            sign = 1.0 if row["side"] == "left" else -1.0
            found.setdefault(row["case"], []).append((row["label"], float(row["volume_ml"]), sign))
    return found


def _canonical(labels: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.uint8], Vector]:
    """[x, y, z] on a grid along RAS to [k, j, i] (up, to the back, to the patient's left), and spacing along these."""
    spacing = np.diag(affine)[:3]
    signs = np.sign(spacing).astype(int)
    upright = labels[:: -signs[0], :: -signs[1], :: signs[2]].transpose(2, 1, 0)
    seen = ndimage.find_objects((upright > 0).astype(np.uint8))
    return np.ascontiguousarray(upright[seen[0]] if seen else upright), np.abs(spacing[::-1])


def _patterns(labels: npt.NDArray[np.uint8], spacing: Vector, sides: _Sides) -> list[Pattern]:
    """All lesions of one label map."""
    voxel_ml = float(np.prod(spacing)) / 1000
    coarse = labels[::_BODY_STRIDE, ::_BODY_STRIDE, ::_BODY_STRIDE]
    bodies, _ = ndimage.label(coarse > 0, np.ones((3, 3, 3)))
    kidneys = _kidney_points(bodies, coarse == KIDNEY.value, spacing * _BODY_STRIDE)
    signs = _signs(kidneys)
    found: list[Pattern] = []
    kinds: tuple[tuple[Kind, int], ...] = (("tumor", TUMOR.value), ("cyst", CYST.value))
    for kind, value in kinds:
        for mask, corner in _parts(labels == value):
            volume_ml = float(mask.sum()) * voxel_ml
            if volume_ml < _LEAST_ML:
                continue
            voxels = (np.argwhere(mask) + corner) // _BODY_STRIDE
            body = int(np.bincount(bodies[tuple(voxels.T)]).argmax())
            rows = [(abs(ml - volume_ml), sign) for label, ml, sign in sides if label == kind]
            sign = min(rows)[1] if rows else signs.get(body, 0.0)
            if body in kidneys and sign:
                found.append(_pattern(kind, mask, corner, spacing, Frame.of(kidneys[body], sign)))
    return [pattern for pattern in found if pattern.shape.half <= _LONGEST]


def _parts(mask: npt.NDArray[np.bool_]) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]]:
    """Connected parts, each in its own box, and the boxes' corners."""
    whole = ndimage.find_objects(mask.astype(np.uint8))
    if not whole:
        return []
    parts, _ = ndimage.label(mask[whole[0]], np.ones((3, 3, 3)))
    start = np.array([b.start for b in whole[0]])
    boxes = ndimage.find_objects(parts)
    return [(parts[box] == n, start + [b.start for b in box]) for n, box in enumerate(boxes, start=1)]


def _kidney_points(bodies: npt.NDArray[np.int32], kidney: npt.NDArray[np.bool_], spacing: Vector) -> dict[int, Vector]:
    """Positions (n, 3) of the parenchyma of the two largest kidneys, mm."""
    sizes = np.bincount(bodies[kidney], minlength=1)
    least = _LEAST_KIDNEY_ML * 1000 / np.prod(spacing)
    large = [int(n) for n in np.argsort(-sizes)[:2] if n > 0 and sizes[n] >= least]
    return {n: np.argwhere(kidney & (bodies == n)) * spacing for n in large}


def _signs(kidneys: dict[int, Vector]) -> dict[int, float]:
    """+1 for the patient's left kidney, -1 for the right, where there are two."""
    centers = {n: float(points[:, 2].mean()) for n, points in kidneys.items()}
    if len(centers) < 2 or np.ptp(list(centers.values())) < _APART_MM:
        return {}
    middle = sum(centers.values()) / 2
    return {n: 1.0 if center > middle else -1.0 for n, center in centers.items()}


def _pattern(
    kind: Kind, mask: npt.NDArray[np.bool_], corner: npt.NDArray[np.int64], spacing: Vector, frame: Frame
) -> Pattern:
    points = np.argwhere(mask) * spacing
    center = points.mean(axis=0)
    reach = float(np.abs((points - center) @ frame.axes.T).max()) + 2 * float(spacing.max())
    depth, step = _depth(mask, spacing)
    line = np.linspace(-reach, reach, SIDE)
    local = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)
    index = (local @ frame.axes + center) / step + _RIM
    sampled = ndimage.map_coordinates(depth, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    places = (points + corner * spacing - frame.center) @ frame.axes.T / frame.half
    diameter = 2 * (3 * len(points) * float(np.prod(spacing)) / (4 * np.pi)) ** (1 / 3)
    share = float(((places**2).sum(axis=1) > 1).mean())
    return Pattern(kind, normalized(sampled, reach), diameter, places.mean(axis=0), share)


def _depth(mask: npt.NDArray[np.bool_], spacing: Vector) -> tuple[npt.NDArray[np.float32], Vector]:
    """Depth inside a mask with a rim of 3 voxels, mm, and its spacing: coarser than the mask's if that is large."""
    stride = max(1, round(max(mask.shape) / _MOST_STEPS))
    soft = ndimage.gaussian_filter(np.pad(mask, _RIM * stride).astype(np.float32), 0.7 * stride)
    solid = soft[::stride, ::stride, ::stride] > 0.5
    step = spacing * stride
    inside = ndimage.distance_transform_edt(solid, sampling=step)
    outside = ndimage.distance_transform_edt(~solid, sampling=step)
    return (inside - outside - np.where(solid, 0.5, -0.5) * step.mean()).astype(np.float32), step

"""What lesions look like inside: HU by kind, relative to the kidney around them and to the contrast phase.

HU differences by subtype and phase: Young et al., Radiology 2013;267:444; unenhanced renal masses: PMID 22528901;
simple and hyperdense cysts: Bosniak 2019 (Silverman et al., Radiology 2019;292:475).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..phase_table import Phase
from .fields import Axes, FloatImage, random_field

Kind = Literal["tumor", "cyst"]
Texture = Literal[
    "heterogeneous",
    "necrotic",
    "solid",
    "central scar",
    "isodense",
    "cystic rim",
    "hemorrhagic",
    "fat-containing",
    "simple cyst",
    "hyperdense cyst",
]

_TUMOR_SHARES: dict[Texture, float] = {
    "heterogeneous": 0.27,
    "necrotic": 0.19,
    "solid": 0.18,
    "central scar": 0.10,
    "isodense": 0.09,
    "cystic rim": 0.08,
    "hemorrhagic": 0.04,
    "fat-containing": 0.05,
}
_HYPERDENSE_SHARE = 0.10
_CALCIFIED_SHARE = 0.09
_NON_CONTRAST_HU = 62.0
_CORTEX_MEDULLA_HU = 30.0
_COLLECTING_SYSTEM_HU = 260.0


@dataclass(frozen=True)
class Tissue:
    """The kidney around a lesion.

    Attributes:
        kidney_hu, cortex_hu: mean of all parenchyma nearby, and of its outer 5 mm.
        phase: of the contrast agent.
    """

    kidney_hu: float
    cortex_hu: float
    phase: Phase


def guess_phase(cortex_hu: float, core_hu: float, brightest_hu: float) -> Phase:
    """Contrast phase from the kidney: shell 0-5 mm against core; brightest is its sinus' 98th percentile."""
    if max(cortex_hu, core_hu) < _NON_CONTRAST_HU:
        return Phase.NON_CONTRAST
    if cortex_hu - core_hu > _CORTEX_MEDULLA_HU:
        return Phase.CORTICOMEDULLARY
    return Phase.EXCRETORY if brightest_hu > _COLLECTING_SYSTEM_HU else Phase.NEPHROGRAPHIC


@dataclass(frozen=True)
class Content:
    """A recipe for a lesion's inside.

    Attributes:
        kind: tumor or cyst.
        texture: its kind of inside.
        mean_hu: of the solid part, or of the fluid.
        grain_hu: standard deviation of its own unevenness, without image noise.
        second_hu, second_share: of the other part (necrosis, scar, fluid, fat), and how much of the lesion it fills.
        calcified: whether it holds specks of calcium.
    """

    kind: Kind
    texture: Texture
    mean_hu: float
    grain_hu: float
    second_hu: float = 0.0
    second_share: float = 0.0
    calcified: bool = False

    def fill(self, depth_mm: FloatImage, axes: Axes, radius_mm: float, random: np.random.Generator) -> FloatImage:
        """HU at a box's voxels, without image noise and blur.

        Args:
            depth_mm: how deep inside the lesion each voxel lies (negative outside).
            axes: positions of the voxels, mm.
            radius_mm: of a ball of the lesion's volume.
            random: source of randomness.
        """
        hu = np.full(depth_mm.shape, self.mean_hu, np.float32)
        if self.grain_hu > 0:
            coarse, fine = (
                max(2.0, random.uniform(0.2, 0.45) * radius_mm),
                max(1.2, random.uniform(0.07, 0.15) * radius_mm),
            )
            share = random.uniform(0.4, 0.85)
            hu += self.grain_hu * np.sqrt(share) * random_field(axes, coarse, random)
            hu += self.grain_hu * np.sqrt(1 - share) * random_field(axes, fine, random)
        if self.texture == "cystic rim":
            hu = self._cystic(hu, depth_mm, axes, radius_mm, random)
        elif self.second_share > 0:
            hu = self._second_part(hu, depth_mm, axes, radius_mm, random)
        if self.calcified:
            hu = _specks(hu, depth_mm, axes, radius_mm, random)
        return hu

    def _second_part(
        self, hu: FloatImage, depth: FloatImage, axes: Axes, radius: float, random: np.random.Generator
    ) -> FloatImage:
        """Necrosis and scars lie in the middle, fat anywhere; borders are ragged, some sharp and some gradual."""
        field = random_field(axes, max(2.0, random.uniform(0.22, 0.4) * radius), random)
        field += 0.45 * random_field(axes, max(1.2, 0.13 * radius), random)
        toward_middle = {"central scar": 5.0, "necrotic": random.uniform(1.5, 4.0), "heterogeneous": 1.0}
        field += toward_middle.get(self.texture, 0.3) * depth / radius
        inside = depth > 0
        if not inside.any():
            return hu
        border = np.quantile(field[inside], 1 - self.second_share)
        share = 1 / (1 + np.exp(-np.clip((field - border) * random.uniform(4, 12), -30, 30)))
        ragged = self.second_hu + 0.35 * self.grain_hu * random_field(axes, max(1.5, 0.25 * radius), random)
        return np.asarray(hu + share * (ragged - hu), np.float32)

    def _cystic(
        self, hu: FloatImage, depth: FloatImage, axes: Axes, radius: float, random: np.random.Generator
    ) -> FloatImage:
        """Fluid inside an enhancing wall with septa and, at times, nodules on it."""
        wall = random.uniform(1.5, 4.5) * (1 + 0.5 * random_field(axes, max(2.0, 0.3 * radius), random))
        solid = 1 / (1 + np.exp(np.clip((depth - wall) / 0.5, -30, 30)))
        for _ in range(int(random.integers(0, 4))):
            sheet = np.abs(random_field(axes, max(3.0, 0.55 * radius), random)) * 0.6 * radius
            solid = np.maximum(solid, np.clip(1.5 - sheet / random.uniform(0.8, 1.8), 0, 1))
        if random.random() < 0.6:
            lumps = random_field(axes, max(2.0, 0.3 * radius), random) - 2.5 * depth / radius
            solid = np.maximum(solid, 1 / (1 + np.exp(-np.clip((lumps - random.uniform(-0.2, 0.8)) * 6, -30, 30))))
        return np.asarray(self.second_hu + solid * (hu - self.second_hu), np.float32)


def _specks(hu: FloatImage, depth: FloatImage, axes: Axes, radius: float, random: np.random.Generator) -> FloatImage:
    """A few grains or plates of calcium, mostly toward the rim."""
    inside = np.argwhere(depth > min(1.0, 0.2 * radius))
    if not len(inside):
        return hu
    hu = hu.copy()
    for _ in range(int(random.integers(1, 6))):
        k, j, i = inside[int(random.integers(len(inside)))]
        offsets = [axis - axis[at] for axis, at in zip(axes, (k, j, i), strict=True)]
        sizes = random.uniform(0.7, 2.2, 3)
        rows = [np.exp(-0.5 * (offset / size) ** 2) for offset, size in zip(offsets, sizes, strict=True)]
        hu += random.uniform(120, 600) * rows[0][:, None, None] * rows[1][:, None] * rows[2]
    return np.asarray(hu, np.float32)


def tumor_content(tissue: Tissue, diameter_mm: float, random: np.random.Generator) -> Content:
    """A tumor's inside, drawn by how often each kind is met."""
    names = list(_TUMOR_SHARES)
    shares = np.array([_TUMOR_SHARES[name] for name in names])
    if diameter_mm < 15:  # too small to be seen in parts
        shares[[names.index("necrotic"), names.index("central scar"), names.index("cystic rim")]] *= 0.3
    if diameter_mm > 60:
        shares[[names.index("heterogeneous"), names.index("necrotic")]] *= 2
    texture = names[int(random.choice(len(names), p=shares / shares.sum()))]
    calcified = bool(random.random() < _CALCIFIED_SHARE)
    mean, grain = _solid_hu(texture, tissue, random)
    if diameter_mm < 20:
        grain *= 0.6
    second, share = _second(texture, mean, tissue, random)
    return Content("tumor", texture, mean, grain, second, share, calcified)


def _solid_hu(texture: Texture, tissue: Tissue, random: np.random.Generator) -> tuple[float, float]:
    """Mean and unevenness of the solid part."""
    kidney = tissue.kidney_hu
    if tissue.phase is Phase.NON_CONTRAST:
        if texture == "hemorrhagic":
            return random.uniform(50, 75), random.uniform(3, 9)
        mean = kidney + random.uniform(-4, 5) if texture == "isodense" else random.uniform(20, 45)
        return mean, random.uniform(1.5, 6)
    late = 0.75 if tissue.phase is Phase.EXCRETORY else 1.0
    low, high, grain = {
        "heterogeneous": (-65, 25, (10, 26)),
        "necrotic": (-60, 25, (10, 24)),
        "solid": (-120, -55, (3, 9)),
        "central scar": (-70, 5, (5, 11)),
        "isodense": (-12, 10, (2, 7)),
        "cystic rim": (-70, 0, (6, 15)),
        "hemorrhagic": (-200, -200, (5, 12)),
        "fat-containing": (-90, -20, (10, 20)),
    }[texture]
    mean = kidney + late * random.uniform(low, high)
    if texture == "isodense":
        mean = random.choice([kidney, tissue.cortex_hu]) + random.uniform(low, high)
    if texture == "hemorrhagic":
        mean = random.uniform(50, 80)
    return float(max(mean, random.uniform(28, 45))), float(random.uniform(*grain))


def _second(texture: Texture, mean: float, tissue: Tissue, random: np.random.Generator) -> tuple[float, float]:
    """HU and share of the other part."""
    bare = tissue.phase is Phase.NON_CONTRAST
    if texture == "necrotic":
        return float(random.uniform(10, min(40, mean))), float(random.uniform(0.12, 0.5))
    if texture == "heterogeneous":
        darker = random.uniform(15, 60) * (0.2 if bare else 1)
        return float(mean - darker), float(random.uniform(0.1, 0.5))
    if texture == "central scar":
        darker = random.uniform(20, 50) * (0.25 if bare else 1)
        return float(mean - darker), float(random.uniform(0.05, 0.2))
    if texture == "cystic rim":
        return float(random.uniform(2, 28)), 1.0
    if texture == "fat-containing":
        return float(random.uniform(-85, -15)), float(random.uniform(0.08, 0.7))
    if texture == "hemorrhagic":
        return float(mean - random.uniform(10, 30)), float(random.uniform(0.1, 0.5))
    return 0.0, 0.0


def cyst_content(tissue: Tissue, random: np.random.Generator) -> Content:
    """A cyst's inside: water, at times with protein or old blood."""
    if random.random() < _HYPERDENSE_SHARE:
        return Content("cyst", "hyperdense cyst", float(random.uniform(50, 90)), float(random.uniform(0, 3)))
    high = 20 if tissue.phase is Phase.NON_CONTRAST else 26
    return Content("cyst", "simple cyst", float(random.uniform(-5, high)), float(random.uniform(0, 2)))

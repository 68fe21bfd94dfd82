"""What a model promises and wants: `model.json` as frozen dataclasses.

Everything that changes what a model computes stands here, and nothing else decides it: not the file's name, not the
code that runs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """Which network, and with which arguments (see `networks.ARCHITECTURES`)."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InputContract:
    """What the network sees.

    Attributes:
        spacing_mm: in-plane size of a pixel, mm.
        slice_step_mm: slices nearer to each other than this are thinned out before the network; 0 keeps all.
        slices: 1 or 3: the slice, or the slice and two neighbors.
        neighbor_mm: wanted distance of the neighbors, mm; the nearest whole number of slices is taken, at least one.
        window_hu: values outside are cut off; the window's ends become -2 and 2.
        size_multiple: height and width are padded to a multiple of this.
    """

    spacing_mm: float
    slice_step_mm: float
    slices: int
    neighbor_mm: float
    window_hu: tuple[float, float]
    size_multiple: int = 32

    def neighbor_offset(self, slice_spacing_mm: float) -> int:
        """How many slices away the neighbors lie on a scan with this distance between slices."""
        return max(1, round(self.neighbor_mm / slice_spacing_mm))


@dataclass(frozen=True)
class Cleanup:
    """What a plausible answer looks like, in 3D. Chosen on validation data only.

    Attributes:
        located_min_share: bodies of kidney and masses of which the locating network saw less than this share are
            dropped: two networks at two scales rarely err at the same place. 0: whatever it saw.
        kidney_min_ml: smaller bodies of kidney and masses are dropped.
        parenchyma_min_ml: bodies with less kidney tissue than this are dropped: a mass lies in or on a kidney.
        minority_share: in a connected mass, tumor or cyst that makes up less than this share becomes the other: the
            rim between a tumor and fat looks like a cyst to a network, and is none.
        tumor_min_ml, cyst_min_ml: smaller lesions become kidney.
        fluid_max_hu, fluid_max_uneven_hu: a tumor whose inner voxels have no more than this on average, and differ by
            no more than this beyond the image noise, is a cyst (simple cysts: -9 to 20 HU and even, Bosniak 2019,
            Silverman et al., Radiology 2019;292:475). A maximum of 0 HU: never.
        cyst_min_contrast_hu: a cyst whose inner voxels differ from the kidney around it by less than this becomes
            kidney: nobody could see it. A cyst that touches a tumor stays. 0 HU: never.
        tail_mm: what is thinner than this and reaches out of a lesion becomes kidney: thin tails hardly change a
            volume, but make the longest diameter far too long. What ends in a part of a lesion's size stays. 0: never.
        kidneys_max: at most so many bodies are kept, the largest first.
    """

    located_min_share: float
    kidney_min_ml: float
    parenchyma_min_ml: float
    minority_share: float
    tumor_min_ml: float
    cyst_min_ml: float
    kidneys_max: int
    fluid_max_hu: float = 0.0
    fluid_max_uneven_hu: float = 0.0
    cyst_min_contrast_hu: float = 0.0
    tail_mm: float = 0.0


@dataclass(frozen=True)
class Decision:
    """How probabilities become labels.

    Attributes:
        thresholds: by region.
        cleanup: what is dropped afterwards.
        smooth_mm: standard deviation of a Gaussian across slices, mm, before the thresholds: a network that sees slice
            by slice flickers between them. 0: none.
    """

    thresholds: dict[str, float]
    cleanup: Cleanup
    smooth_mm: float = 0.0


@dataclass(frozen=True)
class Locate:
    """How the kidneys are found before the fine pass.

    Attributes:
        model: name of the model folder beside this one that locates.
        margin_mm: added to every side of the found box.
    """

    model: str
    margin_mm: float = 20.0


@dataclass(frozen=True)
class WeightsFile:
    """The weights, safe to read: no code in them."""

    file: str
    sha256: str
    dtype: str
    bytes: int


@dataclass(frozen=True)
class Score:
    """One measured figure: what, on which data, from how many scans, with its interval (None: not computed)."""

    what: str
    on: str
    n: int
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DataSource:
    """A training data set and its license."""

    name: str
    license: str
    patients: int


@dataclass(frozen=True)
class TrainingRecord:
    """How the weights were made; `fold` is the part of the split that was left out (None: none)."""

    data: tuple[DataSource, ...]
    recipe: str
    date: str
    seed: int
    steps: int
    encoder_start: str
    product_version: str
    fold: int | None = None


@dataclass(frozen=True)
class ModelContract:
    """All of `model.json`."""

    name: str
    version: str
    task: str
    modality: str
    title: str
    architecture: Architecture
    input: InputContract
    regions: tuple[str, ...]
    decision: Decision
    locate: Locate | None
    weights: WeightsFile | None
    training: TrainingRecord
    scores: tuple[Score, ...]
    limits: tuple[str, ...]
    license: str
    format: int = 1

"""What cannot be true in 3D goes: specks, a fourth kidney, masses without a kidney. What was removed is said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import CYST, KIDNEY, TUMOR
from ..checks.density import inner_density
from ..models.contract import Cleanup

_FAT_BELOW_HU = -10.0  # what is darker is no fluid but fat
_TOUCHING = np.ones((3, 3, 3), bool)  # 26 neighbors

Labels = npt.NDArray[np.uint8]


def clean_up(
    labels: Labels,
    voxel_ml: float,
    rules: Cleanup,
    seen: npt.NDArray[np.bool_] | None = None,
    scan: tuple[npt.NDArray[np.int16], tuple[float, float, float]] | None = None,
) -> tuple[Labels, tuple[str, ...]]:
    """Apply a model's clean-up rules.

    Args:
        labels: [k, j, i], values of `anatomy`.
        voxel_ml: volume of a voxel.
        rules: thresholds, from the model's contract.
        seen: where the locating network saw kidney or mass, same shape; None: it was not asked.
        scan: HU of the same voxels, and their spacing along k, j and i in mm; None: densities are not looked at.

    Returns:
        Cleaned labels (a new array), and sentences on what was removed that a reader may want to look at.
    """
    cleaned = labels.copy()
    notes = _drop_bodies(cleaned, voxel_ml, rules, seen)
    _one_label_a_mass(cleaned, rules.minority_share)
    if scan is not None and rules.fluid_max_hu > 0:
        _fluid_is_a_cyst(cleaned, *scan, rules)
    _absorb_specks(cleaned, TUMOR.value, KIDNEY.value, rules.tumor_min_ml / voxel_ml)
    _absorb_specks(cleaned, CYST.value, KIDNEY.value, rules.cyst_min_ml / voxel_ml)
    return cleaned, notes


def _drop_bodies(
    labels: Labels, voxel_ml: float, rules: Cleanup, seen: npt.NDArray[np.bool_] | None
) -> tuple[str, ...]:
    """Connected bodies of kidney and masses: small ones, unseen ones and those without kidney tissue go."""
    bodies, count = ndimage.label(labels > 0, _TOUCHING)
    if not count:
        return ()
    total_ml = np.bincount(bodies.ravel(), minlength=count + 1) * voxel_ml
    kidney_ml = np.bincount(bodies[labels == KIDNEY.value], minlength=count + 1) * voxel_ml
    total_ml[0] = kidney_ml[0] = 0
    plausible = (total_ml >= rules.kidney_min_ml) & (kidney_ml >= rules.parenchyma_min_ml)
    if seen is not None:
        seen_ml = np.bincount(bodies[seen], minlength=count + 1) * voxel_ml
        plausible &= seen_ml >= rules.located_min_share * total_ml
    largest = np.argsort(-np.where(plausible, total_ml, 0))[: rules.kidneys_max]
    keep = np.zeros(count + 1, bool)
    keep[largest] = plausible[largest]
    labels[~keep[bodies]] = 0
    dropped = [float(total_ml[n]) for n in range(1, count + 1) if not keep[n] and total_ml[n] >= rules.kidney_min_ml]
    if not dropped:
        return ()
    each = ", ".join(f"{size:.0f} mL" for size in sorted(dropped, reverse=True))
    return (f"Something kidney-like was left out because it does not look like a kidney with its masses ({each}).",)


def _one_label_a_mass(labels: Labels, minority_share: float) -> None:
    """In each connected mass, a label that makes up less than the share becomes the other, in place."""
    bodies, count = ndimage.label((labels == TUMOR.value) | (labels == CYST.value), _TOUCHING)
    if not count:
        return
    total = np.maximum(np.bincount(bodies.ravel(), minlength=count + 1), 1)
    tumor_share = np.bincount(bodies[labels == TUMOR.value], minlength=count + 1) / total
    inside = bodies > 0
    labels[inside & (tumor_share < minority_share)[bodies]] = CYST.value
    labels[inside & (tumor_share > 1 - minority_share)[bodies]] = TUMOR.value


def _fluid_is_a_cyst(
    labels: Labels, hu: npt.NDArray[np.int16], spacing_kji_mm: tuple[float, float, float], rules: Cleanup
) -> None:
    """Tumors that are as dark and as even as fluid become cysts, in place."""
    bodies, _ = ndimage.label(labels == TUMOR.value, _TOUCHING)
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        body = bodies[box] == number
        density = inner_density(body, hu[box], spacing_kji_mm)
        if density is None:
            continue
        if _FAT_BELOW_HU <= density.mean_hu <= rules.fluid_max_hu and density.uneven_hu <= rules.fluid_max_uneven_hu:
            labels[box][body] = CYST.value


def _absorb_specks(labels: Labels, value: int, into: int, least_voxels: float) -> None:
    """Bodies of one label that are too small become another label, in place."""
    bodies, count = ndimage.label(labels == value, _TOUCHING)
    if not count:
        return
    small = np.bincount(bodies.ravel(), minlength=count + 1) < least_voxels
    small[0] = False
    labels[small[bodies]] = into

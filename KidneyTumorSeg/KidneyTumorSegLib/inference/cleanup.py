"""What cannot be true in 3D goes: specks, a fourth kidney, masses without a kidney. What was removed is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import CYST, KIDNEY, TUMOR
from ..checks.density import AROUND_MM, inner_density, kidney_around_hu
from ..models.contract import Cleanup

_FAT_BELOW_HU = -10.0  # what is darker is no fluid but fat
_MOST_TAIL = 0.1  # of a lesion's volume; a thin tail has little
_TOUCHING = np.ones((3, 3, 3), bool)  # 26 neighbors

Labels = npt.NDArray[np.uint8]
Spacing = tuple[float, float, float]


def clean_up(
    labels: Labels,
    spacing_kji_mm: Spacing,
    rules: Cleanup,
    seen: npt.NDArray[np.bool_] | None = None,
    hu: npt.NDArray[np.int16] | None = None,
) -> tuple[Labels, tuple[str, ...]]:
    """Apply a model's clean-up rules.

    Args:
        labels: [k, j, i], values of `anatomy`.
        spacing_kji_mm: distance of voxel centers along the axes, mm.
        rules: thresholds, from the model's contract.
        seen: where the locating network saw kidney or mass, same shape; None: it was not asked.
        hu: of the same voxels; None: densities are not looked at.

    Returns:
        Cleaned labels (a new array), and sentences on what was removed that a reader may want to look at.
    """
    cleaned = labels.copy()
    voxel_ml = _voxel_ml(spacing_kji_mm)
    notes = _drop_bodies(cleaned, voxel_ml, rules, seen)
    _one_label_a_mass(cleaned, rules.minority_share)
    if hu is not None and rules.fluid_max_hu > 0:
        _fluid_is_a_cyst(cleaned, hu, spacing_kji_mm, rules)
    if hu is not None and rules.cyst_min_contrast_hu > 0:
        notes += _as_bright_as_kidney_is_kidney(cleaned, hu, spacing_kji_mm, rules)
    if rules.tail_mm > 0:
        for value, least_ml in ((TUMOR.value, rules.tumor_min_ml), (CYST.value, rules.cyst_min_ml)):
            _cut_tails(cleaned, value, spacing_kji_mm, rules.tail_mm, least_ml / voxel_ml)
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
    return _note("Something kidney-like was left out because it does not look like a kidney with its masses", dropped)


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


def _fluid_is_a_cyst(labels: Labels, hu: npt.NDArray[np.int16], spacing_kji_mm: Spacing, rules: Cleanup) -> None:
    """Tumors that are as dark and as even as fluid become cysts, in place."""
    bodies, _ = ndimage.label(labels == TUMOR.value, _TOUCHING)
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        body = bodies[box] == number
        density = inner_density(body, hu[box], spacing_kji_mm)
        if density is None:
            continue
        if _FAT_BELOW_HU <= density.mean_hu <= rules.fluid_max_hu and density.uneven_hu <= rules.fluid_max_uneven_hu:
            labels[box][body] = CYST.value


def _as_bright_as_kidney_is_kidney(
    labels: Labels, hu: npt.NDArray[np.int16], spacing_kji_mm: Spacing, rules: Cleanup
) -> tuple[str, ...]:
    """Cysts that cannot be told from the kidney around them become kidney, in place."""
    bodies, _ = ndimage.label(labels == CYST.value, _TOUCHING)
    voxel_ml = _voxel_ml(spacing_kji_mm)
    relabeled_ml = []
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        near = _with_margin(box, AROUND_MM, spacing_kji_mm)
        body = bodies[near] == number
        volume_ml = np.count_nonzero(body) * voxel_ml
        if volume_ml < rules.cyst_min_ml:
            continue  # a speck, which goes anyway
        if (ndimage.binary_dilation(body, _TOUCHING) & (labels[near] == TUMOR.value)).any():
            continue  # a part of a mass, however bright
        around_hu = kidney_around_hu(body, labels[near], hu[near], spacing_kji_mm)
        inner = inner_density(body, hu[near], spacing_kji_mm)
        own_hu = inner.mean_hu if inner else float(hu[near][body].mean())
        if around_hu is not None and abs(own_hu - around_hu) < rules.cyst_min_contrast_hu:
            labels[near][body] = KIDNEY.value
            relabeled_ml.append(volume_ml)
    return _note("What looked like a cyst is as bright as the kidney around it, and was left as kidney", relabeled_ml)


def _cut_tails(labels: Labels, value: int, spacing_kji_mm: Spacing, tail_mm: float, least_voxels: float) -> None:
    """Parts of a lesion that are thinner than `tail_mm` and reach out of it become kidney, in place.

    What lies within half of `tail_mm` of the morphological opening by a ball of that diameter stays, so that corners
    are not rounded. So does a thick end that has the size of a lesion, with the bridge that joins it to the rest. A
    lesion keeps its shape if it has no thicker part, or if so much would go that it is no tail.
    """
    bodies, _ = ndimage.label(labels == value, _TOUCHING)
    half_a_pixel = 0.5 * min(spacing_kji_mm)  # a distance is measured to the center of the first voxel outside
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        body = np.pad(bodies[box] == number, 1)
        core = ndimage.distance_transform_edt(body, sampling=spacing_kji_mm) - half_a_pixel >= tail_mm / 2
        if not core.any():
            continue
        thick = body & (ndimage.distance_transform_edt(~core, sampling=spacing_kji_mm) <= tail_mm)
        tail = _hanging_on(body, thick, least_voxels)
        if np.count_nonzero(tail) <= _MOST_TAIL * np.count_nonzero(body):
            labels[box][tail[1:-1, 1:-1, 1:-1]] = KIDNEY.value


def _hanging_on(
    body: npt.NDArray[np.bool_], thick: npt.NDArray[np.bool_], least_voxels: float
) -> npt.NDArray[np.bool_]:
    """What of a body is neither its largest thick piece, nor one of at least that size, nor a bridge between those."""
    pieces, count = ndimage.label(thick, _TOUCHING)
    sizes = np.bincount(pieces[thick], minlength=count + 1)
    large = [piece for piece in range(1, count + 1) if sizes[piece] >= min(least_voxels, sizes.max())]
    hanging, count = ndimage.label(body & ~np.isin(pieces, large), _TOUCHING)
    touched = np.zeros(count + 1, int)
    for piece in large:
        touched[np.unique(hanging[ndimage.binary_dilation(pieces == piece, _TOUCHING)])] += 1
    bridges = np.isin(hanging, np.flatnonzero(touched > 1))
    return np.asarray((hanging > 0) & ~bridges)


def _voxel_ml(spacing_kji_mm: Spacing) -> float:
    return float(np.prod(spacing_kji_mm)) / 1000.0


def _note(what: str, volumes_ml: Sequence[float]) -> tuple[str, ...]:
    """A sentence with the volumes, the largest first; none where there is nothing to tell of."""
    each = ", ".join(f"{ml:.0f} mL" if ml >= 10 else f"{ml:.1f} mL" for ml in sorted(volumes_ml, reverse=True))
    return (f"{what} ({each}).",) if volumes_ml else ()


def _with_margin(box: tuple[slice, ...], margin_mm: float, spacing_kji_mm: Spacing) -> tuple[slice, ...]:
    """A box with so much more on every side; beyond the array's end a slice takes what there is."""
    rims = [int(np.ceil(margin_mm / step)) for step in spacing_kji_mm]
    return tuple(slice(max(0, part.start - rim), part.stop + rim) for part, rim in zip(box, rims, strict=True))


def _absorb_specks(labels: Labels, value: int, into: int, least_voxels: float) -> None:
    """Bodies of one label that are too small become another label, in place."""
    bodies, count = ndimage.label(labels == value, _TOUCHING)
    if not count:
        return
    small = np.bincount(bodies.ravel(), minlength=count + 1) < least_voxels
    small[0] = False
    labels[small[bodies]] = into

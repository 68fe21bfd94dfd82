"""Is this volume a CT that can be segmented? Values are never changed here, only looked at.

What cannot be told: a file carries no modality, so an image with negative values in the range of CT passes. MR, PET,
label maps and pictures have no negative values; every real CT of an abdomen has (fat lies near -100 HU), even if it was
clipped to a narrow window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..volume import Volume, canonical
from .finding import Finding

SHEAR = 2e-3
"""Axes further from a right angle than this (as a cosine; 0.1 degrees) are sheared."""
SPACING_MM = (0.05, 25.0)
IN_PLANE_LIMIT_MM = 10.0
THICK_SLICES_MM = 5.0
FIELD_OF_VIEW_MM = (200.0, 700.0)
"""Across the body; outside of this the scan is unusual."""
LEAST_HEIGHT_MM = 120.0
"""Along the body: a kidney is 90 to 130 mm long."""
LEAST_RANGE_HU = 150.0
"""Between the darkest and the brightest: fat and soft tissue alone are this far apart."""
FEW_VALUES = 40
"""A scan has more different values than this; a label map has not."""
RAW_TISSUE_HU = (930.0, 1250.0)
"""Where fat, water and soft tissue lie if 1024 (or 1000) was added to HU."""
RAW_SHARE_OF_BODY, RAW_SHARE_OF_ALL = 0.5, 0.1
"""Of what is brighter than 300, and of all voxels: in HU only bone lies there, a few percent."""
_SAMPLES = 2_000_000


def check_volume(volume: Volume) -> tuple[Finding, ...]:
    """Look at a volume before anything is done with it.

    Returns:
        Warnings: thick slices, unusual field of view.

    Raises:
        InputError: it cannot be segmented: not three-dimensional, empty, one slice, an impossible or sheared geometry,
            NaN or infinity, constant, or not a CT in HU.
    """
    name = volume.source or "The volume"
    _refuse_shape(name, volume.voxels.shape)
    _refuse_geometry(name, volume.affine, volume.spacing)
    if volume.modality not in ("CT", ""):
        raise InputError(f"{name} is {_modality_words(volume.modality)}, not CT. Choose a CT scan.")
    _refuse_values(name, volume.voxels)
    return (*_thick_slices(volume), *_field_of_view(volume))


def _refuse_shape(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) == 4 and shape[-1] in (3, 4):
        raise InputError(
            f"{name} is in color ({shape[-1]} values per voxel); a CT has one gray value. Choose the CT scan."
        )
    if len(shape) != 3:
        raise InputError(f"{name} has {len(shape)} dimensions; a CT volume has 3. Choose a single volume.")
    if 0 in shape:
        raise InputError(f"{name} is empty: it has no voxels. Load the scan again.")
    if min(shape) < 2:
        raise InputError(f"{name} has only one slice; a whole scan of the kidneys is needed.")


def _refuse_geometry(name: str, affine: npt.NDArray[np.float64], spacing: tuple[float, float, float]) -> None:
    if not np.isfinite(affine).all():
        raise InputError(f"The position or spacing of {name} is not a number. Export the scan again.")
    if min(spacing) <= 0 or abs(np.linalg.det(affine[:3, :3] / np.array(spacing))) < 1e-3:
        raise InputError(
            f"The geometry of {name} is impossible: its axes do not span space, or a voxel has no size. "
            "Export the scan again."
        )
    if min(spacing) < SPACING_MM[0] or max(spacing) > SPACING_MM[1] or sorted(spacing)[1] > IN_PLANE_LIMIT_MM:
        size = " x ".join(f"{step:.3g}" for step in spacing)
        raise InputError(f"{name} has voxels of {size} mm, which no CT has; the unit may be wrong. Export it in mm.")
    direction = affine[:3, :3] / np.array(spacing)
    lean = np.abs(direction.T @ direction - np.eye(3)).max()
    if lean > SHEAR:
        degrees = np.degrees(np.arcsin(min(lean, 1.0)))
        raise InputError(
            f"The axes of {name} are not at right angles (sheared by {degrees:.1f} degrees, as from a tilted gantry). "
            "Give the DICOM folder, which is corrected when it is read, or resample the volume to a right-angled grid."
        )


def _refuse_values(name: str, voxels: npt.NDArray[Any]) -> None:
    if np.issubdtype(voxels.dtype, np.floating):
        bad = voxels.size - int(np.count_nonzero(np.isfinite(voxels)))
        if bad:
            raise InputError(
                f"{name} holds {bad} voxels that are no number (NaN or infinity). "
                "Replace them by -1024 (air) and try again."
            )
    low, high = float(voxels.min()), float(voxels.max())
    if low == high:
        raise InputError(f"{name} is blank: every voxel has the value {low:g}. Load the scan again.")
    sample = _sample(voxels)
    _refuse_raw_values(name, sample)
    if low >= 0:
        raise InputError(_without_negative_values(name, sample, high))
    dark, bright = np.percentile(sample, [0.1, 99.9])
    if bright - dark < LEAST_RANGE_HU and high - low < 2 * LEAST_RANGE_HU:
        raise InputError(
            f"{name} is not a CT in HU: its values run only from {low:.4g} to {high:.4g} (normalized or rescaled?). "
            "Give the original scan."
        )


def _refuse_raw_values(name: str, sample: npt.NDArray[Any]) -> None:
    """Refused, not warned of: with 1024 too much all tissue is bone to a network, and a result would mean nothing."""
    body = sample[sample > 300]
    tissue = np.count_nonzero((body > RAW_TISSUE_HU[0]) & (body < RAW_TISSUE_HU[1]))
    if tissue < max(RAW_SHARE_OF_BODY * body.size, RAW_SHARE_OF_ALL * sample.size):
        return
    raise InputError(
        f"{name} is not in HU: its soft tissue lies near {float(np.median(body)):.0f} instead of 50, so 1024 or so was "
        "added (raw values of the scanner). Subtract it, or export the scan with its rescale intercept."
    )


def _sample(voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """About two million voxels, evenly over the volume: enough to know the values."""
    step = max(1, round((voxels.size / _SAMPLES) ** (1 / 3)))
    return voxels[::step, ::step, ::step]


def _without_negative_values(name: str, sample: npt.NDArray[Any], high: float) -> str:
    """What an image without negative values is, most likely."""
    values = np.unique(sample)
    whole = bool((values == np.rint(values)).all())
    if whole and len(values) <= FEW_VALUES and high <= 255:
        return f"{name} is a label map (values 0 to {high:g}), not a scan. Choose the CT that it was drawn on."
    if whole and high <= 255:
        return (
            f"{name} has gray values from 0 to {high:g}, as a picture with 8 bits has; HU are needed. "
            "Give the original CT, not pictures of it."
        )
    return (
        f"{name} is not a CT in HU: it has no negative values (0 to {high:.4g}), but fat and air are negative in CT. "
        "It may be MR, PET or raw values of the scanner. Choose a CT scan."
    )


def _modality_words(modality: str) -> str:
    words = {"MR": "an MR scan", "PT": "a PET scan", "PET": "a PET scan", "US": "an ultrasound scan"}
    return words.get(modality, f"of the modality {modality}")


def _thick_slices(volume: Volume) -> tuple[Finding, ...]:
    thickest = max(volume.spacing)
    if thickest <= THICK_SLICES_MM + 0.05:
        return ()
    text = f"The slices lie {thickest:.1f} mm apart: lesions below {2 * thickest:.0f} mm may be missed or misjudged."
    return (Finding("thick-slices", "warning", text),)


def _field_of_view(volume: Volume) -> tuple[Finding, ...]:
    """Extent across and along the body; of an oblique scan along the axes nearest to these."""
    grid = canonical(volume)[0].grid
    across, depth, height = (n * step for n, step in zip(reversed(grid.shape), grid.spacing, strict=True))
    findings = []
    if not FIELD_OF_VIEW_MM[0] <= across <= FIELD_OF_VIEW_MM[1] or depth < FIELD_OF_VIEW_MM[0] / 2:
        text = (
            f"The field of view is unusual: {across:.0f} x {depth:.0f} mm. "
            "The result may be worse than on whole abdomens."
        )
        findings.append(Finding("field-of-view", "warning", text))
    if height < LEAST_HEIGHT_MM:
        text = f"The scan covers only {height:.0f} mm from foot to head: kidneys may be incomplete."
        findings.append(Finding("short-scan", "warning", text))
    return tuple(findings)

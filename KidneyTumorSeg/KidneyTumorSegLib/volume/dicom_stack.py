"""The slices of one DICOM series, as one volume on a right-angled, even grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .dicom import Series, SliceFile
from .grid import FloatArray
from .native import silenced
from .resample import even_stack, placed_slice
from .volume import Volume

AIR_HU = -1024.0
_SAME_PLACE_MM = 0.01
_EVEN_SHARE = 0.05
"""Slice positions may stray from even by this share of the distance: headers round them to 0.1 mm and worse."""
_SILENT_MM = 0.01
"""Straying less than this is not worth a word."""
_LARGEST_GAP_MM = 10.5
"""Slices further apart are not connected by a line: a lesion could hide between them."""
_STRAIGHT_PIXELS = 0.25
"""The stack may lean by this part of a pixel, over its whole length, and still be called straight."""
_STEEPEST_DEG = 45.0
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where slices lie and where they go.

    Attributes:
        depths: of the slices along the normal, rising, mm.
        wanted: depths of the result's slices.
        is_even: whether the slices lie at the wanted depths already.
        offsets: of each slice on the common canvas, in pixels (j, i); None: the stack is straight.
        canvas: (J, I) of the result.
        corner: world LPS of the result's voxel (0, 0, 0).
        notes: what is to be said.
    """

    depths: FloatArray
    wanted: FloatArray
    is_even: bool
    offsets: FloatArray | None
    canvas: tuple[int, int]
    corner: FloatArray
    notes: tuple[str, ...]


def read_series(series: Series) -> Volume:
    """The volume of a series: pixels are read once, slope and intercept applied slice by slice.

    CT becomes int16 HU, anything else float32. A leaning stack (gantry tilt) is moved slice by slice onto a
    right-angled grid, an uneven one onto an even grid; both linearly, and both are said in the notes.

    Raises:
        InputError: two slices at one place, a gap that cannot be filled, a stack that leans too much, a file that is
            damaged or cut off.
    """
    slices, notes = _without_copies(series)
    plan = _plan(series, slices)
    voxels, said = _pixels(series, slices, plan)
    if not plan.is_even:
        voxels = even_stack(voxels, plan.depths, plan.wanted)
    step = plan.wanted[1] - plan.wanted[0] if len(plan.wanted) > 1 else slices[0].thickness_mm or 1.0
    row, column = slices[0].axes
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack(
        [row * slices[0].pixel_mm[0], column * slices[0].pixel_mm[1], np.cross(row, column) * step]
    )
    affine[:3, 3] = plan.corner
    return Volume.of(voxels, affine, series.modality, series.name, (*notes, *plan.notes, *said))


def _without_copies(series: Series) -> tuple[list[SliceFile], tuple[str, ...]]:
    """The slices without second copies of the same image."""
    first = {image.uid: image for image in reversed(series.slices)}
    slices = [image for image in series.slices if first[image.uid] is image]
    notes: list[str] = []
    if len(slices) < series.slice_count:
        notes.append(f"Copies of the same image were left out: {series.slice_count - len(slices)}.")
    if series.unreadable:
        notes.append(f"DICOM files with damaged headers were left out: {_some(series.unreadable)}.")
    return slices, tuple(notes)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _plan(series: Series, slices: list[SliceFile]) -> _Plan:
    depths = np.array([image.depth_mm for image in slices])
    wanted, notes = _even_depths(series, slices, depths)
    offsets, canvas, start, tilt_notes = _canvas(series, slices, depths)
    row, column = slices[0].axes
    corner = slices[0].position + start[1] * slices[0].pixel_mm[0] * row + start[0] * slices[0].pixel_mm[1] * column
    is_even = len(wanted) == len(depths) and bool(np.abs(wanted - depths).max() <= _EVEN_SHARE * _step(depths))
    return _Plan(depths, wanted, is_even, offsets, canvas, corner, (*notes, *tilt_notes))


def _step(depths: FloatArray) -> float:
    return float(np.median(np.diff(depths))) if len(depths) > 1 else 1.0


def _even_depths(series: Series, slices: list[SliceFile], depths: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Even positions for the result, and what is to be said about it."""
    if len(depths) == 1:
        return depths, ()
    steps = np.diff(depths)
    if steps.min() <= _SAME_PLACE_MM:
        raise InputError(_twice(series, slices, steps))
    step = _step(depths)
    if steps.max() > max(_LARGEST_GAP_MM, 1.5 * step):
        before = slices[int(steps.argmax())]
        damaged = f" Files with damaged headers: {_some(series.unreadable)}." if series.unreadable else ""
        raise InputError(
            f"In {series.name} slices are missing: {steps.max():.1f} mm lie between {before.path.name} and the next "
            f"one, {step:.1f} mm elsewhere.{damaged} Export the whole series again."
        )
    count = round((depths[-1] - depths[0]) / step) + 1
    wanted = np.linspace(depths[0], depths[-1], count)
    if count == len(depths):
        astray = float(np.abs(wanted - depths).max())
        if astray <= _SILENT_MM:
            return wanted, ()
        if astray <= _EVEN_SHARE * step:
            return wanted, (f"The slice positions stray from even by up to {astray:.2f} mm; they were taken as even.",)
    true_step = float(wanted[1] - wanted[0])
    missing = count - len(depths)
    at_places = np.abs(depths[:, None] - wanted[None, :]).min(axis=1).max() <= _EVEN_SHARE * step
    if missing > 0 and at_places:
        were = "1 slice is" if missing == 1 else f"{missing} slices are"
        return wanted, (f"{were} missing in {series.name} and filled in linearly between the neighbors.",)
    return wanted, (
        f"The slices of {series.name} are unevenly spaced ({steps.min():.2f} to {steps.max():.2f} mm); "
        f"the volume was resampled to one slice every {true_step:.2f} mm.",
    )


def _twice(series: Series, slices: list[SliceFile], steps: FloatArray) -> str:
    at = int(steps.argmin())
    return (
        f"In {series.name} {int((steps <= _SAME_PLACE_MM).sum())} images lie where another one lies "
        f"(such as {slices[at].path.name} and {slices[at + 1].path.name}): probably several phases or reconstructions "
        "under one series. Export the one you want as its own series."
    )


def _canvas(
    series: Series, slices: list[SliceFile], depths: FloatArray
) -> tuple[FloatArray | None, tuple[int, int], FloatArray, tuple[str, ...]]:
    """Offsets (j, i) in pixels of the slices on a canvas that holds all, its shape, and where it starts."""
    reference = slices[0]
    from_first = np.array([image.position - reference.position for image in slices])
    shifts = (from_first @ reference.axes.T / np.array(reference.pixel_mm))[:, ::-1]
    shape = reference.shape
    if np.ptp(shifts, axis=0).max() <= _STRAIGHT_PIXELS:
        return None, shape, np.zeros(2), ()
    lean_mm = np.linalg.norm(from_first[-1] @ reference.axes.T)
    degrees = float(np.degrees(np.arctan2(lean_mm, depths[-1] - depths[0])))
    if degrees > _STEEPEST_DEG:
        raise InputError(
            f"The slices of {series.name} are shifted against each other by {lean_mm:.0f} mm over "
            f"{depths[-1] - depths[0]:.0f} mm; they do not form a volume. Export the original axial series."
        )
    start = np.floor(shifts.min(axis=0))
    extent = np.ceil(shifts.max(axis=0)) - start
    canvas = int(shape[0] + extent[0]), int(shape[1] + extent[1])
    note = (
        f"The slices of {series.name} lean by {degrees:.1f} degrees (gantry tilt); they were moved linearly onto a "
        "right-angled grid, and the segmentation lies on that grid."
    )
    return shifts - start, canvas, start, (note,)


def _pixels(series: Series, slices: list[SliceFile], plan: _Plan) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """[k, j, i] as stored, slope and intercept applied, moved onto the canvas."""
    is_ct = series.modality == "CT"
    voxels = np.empty((len(slices), *plan.canvas), np.int16 if is_ct else np.float32)
    clipped = 0
    for k, image in enumerate(slices):
        pixels = _read_pixels(image)
        if plan.offsets is not None:
            j, i = plan.offsets[k]
            pixels = placed_slice(pixels, (float(j), float(i)), plan.canvas, AIR_HU if is_ct else 0.0)
        if is_ct and pixels.dtype != np.int16:
            pixels, beyond = _whole_hu(pixels)
            clipped += beyond
        voxels[k] = pixels
    if not clipped:
        return voxels, ()
    return voxels, (f"Values beyond the range of HU that can be kept (+-32768) were set to its end: {clipped} voxels.",)


def _whole_hu(pixels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int]:
    """HU rounded and within 16 bits, and how many had to be clipped."""
    if np.issubdtype(pixels.dtype, np.floating):
        pixels = np.rint(pixels)
    if pixels.min() >= _INT16.min and pixels.max() <= _INT16.max:
        return pixels, 0
    beyond = int(np.count_nonzero((pixels < _INT16.min) | (pixels > _INT16.max)))
    return np.clip(pixels, _INT16.min, _INT16.max), beyond


def _read_pixels(image: SliceFile) -> npt.NDArray[Any]:
    """[j, i] after slope and intercept, of any transfer syntax that GDCM knows."""
    import SimpleITK

    name = image.path.name
    if image.path.stat().st_size < image.least_bytes:
        raise InputError(f"{name} is cut off: its pixels are not all there. Copy or export the series again.")
    try:
        with silenced():
            pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(image.path), imageIO="GDCMImageIO"))
    except RuntimeError as error:
        raise InputError(
            f"The pixels of {name} cannot be decoded. Copy the series again, or export it uncompressed."
        ) from error
    return np.asarray(pixels.reshape(image.shape))

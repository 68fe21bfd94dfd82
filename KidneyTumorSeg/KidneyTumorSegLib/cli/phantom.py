"""`phantom`: an artificial CT with its true labels, for trying things out without patient data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from . import console, options
from .whole_folder import whole_folder

if TYPE_CHECKING:
    from ..volume import Grid, LabelMap, Volume

Orientation = Literal["axial", "coronal", "sagittal", "oblique", "flipped"]
ORIENTATIONS: tuple[str, ...] = get_args(Orientation)

_AXES: dict[str, tuple[tuple[float, float, float], ...]] = {
    # LPS directions of i, j and k.
    "axial": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "coronal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "flipped": ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
}
_OBLIQUE_DEG = (20.0, 12.0)
"""The oblique scan is turned about the L axis, then about the S axis."""


def phantom(
    output: options.OutputFolder,
    dicom: Annotated[bool, typer.Option("--dicom", help="Write the CT as a DICOM series (folder 'dicom').")] = False,
    orientation: Annotated[Orientation, typer.Option("--orientation", help="How the scan's axes lie.")] = "axial",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Another patient: build, organs and lesions vary with the number.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Write an artificial CT of an abdomen, and its true labels."""
    from .. import export

    console.remark("Scanning the phantom.", quiet)
    volume, truth = scan(oriented_grid(orientation), seed)
    with whole_folder(output) as folder:
        if dicom:
            export.write_dicom_series(folder / "dicom", volume)
        else:
            export.write_volume(folder / "ct.nii.gz", volume)
        export.write_segmentation(folder / "truth.seg.nrrd", truth, reference_name="phantom")
    console.result(f"CT: {output / ('dicom' if dicom else 'ct.nii.gz')}")
    console.result(f"True labels: {output / 'truth.seg.nrrd'}")


def scan(grid: Grid, seed: int | None = None) -> tuple[Volume, LabelMap]:
    """The standard phantom (no seed), or a random one, on a grid.

    Returns:
        CT (int16 HU) and true labels.
    """
    import numpy as np

    from ..volume.phantom import random_phantom, standard_phantom

    patient = standard_phantom() if seed is None else random_phantom(np.random.default_rng(seed))
    return patient.scan(grid, seed=seed or 0)


def oriented_grid(orientation: str, spacing_mm: tuple[float, float, float] = (1.6, 1.6, 3.0)) -> Grid:
    """A grid around the phantom whose axes lie as named.

    Args:
        orientation: one of `ORIENTATIONS`.
        spacing_mm: along the array's own (i, j, k).
    """
    import numpy as np

    from ..volume import Grid
    from ..volume.phantom import phantom_grid

    upright = phantom_grid()
    extent_mm = np.array(upright.shape[::-1]) * upright.spacing  # along L, P, S
    if orientation == "oblique":
        tilt, turn = np.deg2rad(_OBLIQUE_DEG)
        about_l = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        about_s = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        direction = about_s @ about_l
    else:
        direction = np.array(_AXES[orientation], dtype=float).T
    count = np.rint(np.abs(direction.T) @ extent_mm / spacing_mm).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing_mm
    affine[:3, 3] = -affine[:3, :3] @ ((count - 1) / 2)
    return Grid((int(count[2]), int(count[1]), int(count[0])), affine)

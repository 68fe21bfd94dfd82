"""Volumes to image files."""

from __future__ import annotations

from pathlib import Path

from ..volume import Volume
from .atomic import atomic_write, known_ending
from .itk_image import refuse_sheared, write_image
from .nrrd_file import write_nrrd

VOLUME_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def write_volume(path: Path | str, volume: Volume) -> Path:
    """Write a volume with its values unchanged; the ending of the path says the format.

    NIfTI keeps positions in single precision (better than 0.001 mm), the others are exact.

    Args:
        path: `.nii.gz`, `.nii`, `.nrrd` or `.mha`.
        volume: any orientation, right-angled unless NRRD is written.

    Returns:
        The path that was written.

    Raises:
        UsageError: unknown ending.
        InputError: the folder is missing or cannot be written; or a sheared grid that the format cannot hold.
        EnvironmentProblem: the disk is full.
    """
    path = Path(path)
    ending = known_ending(path, VOLUME_ENDINGS)
    if ending != ".nrrd":
        refuse_sheared(volume.grid, path.name, "NIfTI" if ending.startswith(".nii") else "MetaImage")
    with atomic_write(path) as temporary:
        if ending == ".nrrd":
            write_nrrd(temporary, volume.voxels, volume.grid, {"modality": volume.modality})
        else:
            metadata = {"Modality": f"MET_MOD_{volume.modality}"} if ending == ".mha" else None
            write_image(temporary, volume.voxels, volume.grid, metadata)
    return path

"""Image files (NIfTI, NRRD, MetaImage) through SimpleITK: array, grid, and what the file says of itself."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .grid import FloatArray, Grid
from .native import plain_path, silenced

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""The image files that are read."""

_CHUNK = 1 << 20
_ORIENTATION_UNKNOWN = (
    "{name} does not say how the patient lies in it: left and right may be swapped. Compare with the original images."
)


@dataclass(frozen=True, eq=False)
class ImageFile:
    """What stands in an image file.

    Attributes:
        voxels: [k, j, i], in the file's own type, scaled as the file says.
        grid: shape and affine (ijk to LPS, mm).
        modality: "CT", "MR", "PT", ... if the file names it, else empty.
        notes: sentences for the user.
    """

    voxels: npt.NDArray[Any]
    grid: Grid
    modality: str
    notes: tuple[str, ...]


def is_image_file_name(path: Path) -> bool:
    """Whether the name ends like an image file that is read here."""
    return path.name.lower().endswith(ENDINGS)


def read_image_file(path: Path) -> ImageFile:
    """Read a volume from `.nii`, `.nii.gz`, `.nrrd`, `.nhdr`, `.mha` or `.mhd`.

    Raises:
        InputError: the file is empty, damaged, cut off, a picture, a time series, in color, or has an impossible
            geometry.
    """
    import SimpleITK

    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty (0 bytes). Copy or export it again.")
    with silenced(), plain_path(path) as readable:
        reader: Any = SimpleITK.ImageFileReader()  # type: ignore[no-untyped-call]
        reader.SetFileName(str(readable))
        try:
            reader.ReadImageInformation()
            shape = _three_axes(reader.GetSize(), reader.GetNumberOfComponents(), path.name)
            _refuse_cut_off_nifti(reader, path)
            if reader.GetPixelID() == SimpleITK.sitkFloat64:  # HU need no double precision, memory is dear
                reader.SetOutputPixelType(SimpleITK.sitkFloat32)
            image = reader.Execute()
        except RuntimeError as error:
            raise InputError(_sentence(path.name, str(error))) from error
        # A copy: SimpleITK's own view would outlive its image and point to freed memory.
        voxels = SimpleITK.GetArrayFromImage(image).reshape(shape)
    return ImageFile(voxels, Grid(shape, _affine(image)), _modality(image), _orientation_notes(image, path.name))


def _three_axes(size: tuple[int, ...], components: int, name: str) -> tuple[int, int, int]:
    """(K, J, I) of a volume."""
    if components > 1:
        raise InputError(
            f"{name} holds {components} values per voxel (color, or overlapping segments in layers); one is needed. "
            "Export the CT volume alone, or the segmentation as one label map."
        )
    if len(size) < 3:
        raise InputError(
            f"{name} is a single picture of {size[0]} x {size[-1]} pixels, not a volume. Give the whole scan."
        )
    if any(n > 1 for n in size[3:]):
        raise InputError(
            f"{name} has {len(size)} dimensions ({' x '.join(map(str, size))}): a series of volumes. "
            "Export one volume (one phase, one time point) and give that."
        )
    return size[2], size[1], size[0]


def _affine(image: Any) -> FloatArray:
    """ijk to LPS in mm; ITK's world is LPS already."""
    dimension = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(dimension, dimension)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing()[:3])
    affine[:3, 3] = image.GetOrigin()[:3]
    return affine


def _meta(image: Any, key: str) -> str:
    return str(image.GetMetaData(key)).strip() if image.HasMetaDataKey(key) else ""


def _modality(image: Any) -> str:
    """From a MetaImage header ("MET_MOD_CT"), or DICOM tags that were copied into the file."""
    named = _meta(image, "0008|0060") or _meta(image, "Modality") or _meta(image, "modality")
    named = named.upper().removeprefix("MET_MOD_")
    return "" if named in ("UNKNOWN", "OTHER") else named


def _orientation_notes(image: Any, name: str) -> tuple[str, ...]:
    is_nifti = bool(_meta(image, "nifti_type"))
    if is_nifti and _meta(image, "qform_code") == "0" and _meta(image, "sform_code") == "0":
        return (_ORIENTATION_UNKNOWN.format(name=name),)
    if _meta(image, "ITK_InputFilterName") == "NrrdImageIO" and not _meta(image, "NRRD_space"):
        return (_ORIENTATION_UNKNOWN.format(name=name),)
    return ()


def _refuse_cut_off_nifti(reader: Any, path: Path) -> None:
    """ITK's NIfTI reader fills what is missing with zeros and says nothing, so the length is proven here.

    Compressed files are unpacked once more for it, in pieces: that also proves the checksum.
    """
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        return
    bits = int(_meta_of(reader, "bitpix") or 0)
    start = int(float(_meta_of(reader, "vox_offset") or 0))
    needed = start + int(np.prod(reader.GetSize(), dtype=np.int64)) * bits // 8
    if name.endswith(".gz"):
        length = _unpacked_length(path)
    else:
        length = path.stat().st_size
    if length < needed:
        raise InputError(
            f"{path.name} is cut off: it holds {length / 1e6:.1f} of {needed / 1e6:.1f} MB. Copy or download it again."
        )


def _meta_of(reader: Any, key: str) -> str:
    return str(reader.GetMetaData(key)) if reader.HasMetaDataKey(key) else ""


def _unpacked_length(path: Path) -> int:
    length = 0
    try:
        with gzip.open(path, "rb") as packed:
            while piece := packed.read(_CHUNK):
                length += len(piece)
    except EOFError as error:
        raise InputError(
            f"{path.name} is cut off: its compressed data end too early. Copy or download it again."
        ) from error
    except gzip.BadGzipFile as error:
        if length == 0 and "Not a gzipped" in str(error):  # plain NIfTI with the wrong ending: ITK reads it
            return path.stat().st_size
        raise InputError(_damaged(path.name)) from error
    except zlib.error as error:
        raise InputError(_damaged(path.name)) from error
    return length


def _damaged(name: str) -> str:
    return f"{name} is damaged: its compressed data do not fit their checksum. Copy or download it again."


def _sentence(name: str, error: str) -> str:
    """What ITK's complaint means for the user."""
    lower = error.lower()
    if "orthonormal" in lower or "orthogonal" in lower:
        return (
            f"The axes of {name} are not at right angles (sheared, as from a tilted gantry). "
            "Resample it to a right-angled grid, for example with 'Resample Scalar Volume' in 3D Slicer."
        )
    if "zero-valued spacing" in lower or ("spacing" in lower and "zero" in lower):
        return f"{name} says that its voxels have no size (spacing 0). Export it again with the true spacing."
    if "determinant" in lower or "singular" in lower:
        return f"{name} has an impossible orientation: its axes do not span space. Export it again."
    if "couldn't open the first datafile" in lower or ("cannot be read" in lower and name.lower().endswith(".mhd")):
        return f"The voxels of {name} are missing or cut off: the data file that it names must lie whole beside it."
    return (
        f"{name} cannot be read as an image: it is damaged, cut off, or not what its ending says. "
        "Copy or export it again."
    )

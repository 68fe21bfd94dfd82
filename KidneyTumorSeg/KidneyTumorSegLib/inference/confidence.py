"""How sure the network is of each lesion: the mean probability of its kind over its voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import LESIONS, TUMOR
from ..checks import LesionConfidence
from ..volume import Grid

_TOUCHING = np.ones((3, 3, 3), bool)  # 26 neighbors, as lesions are counted


def lesion_confidences(
    labels: npt.NDArray[np.uint8], grid: Grid, slices: dict[int, npt.NDArray[np.float16]], regions: tuple[str, ...]
) -> Iterator[LesionConfidence]:
    """One for each tumor and cyst that a network slice goes through.

    A tumor's probability is that of the region tumor; a cyst's is that of the masses without the tumor. It is what the
    network says, not how often it is right: it was not calibrated.

    Args:
        labels: [k, j, i], as they are shown.
        grid: of the labels.
        slices: by slice number, the regions' probabilities at the network's resolution [regions, height, width], over
            the whole of a slice of the labels.
        regions: their ids.
    """
    columns = {region: n for n, region in enumerate(regions)}
    if not {"masses", "tumor"} <= set(columns) or not slices:
        return
    for lesion in LESIONS:
        bodies, count = ndimage.label(labels == lesion.value, _TOUCHING)
        if not count:
            continue
        total, voxels = np.zeros(count + 1), np.zeros(count + 1)
        for k, probabilities in slices.items():
            numbers = _at_network_resolution(bodies[k], probabilities.shape[1:])
            inside = numbers > 0
            tumor = probabilities[columns["tumor"]][inside].astype(np.float64)
            sure = tumor if lesion is TUMOR else probabilities[columns["masses"]][inside] * (1.0 - tumor)
            total += np.bincount(numbers[inside], sure, count + 1)
            voxels += np.bincount(numbers[inside], minlength=count + 1)
        boxes = ndimage.find_objects(bodies)
        for number in np.flatnonzero(voxels):
            box = boxes[number - 1]
            center = _inner_center(bodies[box] == number, box, grid)
            yield LesionConfidence(lesion.id, center, float(total[number] / voxels[number]))


def _at_network_resolution(plane: npt.NDArray[np.int32], size: tuple[int, int]) -> npt.NDArray[np.int32]:
    """The value under the middle of each of the network's pixels."""
    j, i = (
        np.minimum(((np.arange(n) + 0.5) * full / n).astype(int), full - 1)
        for n, full in zip(size, plane.shape, strict=True)
    )
    return plane[np.ix_(j, i)]


def _inner_center(body: npt.NDArray[np.bool_], box: tuple[slice, ...], grid: Grid) -> tuple[float, float, float]:
    """World position of the voxel in a body that is nearest to its centroid."""
    points = grid.world(np.argwhere(body) + [part.start for part in box])
    left, back, up = points[np.square(points - points.mean(axis=0)).sum(axis=1).argmin()]
    return float(left), float(back), float(up)

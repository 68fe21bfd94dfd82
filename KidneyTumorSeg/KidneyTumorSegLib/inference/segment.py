"""The journey's middle: a checked volume goes in, a label map on the same grid comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..checks import LesionConfidence
from ..errors import InputError
from ..models import ModelFolder
from ..progress import Progress
from ..settings import Settings
from ..volume import Box, LabelMap, Volume, canonical
from .cleanup import clean_up
from .device import choose_device
from .fine import FinePass
from .locate import Located, locate, slices_to_look_at
from .network_pass import NetworkPass

_GROW_MM = 30.0
_MOST_GROWTHS = 6
_CUT = "A kidney or mass goes on beyond the part of the scan that was searched closely: it may be cut off."
_STEP_FACTOR = {"fast": 2.0, "standard": 1.0, "best": 0.0}


@dataclass(frozen=True)
class Segmented:
    """The answer of the network.

    Attributes:
        label_map: on the input's own grid.
        box: that was looked at closely, on the canonical grid.
        notes: what the user should know, sentences.
        device: where it was computed at the end.
        precision: of the computation.
        confidences: of each tumor and cyst.
    """

    label_map: LabelMap
    box: Box
    notes: tuple[str, ...]
    device: str
    precision: str
    confidences: tuple[LesionConfidence, ...] = ()


def segment(volume: Volume, folder: ModelFolder, settings: Settings, progress: Progress) -> Segmented:
    """Segment kidneys, tumors and cysts.

    Args:
        volume: any orientation; not changed.
        folder: the model.
        settings: quality, device and box are used here.
        progress: told about slices that were really done; asked for cancel between batches.

    Raises:
        EnvironmentProblem: device, memory or model.
        InputError: the box asked for lies outside the scan.
        Cancelled: by the user.
    """
    contract = folder.contract
    upright, order = canonical(volume)
    progress.stage("Loading the model", 0.06)
    network, locator = load_networks(folder, settings)
    progress.advance()

    located = _locate(upright, settings, locator, contract.locate.margin_mm if contract.locate else 0.0, progress)
    step_mm = contract.input.slice_step_mm * _STEP_FACTOR[settings.quality]
    fine = FinePass(upright, contract, network, step_mm)
    box, is_whole = _run_and_grow(upright, fine, located, progress)

    progress.stage("Bringing labels to full resolution", 0.94, fine.slabs_in(box))
    fine.smooth(box)
    labels = fine.labels(box, progress)
    progress.stage("Cleaning up", 0.97)
    seen = located.seen_in(box, upright)
    rules, (i_mm, j_mm, k_mm) = contract.decision.cleanup, upright.spacing
    labels, removed = clean_up(labels, (k_mm, j_mm, i_mm), rules, seen, upright.voxels[box.slices])
    confidences = fine.confidences(box, labels)
    whole = np.zeros(upright.grid.shape, np.uint8)
    whole[box.slices] = labels
    label_map = LabelMap(np.ascontiguousarray(order.undo(whole)), volume.grid)
    unsure = () if located.sure else ("No kidney was found in the quick search; the whole scan was searched closely.",)
    cut = () if is_whole else (_CUT,)
    notes = (*unsure, *cut, *(locator.notes if locator else ()), *network.notes, *removed)
    return Segmented(label_map, box, notes, str(network.device), network.precision, confidences)


def load_networks(folder: ModelFolder, settings: Settings) -> tuple[NetworkPass, NetworkPass | None]:
    """The network and, unless a box is given, its locator, on the device; a second call answers at once."""
    device = choose_device(settings.device)
    network = NetworkPass(folder, device, mirrored=settings.quality == "best")
    locator = folder.locator() if settings.box_mm is None else None
    return network, NetworkPass(locator, device) if locator else None


def _locate(
    volume: Volume, settings: Settings, locator: NetworkPass | None, margin_mm: float, progress: Progress
) -> Located:
    if settings.box_mm is not None:
        box = Box.around_world(volume.grid, settings.box_mm)
        if box.is_empty():
            raise InputError("The box to search in lies outside the scan. Give it in mm (LPS), or leave it out.")
        return Located(box, sure=True)
    if locator is None:
        return Located(Box.whole(volume.grid), sure=True)
    entry = locator.contract.input
    progress.stage("Locating the kidneys", 0.2, len(slices_to_look_at(volume, entry.slice_step_mm)), "slices")
    return locate(volume, locator, entry.spacing_mm, entry.slice_step_mm, margin_mm, progress)


def _run_and_grow(volume: Volume, fine: FinePass, located: Located, progress: Progress) -> tuple[Box, bool]:
    """Run the fine pass; where kidney or mass touches the box's wall, grow the box there and run the new part.

    Returns:
        The last box, and whether nothing goes on beyond its walls.
    """
    box = located.box
    for growth in range(_MOST_GROWTHS + 1):
        missing = len(fine.missing_in(box))
        if growth == 0:
            progress.stage("Segmenting", 0.9, missing, "slices")
        else:
            progress.extend(missing)
        fine.run(box, progress)
        walls = fine.touched_walls(box)
        if not any(first or last for first, last in walls):
            return box, True
        by = [max(1, round(_GROW_MM / step)) for step in reversed(volume.spacing)]
        before = tuple(n * first for n, (first, _) in zip(by, walls, strict=True))
        behind = tuple(n * last for n, (_, last) in zip(by, walls, strict=True))
        if growth < _MOST_GROWTHS:
            box = box.grown(before, behind, volume.grid)
    return box, False

"""Runs a network over slices in batches: as many at once as fit, fewer when memory runs out, then on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import EnvironmentProblem
from ..models import LoadedModel, ModelContract, ModelFolder, load
from ..progress import Progress
from ..volume import Volume
from .device import physical_threads
from .prepare import normalize, pad_to_multiple, resample_in_plane

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_BYTES_PER_PIXEL = 3500
"""Memory that the default network takes for one pixel of one slice, measured generously."""
_MOST_SLICES = {"cpu": 8, "cuda": 64, "mps": 16}

_loaded: dict[tuple[str, str, str], LoadedModel] = {}


def loaded_model(folder: ModelFolder, device: torch.device) -> LoadedModel:
    """The model on the device; a second call with the same weights answers at once."""
    weights = folder.contract.weights
    key = (str(folder.path), weights.sha256 if weights else "", str(device))
    if key not in _loaded:
        _loaded[key] = load(folder, device)
    return _loaded[key]


class NetworkPass:
    """One model, one device, one scan.

    Args:
        folder: the model.
        device: where to compute; changes to the CPU when memory runs out.
        mirrored: average with the answer to the mirrored image.
    """

    def __init__(self, folder: ModelFolder, device: torch.device, *, mirrored: bool = False) -> None:
        import torch

        torch.set_num_threads(physical_threads())
        self._model = loaded_model(folder, device)
        self._mirrored = mirrored
        self._slices_at_once = _MOST_SLICES.get(device.type, 8)
        self.notes: list[str] = []

    @property
    def contract(self) -> ModelContract:
        """Of the model."""
        return self._model.folder.contract

    @property
    def device(self) -> torch.device:
        """Where it computes now."""
        return self._model.device

    @property
    def precision(self) -> str:
        """Of the computation. Always that of the loaded weights, "float32": in bfloat16 one scan got another mask
        (Dice 0.79 instead of 0.86), and a patient's mask must not depend on the computer or on its load."""
        return str(next(self._model.network.parameters()).dtype).removeprefix("torch.")

    def probabilities(
        self,
        volume: Volume,
        centers: list[int],
        window: tuple[slice, slice],
        size: tuple[int, int],
        progress: Progress,
    ) -> npt.NDArray[np.float16]:
        """Probability of each region in some slices of a canonical volume.

        Args:
            volume: canonical.
            centers: slice numbers (k).
            window: rows and columns to look at.
            size: height and width of the window at the working spacing.
            progress: advanced by one a slice; asked for cancel between batches.

        Returns:
            [slices, regions, *size].

        Raises:
            EnvironmentProblem: even one slice does not fit into memory.
        """
        regions = len(self._model.folder.contract.regions)
        out = np.empty((len(centers), regions, *size), np.float16)
        done = 0
        while done < len(centers):
            progress.check_cancelled()
            part = centers[done : done + self._batch_for(size)]
            answer = self._with_back_off(lambda part=part: self._predict(volume, part, window, size))  # type: ignore[misc]
            if answer is None:
                continue
            out[done : done + len(part)] = answer
            done += len(part)
            progress.advance(len(part))
        return out

    def _batch_for(self, size: tuple[int, int]) -> int:
        """Slices at once: bounded by the device's free memory where it can be asked, and by earlier failures."""
        if self.device.type != "cuda":
            return self._slices_at_once
        import torch

        free, _ = torch.cuda.mem_get_info(self.device)
        return max(1, min(self._slices_at_once, int(free * 0.7) // (_BYTES_PER_PIXEL * size[0] * size[1])))

    def _with_back_off(self, predict: Callable[[], npt.NDArray[np.float16]]) -> npt.NDArray[np.float16] | None:
        """The answer, or None if memory ran out and smaller batches or the CPU should be tried."""
        import torch

        try:
            return predict()
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            logger.warning("Out of memory on %s with %d slices at once", self.device, self._slices_at_once)
        if self._slices_at_once > 1:
            self._slices_at_once //= 2
        elif self.device.type != "cpu":
            self.notes.append(
                f"The memory of the device {self.device} did not suffice; the scan was segmented on the CPU, "
                "which takes longer."
            )
            self._model = loaded_model(self._model.folder, torch.device("cpu"))
            self._slices_at_once = _MOST_SLICES["cpu"]
        else:
            raise EnvironmentProblem(
                "The computer has not enough free memory to segment this scan, not even slice by slice. "
                "Close other programs, or crop the scan around the kidneys."
            )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _predict(
        self, volume: Volume, centers: list[int], window: tuple[slice, slice], size: tuple[int, int]
    ) -> npt.NDArray[np.float16]:
        import torch

        with torch.inference_mode():
            batch = self._stacks(volume, centers, window, size)
            answer = self._model.network(batch).sigmoid()
            if self._mirrored:
                answer = (answer + self._model.network(batch.flip(-1)).sigmoid().flip(-1)) / 2
            cut = answer[..., : size[0], : size[1]].to(torch.float16).cpu().numpy()
        return np.asarray(cut)

    def _stacks(
        self, volume: Volume, centers: list[int], window: tuple[slice, slice], size: tuple[int, int]
    ) -> torch.Tensor:
        """Slices with their neighbors as the network wants them: [n, slices, height, width], on the device."""
        import torch

        contract = self._model.folder.contract.input
        offset = contract.neighbor_offset(volume.spacing[2])
        around = (-offset, 0, offset) if contract.slices == 3 else (0,)
        last = volume.grid.shape[0] - 1
        wanted = [[min(max(k + step, 0), last) for step in around] for k in centers]
        needed = sorted({k for stack in wanted for k in stack})
        rows, columns = window
        voxels = np.ascontiguousarray(volume.voxels[needed, rows, columns])
        hu = torch.from_numpy(voxels).to(self.device).float()
        planes = normalize(resample_in_plane(hu, size), contract.window_hu)
        place = {k: n for n, k in enumerate(needed)}
        index = torch.tensor([[place[k] for k in stack] for stack in wanted], device=self.device)
        return pad_to_multiple(planes[index], contract.size_multiple).contiguous(memory_format=torch.channels_last)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means memory: torch's CPU allocator and MPS raise a plain RuntimeError with these words."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error).lower() for words in ("out of memory", "can't allocate memory", "not enough memory"))

"""A run tells the truth about its progress, stops when asked, and survives a lack of memory."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch

from KidneyTumorSegLib.errors import Cancelled, EnvironmentProblem, InputError, UsageError
from KidneyTumorSegLib.inference import network_pass, segment
from KidneyTumorSegLib.inference.device import choose_device
from KidneyTumorSegLib.models import LoadedModel, ModelFolder
from KidneyTumorSegLib.progress import Progress, Step
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Volume

CPU = Settings(device="cpu")


def test_progress_counts_every_slice_and_never_falls(random_model: ModelFolder, textured_volume: Volume) -> None:
    steps: list[Step] = []
    segment(textured_volume, random_model, CPU, Progress(steps.append))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    slices = [step for step in steps if step.stage == "Segmenting"]
    assert (slices[-1].done, slices[-1].total, slices[-1].unit) == (18, 18, "slices")


def test_cancel_ends_the_run_within_one_batch(random_model: ModelFolder, textured_volume: Volume) -> None:
    seen: list[Step] = []

    def asked_after_the_first_slices() -> bool:
        return any(step.stage == "Segmenting" and step.done > 0 for step in seen)

    with pytest.raises(Cancelled):
        segment(textured_volume, random_model, CPU, Progress(seen.append, asked_after_the_first_slices))
    done = [step.done for step in seen if step.stage == "Segmenting"]
    assert max(done) <= 8


class _Greedy(torch.nn.Module):
    """Runs out of memory when more than `most` slices come at once."""

    def __init__(self, network: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most = network, most
        self.seen: list[int] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(batch))
        if len(batch) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.network(batch)


def _with_greedy(monkeypatch: pytest.MonkeyPatch, folder: ModelFolder, most: int) -> _Greedy:
    loaded = network_pass.loaded_model(folder, choose_device("cpu"))
    greedy = _Greedy(loaded.network, most)
    monkeypatch.setattr(
        network_pass, "loaded_model", lambda folder, device: LoadedModel(folder, greedy, choose_device("cpu"))
    )
    return greedy


def test_out_of_memory_halves_the_batch_and_gives_the_same_labels(
    random_model: ModelFolder, textured_volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = segment(textured_volume, random_model, CPU, Progress()).label_map.labels
    greedy = _with_greedy(monkeypatch, random_model, most=2)
    answer = segment(textured_volume, random_model, CPU, Progress()).label_map.labels
    assert greedy.seen[:3] == [8, 4, 2]
    assert np.array_equal(answer, expected)


def test_no_memory_at_all_is_said_in_a_sentence(
    random_model: ModelFolder, textured_volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_greedy(monkeypatch, random_model, most=0)
    with pytest.raises(EnvironmentProblem, match="not enough free memory"):
        segment(textured_volume, random_model, CPU, Progress())


def test_an_error_that_is_not_about_memory_is_not_swallowed(
    random_model: ModelFolder, textured_volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    greedy = _with_greedy(monkeypatch, random_model, most=99)
    greedy.network = torch.nn.Identity()
    monkeypatch.setattr(greedy, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        segment(textured_volume, random_model, CPU, Progress())


def test_a_box_in_the_world_limits_the_search(random_model: ModelFolder, textured_volume: Volume) -> None:
    low, high = textured_volume.grid.world([4, 10, 12]), textured_volume.grid.world([12, 40, 60])
    bounds = (low[0], high[0], low[1], high[1], low[2], high[2])
    segmented = segment(textured_volume, random_model, Settings(device="cpu", box_mm=bounds), Progress())
    # The random network finds something everywhere, so the box grows; it must hold what was asked for.
    assert all(a <= b for a, b in zip(segmented.box.start, (4, 10, 12), strict=True))
    assert all(a >= b for a, b in zip(segmented.box.stop, (13, 41, 61), strict=True))


def test_a_box_outside_the_scan_is_refused(random_model: ModelFolder, textured_volume: Volume) -> None:
    settings = Settings(device="cpu", box_mm=(5000.0, 5100.0, 0.0, 50.0, 0.0, 50.0))
    with pytest.raises(InputError, match="outside the scan"):
        segment(textured_volume, random_model, settings, Progress())


def test_a_device_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(EnvironmentProblem, match=r"'cuda:97' is not available .*cpu"):
        choose_device("cuda:97")
    with pytest.raises(UsageError, match="'tpu' is not known"):
        choose_device("tpu")


def test_a_mass_that_goes_on_beyond_the_last_box_is_said(
    random_model: ModelFolder, textured_volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = textured_volume.grid.world([8, 20, 30]), textured_volume.grid.world([9, 30, 40])
    bounds = (low[0], high[0], low[1], high[1], low[2], high[2])
    settings = Settings(device="cpu", box_mm=bounds)
    sentence = "goes on beyond the part of the scan"
    grown = segment(textured_volume, random_model, settings, Progress())
    assert not any(sentence in note for note in grown.notes)
    # The room exports the function under its module's name, so the module is asked for by name.
    monkeypatch.setattr(import_module("KidneyTumorSegLib.inference.segment"), "_MOST_GROWTHS", 0)
    stopped = segment(textured_volume, random_model, settings, Progress())
    assert any(sentence in note for note in stopped.notes)


def test_a_run_computes_in_single_precision_whatever_would_be_faster(
    random_model: ModelFolder, textured_volume: Volume
) -> None:
    assert segment(textured_volume, random_model, CPU, Progress()).precision == "float32"

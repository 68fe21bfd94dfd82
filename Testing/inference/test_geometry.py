"""Where a voxel is in the array never changes what it is."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from KidneyTumorSegLib.inference import segment
from KidneyTumorSegLib.models import ModelFolder
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Reorder, Volume

ALL_48 = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]
CPU = Settings(device="cpu")


def test_all_48_axis_orders_and_flips_give_identical_labels_in_world_space(
    random_model: ModelFolder, textured_volume: Volume
) -> None:
    expected = segment(textured_volume, random_model, CPU, Progress()).label_map.labels
    counts = np.bincount(expected.ravel(), minlength=4)
    assert (counts > 50).all(), f"the labels must be a patchwork for this to be a test: {counts}"
    for axes, flipped in ALL_48:
        order = Reorder(axes, tuple(n for n in range(3) if flipped[n]))
        stored = Volume(order.apply(textured_volume.voxels), order.apply_to_grid(textured_volume.grid))
        answer = segment(stored, random_model, CPU, Progress()).label_map
        assert answer.grid is stored.grid
        assert np.array_equal(answer.labels, order.apply(expected)), (axes, flipped)


def test_an_oblique_volume_is_labeled_on_its_own_grid(random_model: ModelFolder, textured_volume: Volume) -> None:
    angle = np.deg2rad(25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    tilted = Volume.of(textured_volume.voxels, turn @ textured_volume.affine)
    straight = segment(textured_volume, random_model, CPU, Progress()).label_map
    answer = segment(tilted, random_model, CPU, Progress()).label_map
    assert np.array_equal(answer.grid.affine, tilted.affine)
    assert np.array_equal(answer.labels, straight.labels)


def test_labels_are_not_shifted_by_going_to_the_working_spacing_and_back() -> None:
    """A ramp goes down to another spacing and back up: inside, every value is where it was."""
    import torch

    from KidneyTumorSegLib.inference.prepare import resample_in_plane

    ramp = torch.arange(96.0).repeat(1, 90, 1) * 2 + torch.arange(90.0)[None, :, None]
    there = resample_in_plane(ramp, (37, 51))
    back = resample_in_plane(there, (90, 96))
    error = (back - ramp)[:, 5:-5, 5:-5] / 2  # in columns: a shift of half a pixel would be 0.5
    assert error.abs().max() < 0.1
    assert abs(float(error.mean())) < 0.01


@pytest.mark.parametrize("stride_mm", [1.0, 3.0, 6.0, 9.0])
def test_thinned_slices_are_filled_in_between_their_neighbors(
    random_model: ModelFolder, textured_volume: Volume, stride_mm: float
) -> None:
    from KidneyTumorSegLib.inference.device import choose_device
    from KidneyTumorSegLib.inference.fine import FinePass
    from KidneyTumorSegLib.inference.network_pass import NetworkPass
    from KidneyTumorSegLib.volume import Box

    network = NetworkPass(random_model, choose_device("cpu"))
    fine = FinePass(textured_volume, random_model.contract, network, stride_mm)
    box = Box((1, 5, 6), (17, 50, 70))
    fine.run(box, Progress())
    labels = fine.labels(box, Progress())
    assert labels.shape == box.shape
    every = FinePass(textured_volume, random_model.contract, network, 0.0)
    every.run(box, Progress())
    full = every.labels(box, Progress())
    for k in fine.slices_in(box):
        assert np.array_equal(labels[k - 1], full[k - 1]), f"slice {k} was computed and must be as it is"


def test_smoothing_across_slices_leaves_what_is_alike_and_takes_a_lone_slice(
    random_model: ModelFolder, textured_volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from KidneyTumorSegLib.inference.device import choose_device
    from KidneyTumorSegLib.inference.fine import FinePass
    from KidneyTumorSegLib.inference.network_pass import NetworkPass
    from KidneyTumorSegLib.volume import Box

    def one_slice_is_all_tumor(
        self: NetworkPass, volume: Volume, centers: list[int], window: object, size: tuple[int, int], progress: Progress
    ) -> np.ndarray:
        answer = np.zeros((len(centers), 3, *size), np.float16)
        answer[:, 0] = 1.0
        answer[centers.index(9)] = 1.0
        return answer

    monkeypatch.setattr(NetworkPass, "probabilities", one_slice_is_all_tumor)
    contract = random_model.contract
    smoothing = replace(contract, decision=replace(contract.decision, smooth_mm=4.0))
    box = Box.whole(textured_volume.grid)
    tumor_slices = []
    for wanted in (contract, smoothing):
        fine = FinePass(textured_volume, wanted, NetworkPass(random_model, choose_device("cpu")), 0.0)
        fine.run(box, Progress())
        fine.smooth(box)
        labels = fine.labels(box, Progress())
        assert (labels > 0).all()
        tumor_slices.append(np.flatnonzero((labels == 2).any(axis=(1, 2))).tolist())
    assert tumor_slices == [[9], []]

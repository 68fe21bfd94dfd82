"""What the network is taught is what the labels say, no more and no less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from KidneyTumorSegLib.errors import UsageError
from KidneyTumorSegLib.training.augment import Augment
from KidneyTumorSegLib.training.case import Case, prepare
from KidneyTumorSegLib.training.channels import CHANNEL_IDS, channel_table, known_mask
from KidneyTumorSegLib.training.losses import masked_bce_and_dice
from KidneyTumorSegLib.training.recipe import read_recipe, recipes
from KidneyTumorSegLib.training.samples import Crops, collate
from KidneyTumorSegLib.training.sources import phantom_sources
from KidneyTumorSegLib.training.split import read_split


def test_labels_become_nested_regions_and_organs() -> None:
    table = channel_table()
    names = {label: {CHANNEL_IDS[c] for c in np.flatnonzero(table[label])} for label in (0, 1, 2, 3, 13, 20, 99)}
    assert names == {
        0: set(),
        1: {"kidney_and_masses"},
        2: {"kidney_and_masses", "masses", "tumor"},
        3: {"kidney_and_masses", "masses"},
        13: {"liver"},
        20: {"adrenal_glands"},
        99: set(),
    }


def test_a_channel_that_a_case_does_not_know_teaches_nothing() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    targets = (torch.rand(2, 3, 8, 8) < 0.3).float()
    known = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    masked_bce_and_dice(logits, targets, known).backward()
    assert logits.grad is not None
    touched = logits.grad.abs().sum(dim=(2, 3)) > 0
    assert torch.equal(touched, known > 0)


def test_the_loss_falls_to_nothing_for_a_perfect_answer_and_is_large_for_its_opposite() -> None:
    targets = torch.zeros(1, 1, 16, 16)
    targets[..., 4:12, 4:12] = 1
    perfect, opposite = (targets * 2 - 1) * 30, (1 - targets * 2) * 30
    known = torch.ones(1, 1)
    assert masked_bce_and_dice(perfect, targets, known) < 1e-3
    assert masked_bce_and_dice(opposite, targets, known) > 10


def test_an_unknown_channel_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="appendix"):
        known_mask(frozenset({"appendix"}))


def test_image_and_labels_are_moved_together() -> None:
    """The image is the label: after turning and zooming they must still agree."""
    labels = torch.zeros(6, 96, 96, dtype=torch.uint8)
    labels[:, 30:60, 40:70] = 1
    hu = torch.where(labels > 0, 2000.0, -900.0)[:, None].repeat(1, 3, 1, 1)
    image, mask = Augment(64, torch.Generator().manual_seed(4))(hu, labels, torch.full((6,), -3000.0))
    assert image.shape == (6, 3, 64, 64)
    agree = ((image[:, 1] > 500) == (mask == 1)).float().mean()
    assert agree > 0.99


def test_augmentation_repeats_with_the_same_seed() -> None:
    hu, labels, floor = (
        torch.randn(3, 3, 48, 48) * 100,
        torch.ones(3, 48, 48, dtype=torch.uint8),
        torch.full((3,), -200.0),
    )
    first, second = (Augment(32, torch.Generator().manual_seed(9))(hu, labels, floor)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert first.min() >= -200


def test_crops_repeat_go_on_where_they_stopped_and_hold_what_was_aimed_at() -> None:
    recipe = replace(read_recipe("kidney-locator"), aim={"lesion": 0.0, "kidney": 1.0})
    cases = [prepare(source, 3.0) for source in phantom_sources(2, seed=1)]
    crops = Crops(cases, recipe)
    stream = iter(crops)
    first = [next(stream) for _ in range(6)]
    crops.drawn = 3
    again = next(iter(crops))
    assert np.array_equal(again["hu"], first[3]["hu"])
    batch = collate(first)
    assert batch["hu"].shape == (6, 3, 192, 192)
    assert all((item["labels"] > 0).any() for item in first)


def test_no_patient_is_in_two_parts_of_the_split() -> None:
    split = read_split()
    parts = [split.validation, split.unused, *split.folds]
    assert len(frozenset().union(*parts)) == sum(len(part) for part in parts)
    assert all(len(part) >= 3 for part in split.folds)
    assert split.test(None) == frozenset()
    assert split.test(2) == split.folds[1]


@pytest.mark.parametrize("fold", [0, 4])
def test_a_fold_that_does_not_exist(fold: int) -> None:
    with pytest.raises(UsageError, match=f"no fold {fold}: the split has folds 1 to 3"):
        read_split().test(fold)


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_can_be_read(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert set(recipe.regions) <= set(CHANNEL_IDS)
    assert set(recipe.mix) == {"abdomen", "kits-volume", "kits-slice", "phantom"}


def test_a_phantom_case_is_known_for_its_regions_only() -> None:
    (case,) = (prepare(source, 3.0) for source in phantom_sources(1, seed=3))
    assert isinstance(case, Case)
    assert case.known == frozenset({"kidney_and_masses", "masses", "tumor"})
    assert case.hu.shape == case.labels.shape

"""What the network is taught is what the labels say, no more and no less."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from KidneyTumorSegLib.errors import UsageError
from KidneyTumorSegLib.resources import resource
from KidneyTumorSegLib.training.augment import Augment
from KidneyTumorSegLib.training.case import Case, prepare
from KidneyTumorSegLib.training.channels import CHANNEL_IDS, channel_table, known_mask
from KidneyTumorSegLib.training.losses import loss_of
from KidneyTumorSegLib.training.recipe import LOSSES, Recipe, read_recipe, recipes
from KidneyTumorSegLib.training.samples import Batches, Stream
from KidneyTumorSegLib.training.sources import phantom_sources
from KidneyTumorSegLib.training.split import read_split
from KidneyTumorSegLib.training.synthesis import ShapeBank
from KidneyTumorSegLib.training.variants import LANES, Variants

STRENGTH = read_recipe("unet-resnet34").augmentation


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


@pytest.mark.parametrize("loss", LOSSES)
def test_a_channel_that_a_case_does_not_know_teaches_nothing(loss: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    targets = (torch.rand(2, 3, 8, 8) < 0.3).float()
    known = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    loss_of(loss, logits, targets, known).backward()
    assert logits.grad is not None
    touched = logits.grad.abs().sum(dim=(2, 3)) > 0
    assert torch.equal(touched, known > 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_falls_to_nothing_for_a_perfect_answer_and_is_large_for_its_opposite(loss: str) -> None:
    targets = torch.zeros(1, 1, 16, 16)
    targets[..., 4:12, 4:12] = 1
    perfect, opposite = (targets * 2 - 1) * 30, (1 - targets * 2) * 30
    known = torch.ones(1, 1)
    assert loss_of(loss, perfect, targets, known) < 1e-3
    assert loss_of(loss, opposite, targets, known) > 10


def _gain_by_finding(loss: str, small_px: int) -> float:
    """How much the loss falls when a small tumor is found, in a batch where a huge one is found already."""
    targets = torch.zeros(2, 3, 64, 64)
    targets[0, :, 8:56, 8:56] = 1
    targets[1, :, 30 : 30 + small_px, 30 : 30 + small_px] = 1
    found = (targets * 2 - 1) * 4
    missed = found.clone()
    missed[1] = -4
    known = torch.ones(2, 3)
    return float(loss_of(loss, missed, targets, known) - loss_of(loss, found, targets, known))


def test_by_crop_a_small_lesion_is_not_drowned_by_a_huge_one() -> None:
    assert _gain_by_finding("bce+dice", 6) < 0.1
    assert _gain_by_finding("by-crop", 6) > 5 * _gain_by_finding("bce+dice", 6)


def test_by_crop_a_false_lesion_costs_where_there_is_none() -> None:
    nothing, known = torch.zeros(1, 3, 32, 32), torch.ones(1, 3)
    quiet = torch.full_like(nothing, -8.0)
    false = quiet.clone()
    false[..., 10:20, 10:20] = 8
    assert loss_of("by-crop", false, nothing, known) > loss_of("by-crop", quiet, nothing, known) + 0.05


def _organ_in_one_crop_of_eight() -> tuple[torch.Tensor, torch.Tensor]:
    """Targets and what is known: a small organ in one of eight crops, as a spleen or a stomach is."""
    targets, known = torch.zeros(8, len(CHANNEL_IDS), 64, 64), torch.ones(8, len(CHANNEL_IDS))
    targets[0, CHANNEL_IDS.index("stomach"), 20:44, 20:44] = 1
    return targets, known


def test_by_crop_it_pays_to_suspect_an_organ_that_most_crops_lack() -> None:
    """Where a network can tell an organ only a little from the rest, saying nothing at all must not be the best."""
    targets, known = _organ_in_one_crop_of_eight()
    none = torch.full_like(targets, -6.0)
    suspected = none + 3.0 * targets
    suspected[:, 3:] += 1.0  # unsure everywhere, for what looks like it
    assert loss_of("by-crop", suspected, targets, known) < loss_of("by-crop", none, targets, known)


def test_organs_together_weigh_half_a_region() -> None:
    targets, known = torch.zeros(1, len(CHANNEL_IDS), 8, 8), torch.ones(1, len(CHANNEL_IDS))
    wrong_region, wrong_organs = torch.full_like(targets, -30.0), torch.full_like(targets, -30.0)
    wrong_region[:, 0], wrong_organs[:, 3:] = 30, 30
    ratio = loss_of("bce", wrong_organs, targets, known) / loss_of("bce", wrong_region, targets, known)
    assert float(ratio) == pytest.approx(0.5)


def test_an_unknown_channel_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="appendix"):
        known_mask(frozenset({"appendix"}))


def test_image_and_labels_are_moved_together() -> None:
    """The image is the label: after turning and zooming they must still agree."""
    labels = torch.zeros(6, 96, 96, dtype=torch.uint8)
    labels[:, 30:60, 40:70] = 1
    hu = torch.where(labels > 0, 2000.0, -900.0)[:, None].repeat(1, 3, 1, 1)
    edges = torch.full((6,), -3000.0), torch.full((6,), 3000.0)
    image, mask = Augment(STRENGTH, 64, torch.Generator().manual_seed(4))(hu, labels, *edges)
    assert image.shape == (6, 3, 64, 64)
    agree = ((image[:, 1] > 500) == (mask == 1)).float().mean()
    assert agree > 0.99


def test_augmentation_repeats_with_the_same_seed() -> None:
    hu, labels = torch.randn(3, 3, 48, 48) * 100, torch.ones(3, 48, 48, dtype=torch.uint8)
    edges = torch.full((3,), -200.0), torch.full((3,), 150.0)
    first, second = (Augment(STRENGTH, 32, torch.Generator().manual_seed(9))(hu, labels, *edges)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert first.min() == -200
    assert first.max() == 150


@pytest.fixture(scope="module")
def phantoms() -> list[Case]:
    """Two synthetic abdomens under the name of real ones, so that they may be varied."""
    return [replace(prepare(source, 3.0), kind="abdomen") for source in phantom_sources(2, seed=1)]


def _batches(cases: list[Case], recipe: Recipe) -> Batches:
    variants = Variants(cases, recipe.mix, recipe.variation, ShapeBank.procedural(), recipe.seed)
    return Batches(cases, variants, recipe)


def test_a_batch_is_the_same_in_every_run_and_holds_what_was_aimed_at(phantoms: list[Case]) -> None:
    recipe = replace(read_recipe("unet-resnet34").quick(), aim={"lesion": 0.0, "kidney": 1.0})
    first = [_batches(phantoms, recipe)[number] for number in range(3)]
    again = _batches(phantoms, recipe)[2]
    assert torch.equal(again["hu"], first[2]["hu"])
    assert not torch.equal(first[1]["hu"], first[2]["hu"])
    assert first[0]["hu"].shape == (2, 3, 96, 96)
    assert all((labels > 0).any() for batch in first for labels in batch["labels"])


def test_devices_and_processes_share_the_batches_without_gap_or_repeat(phantoms: list[Case]) -> None:
    recipe = read_recipe("kidney-locator").quick()
    batches = _batches(phantoms, recipe)
    streams = [iter(Stream(batches, 5, device, 2)) for device in range(2)]
    numbers = [int(next(stream)["number"]) for _ in range(3) for stream in streams]
    assert numbers == [10, 11, 12, 13, 14, 15]
    loaded = iter(DataLoader(Stream(batches, 5, 1, 2), batch_size=None, num_workers=2))
    assert [int(next(loaded)["number"]) for _ in range(4)] == [11, 13, 15, 17]


def test_a_small_lesion_is_aimed_at_far_more_often_than_its_size_says(phantoms: list[Case]) -> None:
    labels = np.zeros((4, 60, 60), np.uint8)
    labels[1, 5:45, 5:45] = 2  # 1600 pixels
    labels[2, 50:54, 50:54] = 3  # 16 pixels
    case = replace(phantoms[0], hu=np.zeros(labels.shape, np.int16), labels=labels)
    recipe = replace(read_recipe("unet-resnet34").quick(), aim={"lesion": 1.0, "kidney": 0.0})
    recipe = replace(recipe, variation=replace(recipe.variation, share=0.0))
    batches = _batches([case], recipe)
    small = np.mean([bool((labels == 3).any()) for n in range(150) for labels in batches[n]["labels"]])
    assert 0.04 < small < 0.16  # 4 to 40 by the square root of the sizes; 1 % by the sizes


def test_a_recipe_without_organs_does_not_hear_of_them(phantoms: list[Case]) -> None:
    with_liver = [replace(case, known=case.known | {"liver"}) for case in phantoms]
    for organs in (True, False):
        recipe = replace(read_recipe("kidney-locator").quick(), organs=organs)
        known = _batches(with_liver, recipe)[0]["known"]
        assert bool(known[:, CHANNEL_IDS.index("liver")].all()) == organs
        assert known[:, :3].all()


def test_a_varied_case_serves_many_batches_and_then_gives_way(phantoms: list[Case]) -> None:
    recipe = read_recipe("unet-resnet34")
    variants = Variants(phantoms, recipe.mix, recipe.variation, ShapeBank.procedural(), seed=5)
    assert variants.for_batch(0) is variants.for_batch(LANES)
    later = [variants.for_batch(LANES * n) for n in range(40)]
    assert 3 <= len({id(case) for case in later}) <= 5


def test_cases_without_a_kidney_are_not_varied(phantoms: list[Case]) -> None:
    empty = [replace(case, labels=np.zeros_like(case.labels)) for case in phantoms]
    recipe = read_recipe("unet-resnet34")
    assert not Variants(empty, recipe.mix, recipe.variation, ShapeBank.procedural(), seed=5)


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


def test_a_recipe_with_a_loss_that_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    text = resource("Recipes", "unet-resnet34.toml").read_text(encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(re.sub('loss = ".*"', 'loss = "focal"', text), encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.toml names the loss 'focal'\. Known: bce, bce\+dice, by-crop"):
        read_recipe(str(file))


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

"""The other commands: phantom, demo, models, doctor, train; and the door that all of them go through."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from KidneyTumorSegLib import __version__, pipeline
from KidneyTumorSegLib.cli import doctor, options, phantom
from KidneyTumorSegLib.cli.main import app
from KidneyTumorSegLib.cli.whole_folder import whole_folder
from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.settings import QUALITIES
from KidneyTumorSegLib.volume import read_label_map, read_volume
from KidneyTumorSegLib.volume.phantom import standard_phantom

Command = Callable[..., Any]
GROUP = typer.main.get_command(app)


@pytest.mark.parametrize("name", sorted(GROUP.commands))
def test_every_command_explains_itself(name: str) -> None:
    answer = CliRunner().invoke(app, [name, "--help"])
    assert answer.exit_code == 0
    assert "Usage:" in answer.output


def test_the_version_is_told(command: Command) -> None:
    answer = command("--version")
    assert (answer.code, answer.out) == (0, f"KidneyTumorSeg {__version__}\n")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.perf_counter()\n"
        f"sys.path.insert(0, {str(Path(pipeline.__file__).parents[1])!r})\n"
        "from KidneyTumorSegLib.cli.main import main\n"
        "assert main(['--help']) == 0 and main(['segment', '--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'scipy', 'SimpleITK', 'pydicom', 'matplotlib', 'jsonschema', 'rich', 'slicer'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_qualities_offered_are_those_of_the_settings() -> None:
    assert get_args(options.Quality) == QUALITIES


def test_an_unexpected_error_is_a_sentence_and_a_traceback_only_with_debug(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a voxel of size zero")

    monkeypatch.setattr(pipeline, "run", broken)
    words = ["segment", scan_file, "-o", tmp_path / "out.nrrd", "--model", tiny_model, "--quiet"]
    answer = command(*words)
    assert answer.code == 5
    assert answer.err == (
        "Something went wrong inside KidneyTumorSeg (ZeroDivisionError: a voxel of size zero). "
        "Run the command again with --debug and report what it shows.\n"
    )
    answer = command(*words, "--debug")
    assert answer.code == 5
    assert "Traceback" in answer.err


def test_a_lack_of_memory_is_a_sentence(
    command: Command, scan_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pipeline, "run", greedy)
    answer = command("segment", scan_file, "-o", tmp_path / "out.nrrd", "--quiet")
    assert answer.code == 4
    assert "There is not enough memory for this scan." in answer.err


@pytest.mark.parametrize("orientation", phantom.ORIENTATIONS)
def test_the_phantom_is_the_same_patient_in_every_orientation(orientation: str) -> None:
    grid = phantom.oriented_grid(orientation, (5.0, 5.0, 5.0))
    _, truth = phantom.scan(grid)
    cyst = standard_phantom().cysts[0]
    center = grid.world(np.argwhere(truth.labels == 3)).mean(axis=0)
    assert np.abs(center - cyst.center).max() < 5.0
    assert truth.volume_ml(3) == pytest.approx(cyst.volume_ml, rel=0.25)


def test_the_axes_of_the_phantom_lie_as_named() -> None:
    assert np.allclose(phantom.oriented_grid("axial").direction, np.eye(3))
    assert np.allclose(phantom.oriented_grid("flipped").direction, -np.eye(3))
    assert np.allclose(phantom.oriented_grid("coronal").direction[:, 2], (0, 1, 0))
    assert np.allclose(phantom.oriented_grid("sagittal").direction[:, 2], (1, 0, 0))
    assert 5 < np.rad2deg(np.arccos(phantom.oriented_grid("oblique").direction[2, 2])) < 45


@pytest.fixture
def coarse_phantom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phantoms in large voxels, to save time."""
    fine = phantom.oriented_grid
    monkeypatch.setattr(phantom, "oriented_grid", lambda name: fine(name, (5.0, 5.0, 8.0)))
    monkeypatch.setattr("KidneyTumorSegLib.cli.demo.oriented_grid", lambda name: fine(name, (5.0, 5.0, 8.0)))


@pytest.mark.usefixtures("coarse_phantom")
def test_the_phantom_is_written_as_a_file_or_as_dicom_with_the_same_voxels(command: Command, tmp_path: Path) -> None:
    answer = command("phantom", "-o", tmp_path / "file", "--seed", 3, "--orientation", "coronal")
    assert answer.code == 0, answer.err
    assert str(tmp_path / "file" / "ct.nii.gz") in answer.out
    assert command("phantom", "-o", tmp_path / "folder", "--seed", 3, "--dicom", "--orientation", "coronal").code == 0
    from_file = read_volume(tmp_path / "file" / "ct.nii.gz")
    truth = read_label_map(tmp_path / "file" / "truth.seg.nrrd")
    from_dicom = read_volume(tmp_path / "folder" / "dicom")
    assert truth.grid.same_as(from_file.grid)
    assert np.array_equal(np.sort(from_file.voxels, axis=None), np.sort(from_dicom.voxels, axis=None))
    assert sorted(path.name for path in (tmp_path / "file").iterdir()) == ["ct.nii.gz", "truth.seg.nrrd"]


@pytest.mark.usefixtures("coarse_phantom")
def test_the_demo_writes_everything_and_says_where_and_what_it_is_not(
    command: Command, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    answer = command("demo", "-o", folder, "--model", tiny_model)
    assert answer.code == 0, answer.err
    assert str(folder) in answer.out
    assert "Dice against the phantom's truth: kidney 0." in answer.out
    assert "says nothing about its accuracy on patients" in answer.out
    names = ["ct.nii.gz", "preview.png", "segmentation.seg.nrrd", "truth.seg.nrrd", "volumes.csv", "volumes.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all(name in answer.out for name in names)
    rows = list(csv.DictReader((folder / "volumes.csv").read_text(encoding="utf-8").splitlines()))
    numbers = json.loads((folder / "volumes.json").read_text(encoding="utf-8"))
    assert [row["key"] for row in rows] == [quantity["key"] for quantity in numbers["quantities"]]
    assert all("_ml" in row["key"] or "_mm" in row["key"] for row in rows)
    assert numbers["record"]["model"] == "tiny"


def test_the_demo_on_a_given_ct_copies_no_ct_and_claims_no_dice(
    command: Command, scan_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    answer = command("demo", scan_file, "-o", tmp_path / "demo", "--model", tiny_model, "--json", "--quiet")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["synthetic_dice"] is None
    assert set(told["files"]) == {"segmentation", "preview", "volumes_csv", "volumes_json"}
    assert not (tmp_path / "demo" / "ct.nii.gz").exists()


def test_models_are_listed_from_the_users_folder(
    command: Command, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tiny_model, target_is_directory=True)
    monkeypatch.setenv("KIDNEYTUMORSEG_HOME", str(tmp_path))
    assert "tiny 1.2: A tiny model for tests\n" in command("models", "list").out
    told = json.loads(command("models", "list", "--json").out)
    assert "tiny" in [model["name"] for model in told["models"]]


def test_a_model_shows_its_scores_with_n_its_data_with_licenses_and_its_limits(
    command: Command, tiny_model: Path
) -> None:
    shown = command("models", "show", tiny_model).out
    assert "kidney Dice: 0.91 (0.9 to 0.92) on two held-out scans, n = 2" in shown
    assert "Data of A: 12 patients, CC BY 4.0" in shown
    assert "It has learned nothing." in shown
    assert "License of the weights: CC0" in shown


def test_a_whole_model_is_verified_and_a_changed_one_is_refused(
    command: Command, tiny_model: Path, tmp_path: Path
) -> None:
    assert command("models", "verify", tiny_model).out == "tiny 1.2: the weights are whole and genuine.\n"
    changed = tmp_path / "tiny"
    changed.mkdir()
    for file in tiny_model.iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    weights = bytearray((changed / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (changed / "weights.safetensors").write_bytes(weights)
    answer = command("models", "verify", changed)
    assert (answer.code, answer.out) == (4, "")
    assert len(answer.err.splitlines()) == 1


def test_the_doctor_finds_a_healthy_computer_healthy(command: Command, tiny_model: Path) -> None:
    answer = command("doctor", "--model", tiny_model, "--json")
    told = json.loads(answer.out)
    assert (answer.code, told["ok"]) == (0, True), answer.out
    assert {"device", "memory", "model", "torch", "current folder"} <= {check["what"] for check in told["checks"]}


def test_the_doctor_says_what_is_wrong_and_gives_4(command: Command) -> None:
    answer = command("doctor", "--model", "nobody", "--device", "cuda:99")
    assert answer.code == 4
    assert "BAD model" in answer.out
    assert "There is no model 'nobody'" in answer.out
    assert "BAD device" in answer.out
    assert "Something is wrong" in answer.out


def test_the_doctor_leaves_out_the_name_of_the_user() -> None:
    assert str(Path.home()) not in doctor._home_hidden(Path.home() / "scans")
    total = doctor.total_memory_bytes()
    assert total is None or total > 1e8


def test_training_without_data_or_recipe_is_refused(command: Command, tmp_path: Path) -> None:
    answer = command("train", "no-such-recipe", "--data", tmp_path, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "no-such-recipe" in answer.err
    answer = command("train", "unet-resnet34", "--data", tmp_path / "none", "-o", tmp_path / "out", "--quick")
    assert answer.code == 3, answer.err


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_folder(tmp_path / "a" / "b") as folder:
            (folder / "half.txt").write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("mine", encoding="utf-8")
    with whole_folder(tmp_path / "kept") as folder:
        (folder / "new.txt").write_text("new", encoding="utf-8")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["mine.txt", "new.txt"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(InputError, match=r"The folder .* cannot be written .* Choose another one"),
        whole_folder(tmp_path / "file" / "inside"),
    ):
        pass


def test_the_tests_need_the_source_tree(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("KidneyTumorSegLib.cli.test.resources_folder", lambda: tmp_path / "Resources")
    answer = command("test")
    assert answer.code == 4
    assert "The tests are in the source tree only." in answer.err

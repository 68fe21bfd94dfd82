"""Several devices: two processes of a CPU learn together as two graphics cards would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from KidneyTumorSegLib.errors import UsageError
from KidneyTumorSegLib.resources import resource
from KidneyTumorSegLib.training.devices import learning_devices
from KidneyTumorSegLib.volume import LabelMap, Volume

# Lightning starts the second process by running the script again, so it has to be one.
SCRIPT = """
import sys
from pathlib import Path
from KidneyTumorSegLib.errors import Cancelled
from KidneyTumorSegLib.training import Listener, fit, train

fit.half_type = lambda device: None  # else each process measures for itself what is faster
recipe, data, output, devices, stop_at = sys.argv[1:]

def step(done, total, loss):
    print(f"step {done} of {total}")
    if done == int(stop_at):
        raise Cancelled

try:
    print(train(recipe, Path(data), Path(output), devices=int(devices), listener=Listener(step)))
except Cancelled:
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def run(
    write_abdomen: Callable[..., tuple[Volume, LabelMap]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Trains a locator for four steps of four crops, two at a time."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "data").mkdir()
    for number in range(2):
        write_abdomen(folder / "data", f"own{number}", number)
    wanted = {"crop_px": 64, "phantoms": 2, "steps": 4, "batch": 4, "micro_batch": 2, "validate_every": 2, "ema": 0.0}
    recipe = resource("Recipes", "kidney-locator.toml").read_text(encoding="utf-8")
    for name, value in wanted.items():
        recipe, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", recipe)
        assert found == 1, name
    (folder / "kidney-locator.toml").write_text(recipe, encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")

    def run(output: Path, devices: int, stop_at: int = -1) -> subprocess.CompletedProcess[str]:
        words = [folder / "script.py", folder / "kidney-locator.toml", folder / "data", output, devices, stop_at]
        command = [sys.executable, *map(str, words)]
        # Sums are rounded otherwise with other numbers of threads, and Adam makes much of little.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300)

    return run


def test_two_devices_learn_what_one_would_and_one_of_them_tells(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Each takes one of a step's two batches. Normalization has its own statistics on each, so they are left out."""
    one, two = run(tmp_path / "one", 1), run(tmp_path / "two", 2)
    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    told = [f"step {n} of 4" for n in range(1, 5)]
    assert two.stdout.splitlines() == [*told, str(tmp_path / "two" / "kidney-locator")]
    learned = [load_file(tmp_path / name / "kidney-locator" / "weights.safetensors") for name in ("one", "two")]
    assert learned[0].keys() == learned[1].keys()
    for name, value in learned[0].items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            assert torch.allclose(value.float(), learned[1][name].float(), atol=1e-3), name


def test_a_wish_to_stop_reaches_both_devices(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    stopped = run(tmp_path / "out", 2, stop_at=2)
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stdout.splitlines() == ["step 1 of 4", "step 2 of 4"]
    assert "Traceback" not in stopped.stderr
    assert not (tmp_path / "out" / "kidney-locator").exists()


def test_more_devices_than_there_are_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [learning_devices(wanted) for wanted in (None, 1, 2)] == [2, 1, 2]
    with pytest.raises(UsageError, match=r"--devices 3: .* what this computer has \(graphics cards: 2\)"):
        learning_devices(3)


def test_without_a_graphics_card_one_process_learns_unless_more_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert [learning_devices(wanted) for wanted in (None, 2)] == [1, 2]
    with pytest.raises(UsageError, match="processors: 4"):
        learning_devices(5)


@pytest.mark.parametrize(("variable", "rank"), [("LOCAL_RANK", 0), ("LOCAL_RANK", 1), ("SLURM_PROCID", 3)])
def test_only_the_first_process_is_the_users(variable: str, rank: int) -> None:
    """Lightning's own variable for the processes that it starts, and that of a cluster."""
    code = "from KidneyTumorSegLib.training import helps_another_process as helps; print(helps())"
    ranks = {"RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"}
    environment = {name: value for name, value in os.environ.items() if name not in ranks}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, variable: str(rank)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == f"{rank > 0}\n"

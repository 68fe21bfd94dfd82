"""The worker process and the in-process runner behind one interface, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from KidneyTumorSegLib.errors import EnvironmentProblem, InputError, KidneyTumorSegError
from KidneyTumorSegLib.scene import process_runner, shared_array
from KidneyTumorSegLib.scene.process_runner import ProcessRunner
from KidneyTumorSegLib.scene.runner import InProcessRunner, WorkerDidNotStart
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Volume

STANDINS = Path(__file__).resolve().parent.parent / "standins"


class Listener:
    """Collects what a run tells."""

    def __init__(self):
        self.steps, self.results, self.errors, self.threads = [], [], [], set()

    def step(self, step):
        self.threads.add(threading.get_ident())
        self.steps.append(step)

    def done(self, result):
        self.threads.add(threading.get_ident())
        self.results.append(result)

    def error(self, error):
        self.threads.add(threading.get_ident())
        self.errors.append(error)

    @property
    def callbacks(self):
        return self.step, self.done, self.error


def pump_until(runner, condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        runner.pump()
        time.sleep(0.005)


def run(runner, volume, settings=None):
    listener = Listener()
    runner.start(volume, settings or Settings(), *listener.callbacks)
    pump_until(runner, lambda: not runner.is_running)
    return listener


def shared_files(process_id=None):
    folders = {shared_array._MEMORY_FOLDER, Path(tempfile.gettempdir())}
    mine = f"{shared_array.PREFIX}{process_id or os.getpid()}-*"  # other tests may run at the same time
    return {path for folder in folders if folder.is_dir() for path in folder.glob(mine)}


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    state = Path(f"/proc/{process_id}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture
def runner_of():
    """Makes process runners for a function of the fake pipeline; all must have given everything back at the end."""
    files, threads, runners = shared_files(), threading.active_count(), []

    def make(function):
        runners.append(ProcessRunner(f"fake_pipeline:{function}", [STANDINS]))
        return runners[-1]

    yield make
    ids = [runner.process_id for runner in runners]
    for runner in runners:
        runner.close()
    assert shared_files() == files
    assert threading.active_count() == threads
    assert not any(is_alive(process_id) for process_id in ids if process_id)


@pytest.fixture
def volume(scan):
    return Volume(scan[0].voxels, scan[0].grid, "CT", "Übersicht niña", ("a note",))


@pytest.fixture(params=["python", "launcher"])
def python(request, monkeypatch, tmp_path):
    """The worker's Python as it is, and behind a launcher as in Slicer."""
    if request.param == "launcher":
        import python_launcher

        path = python_launcher.install(tmp_path)
        monkeypatch.setattr(process_runner, "python_executable", lambda: path)


@pytest.fixture(params=["worker process", "in process"])
def any_runner_of(request, runner_of):
    if request.param == "worker process":
        return runner_of
    return lambda function: InProcessRunner(f"fake_pipeline:{function}")


def test_a_run_gives_the_result_of_the_pipeline_and_true_progress(any_runner_of, volume):
    import fake_pipeline

    from KidneyTumorSegLib.progress import Progress

    settings = Settings(quality="best", box_mm=(0, 1, 2, 3, 4, 5.5))
    listener = run(any_runner_of("threshold"), volume, settings)
    expected = fake_pipeline.threshold(volume, settings, Progress())
    (result,) = listener.results
    assert np.array_equal(result.label_map.labels, expected.label_map.labels)
    assert result.label_map.grid is volume.grid
    assert result.findings == expected.findings
    assert result.measurements == expected.measurements
    assert (result.record.quality, result.record.model_version) == ("best", "Übersicht niña")
    assert result.record.seconds == 0.25
    fractions = [step.fraction for step in listener.steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert (listener.steps[-1].total, listener.steps[-1].unit) == (volume.grid.shape[0], "slices")
    assert listener.errors == []
    assert listener.threads == {threading.get_ident()}


def test_errors_of_the_pipeline_arrive_as_they_are(any_runner_of, volume):
    listener = run(any_runner_of("refuse"), volume)
    assert [type(error) for error in listener.errors] == [InputError]
    assert str(listener.errors[0]) == "'Übersicht niña' is no abdomen. Choose a CT of the abdomen."
    assert listener.results == []


def test_too_little_memory_is_a_sentence(any_runner_of, volume):
    (error,) = run(any_runner_of("out_of_memory"), volume).errors
    assert isinstance(error, EnvironmentProblem)
    assert "not enough memory for this scan. Close other programs" in str(error)


def test_the_worker_stays_warm_between_runs_and_errors(runner_of, volume):
    runner = runner_of("threshold")
    ids = {run(runner, volume).results[0].record.device for _ in range(3)}
    assert ids == {f"process {runner.process_id}"}
    refusing = runner_of("refuse")
    run(refusing, volume)
    first = refusing.process_id
    run(refusing, volume)
    assert first == refusing.process_id


def test_cancel_kills_the_worker_at_once_and_nothing_more_is_heard(runner_of, volume):
    runner, listener = runner_of("slow"), Listener()
    runner.start(volume, Settings(), *listener.callbacks)
    pump_until(runner, lambda: len(listener.steps) > 3)
    process_id, heard = runner.process_id, len(listener.steps)
    begin = time.monotonic()
    runner.cancel()
    assert time.monotonic() - begin < 2.0
    assert not runner.is_running
    assert not is_alive(process_id)
    for _ in range(5):
        runner.pump()
    assert (len(listener.steps), listener.results, listener.errors) == (heard, [], [])


def test_cancel_kills_what_the_worker_started_too(runner_of, volume, python):
    runner, listener = runner_of("hang"), Listener()
    runner.start(volume, Settings(), *listener.callbacks)
    pump_until(runner, lambda: listener.steps)
    grandchild = listener.steps[0].total
    assert is_alive(grandchild)
    runner.cancel()
    end = time.monotonic() + 5
    while is_alive(grandchild):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_after_cancel_the_next_run_starts_a_new_worker(runner_of, volume):
    runner, listener = runner_of("slow"), Listener()
    runner.start(volume, Settings(), *listener.callbacks)
    pump_until(runner, lambda: listener.steps)
    first = runner.process_id
    runner.cancel()
    assert runner.process_id is None
    again = Listener()
    runner.start(volume, Settings(), *again.callbacks)
    pump_until(runner, lambda: again.steps)
    assert runner.process_id not in (None, first)


def test_a_run_that_starts_while_another_runs_replaces_it(runner_of, volume):
    runner, first, second = runner_of("slow"), Listener(), Listener()
    runner.start(volume, Settings(), *first.callbacks)
    pump_until(runner, lambda: first.steps)
    heard = len(first.steps)
    runner.start(volume, Settings(), *second.callbacks)
    pump_until(runner, lambda: second.steps)
    assert len(first.steps) == heard


def test_cancel_in_process_stops_at_the_next_unit_of_work(volume):
    runner, listener = InProcessRunner("fake_pipeline:slow"), Listener()

    def cancel_after_three(step):
        listener.step(step)
        if len(listener.steps) == 3:
            runner.cancel()

    runner.start(volume, Settings(), cancel_after_three, listener.done, listener.error)
    assert (len(listener.steps), listener.results, listener.errors) == (3, [], [])
    assert not runner.is_running


def test_a_crash_is_a_sentence_with_the_workers_last_words_as_details(runner_of, volume):
    runner = runner_of("crash")
    (error,) = run(runner, volume).errors
    assert str(error).startswith("The segmentation ended unexpectedly (CUDA error: an illegal memory access")
    assert "a library's" not in str(error)
    assert "CUDA error" in error.__notes__[0]
    assert runner.process_id is None


def test_an_error_nobody_expected_is_a_sentence_with_its_traceback_as_details(runner_of, volume):
    (error,) = run(runner_of("unexpected"), volume).errors
    assert type(error) is KidneyTumorSegError
    assert "ZeroDivisionError: a voxel of size zero" in str(error)
    assert "Traceback" in error.__notes__[0]


def test_a_worker_killed_by_the_system_is_a_sentence_about_memory(runner_of, volume):
    runner, listener = runner_of("slow"), Listener()
    runner.start(volume, Settings(), *listener.callbacks)
    pump_until(runner, lambda: listener.steps)
    os.kill(runner.process_id, 9)
    pump_until(runner, lambda: not runner.is_running)
    (error,) = listener.errors
    assert isinstance(error, EnvironmentProblem)
    assert "most likely because memory ran out" in str(error)


def test_running_out_of_memory_is_told_also_behind_slicers_launcher(runner_of, volume, python):
    (error,) = run(runner_of("killed"), volume).errors
    assert isinstance(error, EnvironmentProblem)
    assert "most likely because memory ran out" in str(error)


def test_a_crash_of_native_code_is_not_called_a_lack_of_memory(runner_of, volume, python):
    (error,) = run(runner_of("segfault"), volume).errors
    assert type(error) is KidneyTumorSegError
    assert "ended unexpectedly (Fatal Python error: Segmentation fault)" in str(error)
    assert "in segfault" in error.__notes__[0]


def test_a_worker_killed_while_idle_is_started_again(runner_of, volume):
    runner = runner_of("threshold")
    run(runner, volume)
    first = runner.process_id
    os.kill(first, 9)
    pump_until(runner, lambda: runner.process_id is None)
    assert run(runner, volume).results[0].record.device != f"process {first}"


def test_a_worker_that_dies_between_runs_unseen_is_started_again(runner_of, volume):
    runner = runner_of("threshold")
    run(runner, volume)
    os.kill(runner.process_id, 9)
    runner._worker.process.wait()
    assert len(run(runner, volume).results) == 1


def test_a_worker_that_cannot_start_says_so(runner_of, volume, monkeypatch):
    (error,) = run(runner_of("no_such_function"), volume).errors
    assert isinstance(error, WorkerDidNotStart)
    assert "could not be started (it ended with code 1)" in str(error)
    assert "no_such_function" in error.__notes__[0]
    monkeypatch.setattr(process_runner, "python_executable", lambda: "/nowhere/python")
    with pytest.raises(WorkerDidNotStart, match="could not be started"):
        runner_of("threshold").warm_up()


def test_a_worker_that_never_gets_ready_is_given_up(runner_of, volume, monkeypatch):
    monkeypatch.setattr(process_runner, "_READY_WITHIN_S", 0.0)
    (error,) = run(runner_of("threshold"), volume).errors
    assert "did not start within 0 s" in str(error)


def test_inside_slicer_the_worker_is_slicers_own_python(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "SlicerApp-real"))
    monkeypatch.setattr(process_runner.shutil, "which", lambda name: f"/bin/{name}")
    assert process_runner.python_executable() == "/bin/PythonSlicer"
    monkeypatch.setattr(process_runner.shutil, "which", lambda name: None)
    with pytest.raises(WorkerDidNotStart, match="PythonSlicer"):
        process_runner.python_executable()


def test_the_scans_voxels_have_no_name_on_disk_while_they_are_worked_on(runner_of, volume):
    before = shared_files()
    runner, listener = runner_of("slow"), Listener()
    runner.start(volume, Settings(), *listener.callbacks)
    assert len(shared_files() - before) == 2
    pump_until(runner, lambda: listener.steps)
    assert shared_files() == before


def test_no_room_for_the_voxels_is_a_sentence(runner_of, volume, monkeypatch):
    def full(file, size, source):
        raise OSError(28, "No space left on device")

    before = shared_files()
    monkeypatch.setattr(shared_array, "_fill", full)
    runner = runner_of("threshold")
    with pytest.raises(EnvironmentProblem, match=r"no room for the scan in .* Free some space"):
        runner.start(volume, Settings(), *Listener().callbacks)
    assert not runner.is_running
    assert shared_files() == before


def test_without_a_memory_folder_the_temporary_folder_is_used(runner_of, volume, monkeypatch, tmp_path):
    folder = tmp_path / "Zwischenablage ü ñ"
    folder.mkdir()
    monkeypatch.setattr(shared_array, "_MEMORY_FOLDER", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert len(run(runner_of("threshold"), volume).results) == 1
    assert list(folder.iterdir()) == []


def test_what_a_crash_of_the_computer_left_behind_is_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_array, "_MEMORY_FOLDER", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = tmp_path / "kidneytumorseg-shared-old", tmp_path / "kidneytumorseg-shared-new"
    users = tmp_path / "kidneytumorseg-report.pdf"
    for path in (old, new, users):
        path.touch()
    for path in (old, users):
        os.utime(path, (0, 0))
    shared_array.remove_left_overs()
    assert set(tmp_path.iterdir()) == {new, users}


def test_the_worker_ends_when_its_panel_dies(scan, tmp_path):
    """A stand-in for Slicer that crashes in the middle of a run."""
    script = f"""
import os, sys, time
sys.path[:0] = {[str(process_runner._LIBRARY_FOLDER), str(STANDINS)]!r}
from KidneyTumorSegLib.scene.process_runner import ProcessRunner
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom
volume, _ = standard_phantom().scan(phantom_grid((8, 8, 12)))
runner = ProcessRunner("fake_pipeline:slow", [{str(STANDINS)!r}])
steps = []
runner.start(volume, Settings(), steps.append, print, print)
while not steps:
    runner.pump()
print(os.getpid(), runner.process_id, flush=True)
os._exit(1)
"""
    crashed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    panel, worker = map(int, crashed.stdout.split())
    end = time.monotonic() + 10
    while is_alive(worker):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert shared_files(panel) == set()


def test_the_worker_needs_neither_slicer_nor_qt():
    code = (
        "import sys; import KidneyTumorSegLib.scene.worker_process;"
        "print([m for m in ('slicer', 'vtk', 'qt', 'PySide6', 'torch') if m in sys.modules])"
    )
    environment = process_runner._environment([process_runner._LIBRARY_FOLDER])
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert shown.stdout.strip() == "[]", shown.stderr

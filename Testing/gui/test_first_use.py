"""The dialog of the first use: one screen, one consent, every end of it a sentence. Real .ui file, real clicks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from KidneyTumorSegLib.errors import EnvironmentProblem


@pytest.fixture
def lacks(scene, monkeypatch):
    """The import names that are missing; the test changes the list."""
    from KidneyTumorSegLib.gui import packages

    names = ["torch", "torchvision", "segmentation_models_pytorch"]
    monkeypatch.setattr(packages, "has_code", lambda name: name not in names)
    return names


@pytest.fixture
def settings(scene, monkeypatch, tmp_path):
    """Slicer's user settings, in a file of the test."""
    import slicer
    from PySide6.QtCore import QSettings

    kept = QSettings(str(tmp_path / "Slicer.ini"), QSettings.Format.IniFormat)
    monkeypatch.setattr(slicer.app, "userSettings", lambda: kept, raising=False)
    return kept


@pytest.fixture
def machine(scene):
    from KidneyTumorSegLib.gui.preflight import Machine

    none = {"torch": None, "torchvision": None}
    return replace(
        Machine.here(),
        gpus=(),
        versions=none,
        loadable=frozenset(),
        free_disk_gb=200.0,
        memory_gb=16.0,
        has_proxy=False,
    )


@pytest.fixture
def dialog_of(scene, machine, lacks, settings):
    """Makes a dialog whose installation is the given function, and lets a script click while it is shown."""
    from KidneyTumorSegLib.gui.first_use import FirstUse

    def make(install=None, volume_node=None, **facts):
        return FirstUse(None, volume_node, lambda: replace(machine, **facts), install)

    return make


def run(dialog, *steps, **options):
    """Shows the dialog and does one step after the other. Gives what `run` gives."""
    from PySide6.QtCore import QTimer

    todo, errors = list(steps), []

    def step():
        try:
            todo.pop(0)()
        except AssertionError as error:
            errors.append(error)
            todo.clear()
        if todo:
            QTimer.singleShot(0, step)
        elif dialog.dialog.isVisible():
            dialog.dialog.reject()

    QTimer.singleShot(0, step)
    answer = dialog.run(**options)
    if errors:
        raise errors[0]
    assert not todo, "the dialog was closed too early"
    return answer


def click(dialog, name):
    """A step that clicks a button."""
    return lambda: getattr(dialog.ui, name).click()


def visible(dialog):
    names = ("installButton", "folderButton", "notNowButton", "restartButton", "continueButton", "progressBar")
    return {name for name in names if getattr(dialog.ui, name).isVisible()}


def never(plan, on_line):
    raise AssertionError("nothing may be installed")


def test_nothing_missing_shows_nothing(dialog_of, lacks):
    lacks.clear()
    dialog = dialog_of(never)
    assert dialog.run()
    assert not dialog.dialog.isVisible()


def test_one_screen_says_what_how_big_where_and_what_stands_against_it(dialog_of, machine):
    dialog, seen = dialog_of(never, memory_gb=4.0), []

    def look():
        ui = dialog.ui
        assert "PyTorch" in ui.partsLabel.text()
        assert "segmentation-models-pytorch" in ui.partsLabel.text()
        assert ui.sizeLabel.text().startswith("To download: ")
        assert ui.whereLabel.text() == f"Into: {machine.packages_folder}"
        assert ui.remarksLabel.text().endswith(
            "4 GB of memory. Large scans may not fit. Close other programs, and crop large scans to the kidneys."
        )
        assert visible(dialog) == {"installButton", "folderButton", "notNowButton"}
        assert ui.installButton.isDefault()
        assert not ui.detailsButton.isVisible()
        seen.append(True)

    assert not run(dialog, look)
    assert seen


def test_not_now_changes_nothing(dialog_of, lacks, settings):
    dialog = dialog_of(never)
    before = list(lacks)
    assert not run(dialog, click(dialog, "notNowButton"))
    assert lacks == before
    assert not settings.allKeys()


def test_what_would_fail_cannot_be_begun(dialog_of):
    dialog = dialog_of(never, can_write=False)

    def look():
        assert not dialog.ui.installButton.isEnabled()
        assert dialog.ui.folderButton.isEnabled()
        assert "cannot be written to" in dialog.ui.remarksLabel.text()

    assert not run(dialog, look)


def test_one_click_installs_and_goes_on_by_itself(dialog_of, lacks):
    from KidneyTumorSegLib.gui.installation import Outcome

    seen = []

    def install(plan, on_line):
        on_line("  Downloading https://host/torch-2.8.0%2Bcpu-cp312-cp312-win_amd64.whl (241.0 MB)")
        seen.append((dialog.ui.statusLabel.text(), visible(dialog)))
        on_line("Installing collected packages: torch")
        seen.append(dialog.ui.statusLabel.text())
        lacks.clear()
        return Outcome("Everything is installed.")

    dialog = dialog_of(install)
    assert run(dialog, click(dialog, "installButton"))
    assert dialog.sentence == "Everything is installed."
    assert seen[0] == ("Downloading torch (241.0 MB)", {"progressBar"})
    assert seen[1].startswith("Unpacking.")


def test_escape_does_not_end_an_installation_and_its_result_is_shown(dialog_of, lacks):
    from KidneyTumorSegLib.gui.installation import Outcome

    def install(plan, on_line):
        dialog.dialog.reject()
        assert dialog.dialog.isVisible()
        lacks.clear()
        return Outcome("Done.", remark="Read this.")

    dialog = dialog_of(install)
    assert run(dialog, click(dialog, "installButton"), click(dialog, "continueButton"))


def test_a_failure_is_a_sentence_with_details_and_can_be_tried_again(dialog_of, lacks):
    from KidneyTumorSegLib.gui.installation import Outcome

    tries = []

    def install(plan, on_line):
        tries.append(plan)
        if len(tries) == 1:
            on_line("ERROR: getaddrinfo failed")
            problem = EnvironmentProblem("The download did not come through.")
            problem.add_note("ERROR: getaddrinfo failed")
            raise problem
        lacks.clear()
        return Outcome("Everything is installed.")

    dialog = dialog_of(install)

    def look():
        assert dialog.ui.statusLabel.text() == "The download did not come through."
        assert dialog.ui.detailsText.toPlainText() == "ERROR: getaddrinfo failed"
        assert visible(dialog) == {"installButton", "folderButton", "notNowButton"}
        assert dialog.ui.installButton.text() == "Try again"
        dialog.ui.detailsButton.click()
        assert dialog.ui.detailsText.isVisible()

    assert run(dialog, click(dialog, "installButton"), look, click(dialog, "installButton"))
    assert len(tries) == 2


def test_what_is_there_and_does_not_load_is_repaired_next(dialog_of, lacks):
    plans = []

    def install(plan, on_line):
        plans.append(plan)
        lacks.clear()
        raise EnvironmentProblem("PyTorch is installed but does not load.")

    dialog = dialog_of(install)

    def look():
        assert dialog.ui.installButton.text() == "Repair"
        dialog.ui.installButton.click()

    assert not run(dialog, click(dialog, "installButton"), look)
    assert [plan.repairs for plan in plans] == [False, True]


def test_repair_can_be_asked_for_when_nothing_is_missing(dialog_of, lacks):
    lacks.clear()
    dialog = dialog_of(never)
    assert not run(dialog, click(dialog, "notNowButton"), repairs=True)
    assert dialog.ui.installButton.text() == "Repair"


def test_a_card_that_fails_its_probe_is_read_before_going_on(dialog_of, lacks):
    from KidneyTumorSegLib.gui.installation import Outcome

    def install(plan, on_line):
        lacks.clear()
        return Outcome("Installed.", remark="The graphics card RTX 5090 cannot be used.", details="no kernel image")

    dialog = dialog_of(install)

    def look():
        assert dialog.ui.statusLabel.text() == "Installed.\n\nThe graphics card RTX 5090 cannot be used."
        assert "no kernel image" in dialog.ui.detailsText.toPlainText()
        assert visible(dialog) == {"continueButton"}
        dialog.ui.continueButton.click()

    assert run(dialog, click(dialog, "installButton"), look)


def test_a_folder_is_used_instead_of_the_internet(dialog_of, monkeypatch, tmp_path):
    import qt

    folder = tmp_path / "mitgebrachte Räder"
    answers, plans = ["", str(folder)], []
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *them: answers.pop(0)))

    def install(plan, on_line):
        plans.append(plan)
        raise EnvironmentProblem("The folder lacks a package: torch")

    dialog = dialog_of(install)

    def declined():
        dialog.ui.folderButton.click()
        assert dialog.ui.sizeLabel.text().startswith("To download")

    def chosen():
        dialog.ui.folderButton.click()
        assert dialog.ui.sizeLabel.text().startswith("Nothing is downloaded.")
        assert dialog.ui.whereLabel.text().startswith(f"From: {folder}\nInto: ")
        dialog.ui.installButton.click()

    assert not run(dialog, declined, chosen)
    assert plans[0].wheels == str(folder)


def test_a_restart_keeps_the_wish_and_gives_it_once(dialog_of, ct, settings, monkeypatch, tmp_path):
    import slicer

    from KidneyTumorSegLib.gui.installation import Outcome
    from KidneyTumorSegLib.gui.pending_run import PendingRun, take_pending_run

    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    path = str(tmp_path / "Müller CT.nrrd")
    storage.SetFileName(path)
    ct.SetAndObserveStorageNodeID(storage.GetID())
    restarts = []
    monkeypatch.setattr(slicer.util, "restart", lambda: restarts.append(settings.allKeys()))
    dialog = dialog_of(lambda plan, on_line: Outcome("Restart Slicer.", needs_restart=True), ct)

    def look():
        assert dialog.ui.statusLabel.text().endswith("Save your work first: what is not saved is lost.")
        assert visible(dialog) == {"restartButton", "notNowButton"}
        dialog.ui.restartButton.click()

    assert not run(dialog, click(dialog, "installButton"), look)
    assert restarts == [["KidneyTumorSeg/PendingRun"]]
    pending = take_pending_run()
    assert pending == PendingRun("CT", (path,))
    assert pending.volume_in_scene() is ct
    assert take_pending_run() is None


def test_a_restart_that_is_put_off_keeps_no_wish(dialog_of, ct, settings):
    from KidneyTumorSegLib.gui.installation import Outcome
    from KidneyTumorSegLib.gui.pending_run import take_pending_run

    dialog = dialog_of(lambda plan, on_line: Outcome("Restart Slicer.", needs_restart=True), ct)
    assert not run(dialog, click(dialog, "installButton"), click(dialog, "notNowButton"))
    assert take_pending_run() is None


def test_the_wish_finds_its_ct_by_file_then_by_name_or_not_at_all(scene, ct, settings):
    from KidneyTumorSegLib.gui.pending_run import PendingRun, remember_run, take_pending_run

    remember_run(ct)
    assert take_pending_run() == PendingRun("CT", ())
    assert PendingRun("CT", ("C:/gone.nrrd",)).volume_in_scene() is ct
    assert PendingRun("other", ()).volume_in_scene() is None
    remember_run(None)
    assert take_pending_run() is None
    settings.setValue("KidneyTumorSeg/PendingRun", "no json")
    assert take_pending_run() is None
    assert not settings.allKeys()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Collecting segmentation-models-pytorch<0.7,>=0.5", "Looking for segmentation-models-pytorch"),
        ("  Downloading timm-1.0.9-py3-none-any.whl.metadata (42 kB)", "Downloading timm (42 kB)"),
        ("Successfully installed torch-2.8.0", "Successfully installed torch-2.8.0"),
    ],
)
def test_lines_of_pip_are_shown_in_plain_words(scene, line, shown):
    from KidneyTumorSegLib.gui.first_use import in_short

    assert in_short(line) == shown

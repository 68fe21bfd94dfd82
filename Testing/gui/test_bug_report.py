"""A bug report tells of versions, computer, run and error, and of no person: nasty examples."""

from __future__ import annotations

import getpass
import platform
import unicodedata
from pathlib import Path

import pytest


@pytest.fixture
def scrub(scene):
    from KidneyTumorSegLib.gui.scrub import scrub

    return scrub


NASTY = {
    # a text, the names that are known, what may not be left
    "a name in a sentence": ("'Müller^Hans' is a label map.", ["Müller^Hans"], ["Müller", "Hans"]),
    "part of a name": ("No kidney in Hans's scan.", ["Müller^Hans"], ["Hans"]),
    "another case": ("MÜLLER was here", ["Müller^Hans"], ["MÜLLER"]),
    "two short letters": ("scan of Li, Na failed", ["Li^Na CT"], ["Li,", " Na "]),
    "underscores": ("file_Meier_2 not found", ["Meier"], ["Meier"]),
    "a script without spaces": ("无法打开王伟的扫描", ["王伟"], ["王伟"]),
    "Cyrillic": ("Скан Иванова не найден", ["Иванова"], ["Иванова"]),
    "letters in two pieces": (unicodedata.normalize("NFD", "Jürgen Krüger"), ["Jürgen Krüger"], ["rgen", "ger"]),
    "Windows path": ("OSError: C:\\Studien\\Müller Hans\\CT 1.nrrd not found", [], ["Müller", "Hans", "Studien"]),
    "Windows path, escaped": ('"C:\\\\Studien\\\\Meier\\\\ct.nii.gz"', [], ["Meier"]),
    "forward slashes": ("read D:/archive/Hans Meier/scan.nrrd failed", [], ["Meier", "archive"]),
    "network share": ("\\\\pacs-01\\export\\Meier^Eva\\1.dcm", [], ["pacs", "Meier", "Eva"]),
    "Unix path": ("No such file: '/data/patients/Eva Meier/ct.nii.gz'", [], ["patients", "Eva"]),
    "a folder that is called like Python": ("D:\\Python\\Meier\\scan.nrrd", [], ["Meier"]),
    "a folder that is called like the product": ("/x/KidneyTumorSegLib/Meier/scan.nrrd", [], ["Meier"]),
    "file name alone": ("Cannot read Hans Meier CT.nrrd: damaged", [], ["Hans", "Meier"]),
    "file name in quotes": ("'Eva_Meier.nii.gz' holds no voxels", [], ["Eva", "Meier"]),
    "UID": ("SeriesInstanceUID 1.2.840.113619.2.55.3.604688119", [], ["113619", "604688119"]),
    "birth date": ("born 1957-03-12, 12.03.1957, 3/12/1957 or 19570312", [], ["1957"]),
    "hospital number": ("ID 00482913 was not found", [], ["00482913"]),
    "mail": ("tell eva.meier@klinik.example", [], ["eva", "klinik"]),
    "proxy with a password": ("ProxyError http://meier:geheim@proxy.klinik.local:8080/", [], ["geheim", "klinik"]),
    "mirror": ("Looking in indexes: https://pypi.klinik.local/simple", [], ["klinik"]),
    "address": ("cannot connect to 10.17.3.20:104", [], ["10.17.3.20"]),
}


@pytest.mark.parametrize("case", NASTY)
def test_what_tells_of_a_person_is_taken_out(scrub, case):
    text, names, gone = NASTY[case]
    left = scrub(text, names)
    assert not [word for word in gone if unicodedata.normalize("NFC", word) in left], left


def test_user_computer_and_home_folder_are_taken_out(scrub):
    home = str(Path.home())
    left = scrub(f"{home}/scan of {getpass.getuser()} on {platform.node()} and {home.upper()}\\x")
    assert home not in left
    assert platform.node() not in left
    assert getpass.getuser() not in left.replace("[", " ").split()


KEPT = [
    "torch 2.13.0+cpu, driver 535.104.05, certifi 2026.10.18",
    "kidney Dice 0.93, tumor Dice 0.82, 4.1 s on CPU, 2 threads.",
    "model_sha256: 8d3b0c6e1f7a4d0b9d6a2c2f1e7b5a44c3f0a9de8b7c6d5e4f3a2b1c0d9e8f7a",
    "{'Segmenting': 3.25, 'Measuring': 0.4}",
    "3D Slicer 5.12. / Python 3.12.10.",
    "https://pypi.org/...",
    "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    "512 x 512 x 300 voxels, 1.8 mm",
    "model.json: the field weights is missing",
]


@pytest.mark.parametrize("line", KEPT)
def test_what_helps_us_is_left_in(scrub, line):
    assert scrub(line, ["CT abdomen 3 mm of the left kidney", "Meier"]) == line


def test_a_traceback_keeps_our_own_files_and_lines(scrub):
    text = (
        '  File "C:\\Users\\Eva Meier\\slicer.org\\KidneyTumorSegLib\\scene\\runner.py", line 70, in start\n'
        '  File "/home/eva/.local/lib/python3.12/site-packages/torch/nn/functional.py", line 9, in conv2d\n'
    )
    left = scrub(text)
    assert 'KidneyTumorSegLib\\scene\\runner.py", line 70, in start' in left
    assert 'site-packages/torch/nn/functional.py", line 9, in conv2d' in left
    assert "eva" not in left.lower()


@pytest.fixture
def patient(ct, scene):
    """A CT as the DICOM browser loads it: patient and study in the tree, the name in the file's path."""
    import slicer

    ct.SetName("7: Hölderlin portalvenös")
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName("E:\\Export\\Hölderlin^Susette\\IMG0001.dcm")
    ct.SetAndObserveStorageNodeID(storage.GetID())
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = tree.CreateSubjectItem(tree.GetSceneItemID(), "HOELDERLIN^SUSETTE (4711-A)")
    tree.SetItemAttribute(patient, "DICOM.PatientID", "4711-A")
    study = tree.CreateStudyItem(patient, "Nierentumor (20261121)")
    tree.CreateItem(study, ct)
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Befund Diotima")
    segmentation.GetSegmentation().AddEmptySegment("x", "Gontard Läsion")
    return ct


def test_the_report_has_all_that_helps_and_nobody_in_it(patient):
    from KidneyTumorSegLib.gui.bug_report import bug_report

    text = bug_report(
        '{"model": "unet-resnet34", "device": "cpu", "warnings": ["7: Hölderlin portalvenös is thick"]}',
        "Self-test passed: kidney Dice 0.93",
        "'7: Hölderlin portalvenös' was changed since it was segmented.\n"
        "Traceback\nFileNotFoundError: E:\\Export\\Hölderlin^Susette\\IMG0001.dcm\n"
        "Befund Diotima, Gontard Läsion 4711-A",
    )
    for word in ("Hölderlin", "Susette", "portalvenös", "IMG0001", "4711", "Nierentumor", "Diotima", "Gontard", "E:\\"):
        assert word.lower() not in text.lower(), text
    for word in (
        "KidneyTumorSeg 0.",
        "torch ",
        "ok  3D Slicer 5.12.",
        "Dice 0.93",
        "model: unet-resnet34",
        "Traceback",
    ):
        assert word in text, text
    assert "was changed since it was segmented" in text


def test_a_report_before_anything_was_run_says_so(scene):
    from KidneyTumorSegLib.gui.bug_report import bug_report

    text = bug_report()
    assert "Self-test\n  not run" in text
    assert "Last run\n  none" in text
    assert text.rstrip().endswith("Last error\n  none")


def test_a_long_text_is_scrubbed_in_no_time(scrub):
    import time

    start = time.perf_counter()
    scrub("a b.c /d e\\f 'g " * 4000, ["Müller^Hans"] * 50)
    assert time.perf_counter() - start < 5

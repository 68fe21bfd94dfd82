"""The text that a user may send to us: versions, the computer, the last run and the last error, and no patient data."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from .. import __version__
from .preflight import Machine, installed_version, preflight
from .scrub import scrub

_PACKAGES = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "safetensors",
    "jsonschema",
    "numpy",
    "scipy",
    "SimpleITK",
)
_PATIENT_ATTRIBUTES = ("DICOM.PatientName", "DICOM.PatientID", "DICOM.PatientBirthDate", "DICOM.StudyDescription")


def bug_report(record: str = "", self_test: str = "", error: str = "", machine: Machine | None = None) -> str:
    """The report, in English, for the clipboard.

    Args:
        record: of the last run, as JSON; empty if there was none.
        self_test: the last self-test's sentence; empty if there was none.
        error: the last error, its sentence first, then its details; empty if there was none.
        machine: the facts; None: this computer.
    """
    names = scene_names()
    parts = [
        ("Versions", _versions()),
        ("Computer", _computer(machine or Machine.here())),
        ("Self-test", [self_test or "not run"]),
        ("Last run", _record(record)),
        ("Last error", error.splitlines() or ["none"]),
    ]
    text = "\n\n".join(f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in parts)
    head = _("KidneyTumorSeg bug report. Names, paths and dates were taken out; read it before you send it.")
    return f"{head}\n\n{scrub(text, names)}\n"


def scene_names() -> tuple[str, ...]:
    """All that the scene calls by a name that a person gave: nodes, segments, patients, studies, files."""
    found = set(_node_names()) | set(_segment_names()) | set(_tree_names())
    return tuple(sorted(name for name in found if name))


def _node_names() -> Iterator[str]:
    """Of what was loaded or made; views and tables that Slicer makes for itself tell of nobody."""
    for node in _nodes("vtkMRMLStorableNode"):
        if node.GetScene() is None or node.IsA("vtkMRMLColorNode"):
            continue
        yield str(node.GetName() or "")
        storage = node.GetStorageNode()
        if storage is not None and storage.GetFileName():
            path = Path(storage.GetFileName().replace("\\", "/"))
            yield from (path.name, path.name.partition(".")[0], *path.parts[1:-1])


def _segment_names() -> Iterator[str]:
    for node in _nodes("vtkMRMLSegmentationNode"):
        segmentation = node.GetSegmentation()
        for n in range(segmentation.GetNumberOfSegments()):
            yield segmentation.GetNthSegment(n).GetName()


def _tree_names() -> Iterator[str]:
    """Patients and studies are items of the subject hierarchy without a node; their attributes tell more."""
    import vtk

    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    items = vtk.vtkIdList()
    tree.GetItemChildren(tree.GetSceneItemID(), items, True)
    for n in range(items.GetNumberOfIds()):
        item = items.GetId(n)
        if tree.GetItemDataNode(item) is None:
            yield tree.GetItemName(item)
        yield from (tree.GetItemAttribute(item, name) for name in _PATIENT_ATTRIBUTES)


def _nodes(class_name: str) -> Iterator[Any]:
    scene = slicer.mrmlScene
    for n in range(scene.GetNumberOfNodesByClass(class_name)):
        yield scene.GetNthNodeByClass(n, class_name)


def _versions() -> list[str]:
    packages = [f"{name} {installed_version(name) or 'not installed'}" for name in _PACKAGES]
    return [f"KidneyTumorSeg {__version__}", *packages]


def _computer(machine: Machine) -> list[str]:
    cards = [f"{gpu.name}, driver {gpu.driver}" for gpu in machine.gpus] or ["no NVIDIA graphics card"]
    checks = [f"{'ok ' if check.ok else 'BAD'} {check.sentence}" for check in preflight(machine)]
    return [f"{platform.system()} {platform.release()} {machine.processor}", *cards, *checks]


def _record(record: str) -> list[str]:
    """One line for each field."""
    if not record:
        return ["none"]
    try:
        fields = json.loads(record)
    except ValueError:
        return ["unreadable"]
    return [f"{name}: {value}" for name, value in fields.items()]

"""Promises of `.seg.nrrd`: three named segments on the CT's grid, for Slicer's own reader and for slicerio.

Runs on Slicer's real MRML classes (slicer-core).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicerio
from numpy.testing import assert_allclose

from KidneyTumorSegLib.anatomy import STRUCTURES
from KidneyTumorSegLib.export import write_segmentation
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed: it comes with the extra 'test'.")
numpy_support = pytest.importorskip("vtkmodules.util.numpy_support")
vtk = pytest.importorskip("vtk")

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def phantom_map() -> LabelMap:
    return standard_phantom().scan(phantom_grid((4.0, 4.0, 6.0)), noise_hu=0)[1]


def _turned(label_map: LabelMap) -> LabelMap:
    """Another array order, and an oblique place in the world."""
    order = Reorder((2, 0, 1), (0, 2))
    grid = order.apply_to_grid(label_map.grid)
    a = np.deg2rad(14.0)
    turn = np.array([[np.cos(a), 0, -np.sin(a), 3.3], [0, 1, 0, -2.2], [np.sin(a), 0, np.cos(a), 100.1], [0, 0, 0, 1]])
    return LabelMap(order.apply(label_map.labels), Grid(grid.shape, turn @ grid.affine))


@pytest.fixture(scope="module", autouse=True)
def _converters() -> None:
    """Conversion rules, as Slicer registers them at start (qSlicerSegmentationsModule.cxx)."""
    factory = slicer.vtkSegmentationConverterFactory.GetInstance()
    factory.RegisterConverterRule(slicer.vtkBinaryLabelmapToClosedSurfaceConversionRule())
    factory.RegisterConverterRule(slicer.vtkClosedSurfaceToBinaryLabelmapConversionRule())


def _read_in_scene(path: Path) -> tuple[Any, Any]:
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return scene, node


def _world_points(node: Any, segment_id: str) -> np.ndarray:
    """World LPS of all voxels of a segment, sorted: what is where, whatever crop or order Slicer keeps."""
    image = node.GetSegmentation().GetSegment(segment_id).GetRepresentation("Binary labelmap")
    if image.GetPointData().GetScalars() is None:
        return np.empty((0, 3))
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    ijk_to_lps = RAS_TO_LPS @ np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    array = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    value = node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    ijk = np.argwhere(array == value)[:, ::-1] + np.array([i0, j0, k0])
    return _sorted(ijk @ ijk_to_lps[:3, :3].T + ijk_to_lps[:3, 3])


def _sorted(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(np.round(points, 3).T)]


def _expected_points(label_map: LabelMap, value: int) -> np.ndarray:
    return _sorted(label_map.grid.world(np.argwhere(label_map.labels == value)))


def _tag(segment: Any, key: str) -> str:
    value = vtk.reference("")
    return str(value.get()) if segment.GetTag(key, value) else ""


@pytest.mark.parametrize("turn", [False, True], ids=["straight", "oblique and reordered"])
def test_slicer_reads_three_segments_with_ids_names_colors_terminology_and_every_voxel_in_its_place(
    turn: bool, phantom_map: LabelMap, tmp_path: Path
) -> None:
    label_map = _turned(phantom_map) if turn else phantom_map
    _, node = _read_in_scene(write_segmentation(tmp_path / "a.seg.nrrd", label_map))
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())] == [
        "kidney", "tumor", "cyst",
    ]  # fmt: skip
    assert segmentation.GetNumberOfLayers() == 1
    for structure in STRUCTURES:
        segment = segmentation.GetSegment(structure.id)
        assert segment.GetName() == structure.name
        assert segment.GetLabelValue() == structure.value
        assert_allclose(segment.GetColor(), structure.color_fraction, atol=1e-6)
        assert _tag(segment, "TerminologyEntry") == structure.terminology_entry
        assert_allclose(_world_points(node, structure.id), _expected_points(label_map, structure.value), atol=1e-6)


@pytest.mark.parametrize("turn", [False, True], ids=["straight", "oblique and reordered"])
def test_slicer_gets_the_grid_of_the_ct_as_reference_geometry(
    turn: bool, phantom_map: LabelMap, tmp_path: Path
) -> None:
    label_map = _turned(phantom_map) if turn else phantom_map
    _, node = _read_in_scene(write_segmentation(tmp_path / "a.seg.nrrd", label_map))
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    numbers = [float(part) for part in text.split(";") if part]
    assert_allclose(RAS_TO_LPS @ np.reshape(numbers[:16], (4, 4)), label_map.grid.affine, atol=1e-9)
    assert [int(n) for n in numbers[16:]] == [bound for size in label_map.grid.shape[::-1] for bound in (0, size - 1)]


def test_slicerio_reads_the_same_grid_labels_and_terminology(phantom_map: LabelMap, tmp_path: Path) -> None:
    label_map = _turned(phantom_map)
    found = slicerio.read_segmentation(str(write_segmentation(tmp_path / "a.seg.nrrd", label_map)))
    assert_allclose(found["ijkToLPS"], label_map.grid.affine, atol=1e-12)
    assert np.array_equal(found["voxels"].T, label_map.labels)
    assert found["referenceImageExtentOffset"] == [0, 0, 0]
    for segment, structure in zip(found["segments"], STRUCTURES, strict=True):
        assert (segment["id"], segment["name"]) == (structure.id, structure.name)
        assert (segment["labelValue"], segment["layer"]) == (structure.value, 0)
        entry = slicerio.segmentation.terminology_entry_to_string(segment["terminology"])
        assert entry == structure.terminology_entry


@pytest.mark.parametrize("kept", [(), (1,), (1, 3), (2,)], ids=["nothing", "kidney", "no tumor", "tumor alone"])
def test_a_class_without_voxels_is_an_empty_segment(
    kept: tuple[int, ...], phantom_map: LabelMap, tmp_path: Path
) -> None:
    labels = np.where(np.isin(phantom_map.labels, kept), phantom_map.labels, 0).astype(np.uint8)
    label_map = LabelMap(labels, phantom_map.grid)
    _, node = _read_in_scene(write_segmentation(tmp_path / "a.seg.nrrd", label_map))
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    for structure in STRUCTURES:
        assert_allclose(_world_points(node, structure.id), _expected_points(label_map, structure.value), atol=1e-6)


def test_slicers_own_writer_writes_the_same_segments_and_the_same_voxels(phantom_map: LabelMap, tmp_path: Path) -> None:
    label_map = _turned(phantom_map)
    ours = write_segmentation(tmp_path / "ours.seg.nrrd", label_map)
    scene, node = _read_in_scene(ours)
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    theirs = tmp_path / "theirs.seg.nrrd"
    storage.SetFileName(str(theirs))
    assert storage.WriteData(node)

    one, other = slicerio.read_segmentation(str(ours)), slicerio.read_segmentation(str(theirs))
    for mine, slicers in zip(one["segments"], other["segments"], strict=True):
        for field in ("id", "name", "labelValue", "layer", "terminology"):
            assert mine[field] == slicers[field]
        assert_allclose(mine["color"], slicers["color"], atol=1e-5)
        # Slicer crops: the offset says where its box lies in the grid of the CT.
        offset = np.array(other["referenceImageExtentOffset"])
        place = np.argwhere(other["voxels"] == slicers["labelValue"]) + offset
        assert np.array_equal(place, np.argwhere(one["voxels"] == mine["labelValue"]))


def test_a_file_that_slicer_cropped_lies_at_the_offset_that_it_names(phantom_map: LabelMap, tmp_path: Path) -> None:
    scene, node = _read_in_scene(write_segmentation(tmp_path / "ours.seg.nrrd", phantom_map))
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetCropToMinimumExtent(True)
    storage.SetFileName(str(tmp_path / "cropped.seg.nrrd"))
    assert storage.WriteData(node)
    cropped = slicerio.read_segmentation(str(tmp_path / "cropped.seg.nrrd"))
    offset = np.array(cropped["referenceImageExtentOffset"])
    assert offset.min() > 0
    whole = np.zeros(phantom_map.labels.shape, np.uint8)
    box = tuple(slice(start, start + size) for start, size in zip(offset, cropped["voxels"].shape, strict=True))
    whole.T[box] = cropped["voxels"]
    assert np.array_equal(whole, phantom_map.labels)
    corner = phantom_map.grid.world(offset[::-1])
    assert_allclose(cropped["ijkToLPS"][:3, 3], corner, atol=1e-6)

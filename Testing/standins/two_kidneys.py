"""A patient of boxes for tests of the scene: two kidneys, two tumors and a cyst on the left, a tumor on the right.

Boxes are known voxel for voxel, in all 48 storage orders; `scene_patient` has balls, known in millimeters. They lie in
canonical order (k up, j to the back, i to the patient's left).
"""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import vtk
from scene_patient import segments, turned, under
from segment_editor import SegmentEditor

from KidneyTumorSegLib.measurements import measure
from KidneyTumorSegLib.scene.masks import segment_ids, tag_of, voxels_of
from KidneyTumorSegLib.scene.results import place_result
from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node
from KidneyTumorSegLib.scene.volume_node import node_grid, volume_to_node
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume

ORDERS = [
    Reorder(axes, tuple(axis for axis in range(3) if flips[axis]))
    for axes in permutations(range(3))
    for flips in product((False, True), repeat=3)
]
AS_IS = Reorder((0, 1, 2), ())
SHAPE = (14, 14, 50)
_SPACING = (2.0, 2.0, 2.5)
LEFT_KIDNEY, RIGHT_KIDNEY = np.s_[2:12, 2:12, 36:46], np.s_[2:12, 2:12, 4:14]
LEFT_TUMOR_1, LEFT_TUMOR_2 = np.s_[4:9, 4:9, 42:48], np.s_[9:13, 3:6, 34:37]
RIGHT_TUMOR, LEFT_CYST = np.s_[2:5, 9:13, 5:8], np.s_[6:9, 10:13, 38:41]
SPECK = np.s_[11:12, 3:4, 10:11]
"""A tumor of one voxel, 0.01 mL: too small to be listed."""


def canonical_labels(*boxes: tuple[Any, int]) -> np.ndarray:
    """The boxes' labels, later ones over earlier ones; all of them if none is given."""
    labels = np.zeros(SHAPE, np.uint8)
    for box, value in boxes or (
        (LEFT_KIDNEY, 1), (RIGHT_KIDNEY, 1), (LEFT_TUMOR_1, 2), (LEFT_TUMOR_2, 2), (RIGHT_TUMOR, 2), (LEFT_CYST, 3),
        (SPECK, 2),
    ):  # fmt: skip
        labels[box] = value
    return labels


class Patient:
    """A CT in the scene, stored in one order, oblique if wanted, under a transform if wanted."""

    def __init__(self, order: Reorder = AS_IS, *, oblique: bool = False, moved: bool = False) -> None:
        affine = np.diag([*_SPACING, 1.0])
        affine[:3, 3] = [-step * (n - 1) / 2 for step, n in zip(_SPACING, SHAPE[::-1], strict=True)]
        if oblique:
            affine = turned(13.0, 0, 1) @ turned(-9.0, 0, 2) @ turned(11.0, 1, 2) @ affine
        self._order = order
        grid = order.apply_to_grid(Grid(SHAPE, affine))
        random = np.random.default_rng(0)
        voxels = random.integers(-100, 200, grid.shape, dtype=np.int16)
        self.ct = volume_to_node(Volume(voxels, grid), "CT")
        if moved:
            to_world = turned(10.0, 0, 1)
            to_world[:3, 3] = (4.0, -30.0, 12.5)
            under(self.ct, to_world)

    def stored(self, canonical: np.ndarray) -> np.ndarray:
        """An array in canonical order, in the order in which the CT is stored."""
        return np.ascontiguousarray(self._order.apply(canonical))

    def label_map(self, *boxes: tuple[Any, int]) -> LabelMap:
        """Labels on the CT's grid."""
        return LabelMap(self.stored(canonical_labels(*boxes)), node_grid(self.ct))

    def mask(self, *boxes: Any) -> np.ndarray:
        """Where the boxes are, bool on the CT's grid."""
        inside = np.zeros(SHAPE, bool)
        for box in boxes:
            inside[box] = True
        return self.stored(inside)


def place(patient, label_map=None, **options):
    """Put a label map of the patient into the scene; by default all of it."""
    label_map = label_map or patient.label_map()
    return place_result(label_map, measure(label_map), patient.ct, **options)


def ids(node):
    return segment_ids(node)


def mask(patient, node, segment_id):
    """Asked of Slicer itself, on the CT's grid."""
    return segments(node, patient.ct, (segment_id,))[segment_id]


def labels(patient, node):
    return label_map_from_node(node, patient.ct).labels


def tag(node, segment_id, key):
    return tag_of(node.GetSegmentation().GetSegment(segment_id), key)


def state(node):
    """All that makes up a segmentation: IDs in order, names, colors, tags, values, voxels, attributes, display."""
    segments = []
    for segment_id in ids(node):
        segment = node.GetSegmentation().GetSegment(segment_id)
        keys = ("TerminologyEntry", *(f"KidneyTumorSeg.{k}" for k in ("Source", "Digest", "Meaning", "Drawn")), "note")
        tags = []
        for key in keys:
            value = vtk.reference("")
            tags.append(str(value) if segment.GetTag(key, value) else None)
        image = segment.GetRepresentation("Binary labelmap")
        voxels = voxels_of(image)
        where = (
            np.argwhere(voxels == segment.GetLabelValue()) + np.array(image.GetExtent()[-2::-2])
            if voxels is not None
            else ()
        )
        display = node.GetDisplayNode()
        segments.append(
            (
                segment_id,
                segment.GetName(),
                segment.GetColor(),
                tuple(tags),
                segment.GetLabelValue(),
                np.asarray(where).tobytes(),
                display.GetSegmentVisibility(segment_id),
                display.GetSegmentOpacity3D(segment_id),
            )
        )
    return segments, {name: node.GetAttribute(name) for name in node.GetAttributeNames()}


def editor_of(node, patient):
    return SegmentEditor(node, patient.ct)


def hand_work(patient, node):
    """A stroke at the cyst, into background and kidney; and a segment of the user's own. What must survive."""
    editor = editor_of(node, patient)
    more_cyst = patient.mask(np.s_[6:9, 9:14, 38:41])
    cyst = "cyst" if "cyst" in ids(node) else "cyst_left_1"
    editor.paint(cyst, more_cyst)
    node.GetSegmentation().AddEmptySegment("Segment_1", "ureter")
    node.GetSegmentation().GetSegment("Segment_1").SetTag("note", "drawn by A")
    editor.logic.GetSegmentEditorNode().SetOverwriteMode(editor.logic.GetSegmentEditorNode().OverwriteNone)
    ureter = patient.mask(np.s_[0:13, 6:8, 33:37])
    editor.paint("Segment_1", ureter)
    return cyst, more_cyst, ureter

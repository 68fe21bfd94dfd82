"""A small patient of balls for tests of the scene: lesions of known size, any orientation, both segment layouts."""

from __future__ import annotations

import numpy as np

from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume

KIDNEY, TUMOR, CYST = 1, 2, 3
SHAPE = (24, 40, 60)
ORIENTATIONS = ("axial", "coronal", "flipped", "oblique", "turned")


def turned(degrees, a, b):
    matrix, angle = np.eye(4), np.deg2rad(degrees)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def under(node, to_world_ras, name="moved"):
    """Put a node under a new linear transform (4x4, world RAS), which is returned."""
    import slicer

    from KidneyTumorSegLib.scene.geometry import matrix_from_array

    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    transform.SetMatrixTransformToParent(matrix_from_array(to_world_ras))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def canonical_grid():
    affine = np.diag([3.0, 2.5, 4.0, 1.0])
    affine[:3, 3] = (-90.0, -40.0, -50.0)
    return Grid(SHAPE, affine)


def ball(grid, center_lps, radius_mm):
    places = grid.world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    return np.linalg.norm(places - center_lps, axis=-1) <= radius_mm


LEFT_TUMOR, LEFT_CYST, RIGHT_TUMOR = (52.0, 10.0, 0.0), (40.0, -18.0, 20.0), (-55.0, 8.0, -6.0)
JOINED = (-45.0, 10.0, 20.0), (-68.0, 10.0, 20.0)


def patient(joined=False):
    """Two kidneys, a tumor on each, a cyst on the left; `joined`: two right tumors of 14 and 11 mm grown together."""
    grid = canonical_grid()
    labels = np.zeros(grid.shape, np.uint8)
    for center in ((45.0, 5.0, 0.0), (-45.0, 5.0, 0.0)):
        labels[ball(grid, center, 26.0)] = KIDNEY
    labels[ball(grid, LEFT_TUMOR, 11.0)] = TUMOR
    labels[ball(grid, LEFT_CYST, 10.5)] = CYST
    if joined:
        labels[ball(grid, JOINED[0], 14.0)] = TUMOR
        labels[ball(grid, JOINED[1], 11.0)] = TUMOR
    else:
        labels[ball(grid, RIGHT_TUMOR, 10.0)] = TUMOR
    return LabelMap(labels, grid)


def stored(label_map, orientation):
    """The same patient at the same place in the world, stored otherwise; the world moves along when oblique."""
    how = {"coronal": Reorder((1, 0, 2), ()), "flipped": Reorder((0, 1, 2), (0, 1, 2))}.get(orientation)
    if how is not None:
        return LabelMap(how.apply(label_map.labels), how.apply_to_grid(label_map.grid)), np.eye(4)
    turn = turned(13.0, 0, 2) @ turned(-8.0, 0, 1) if orientation == "oblique" else np.eye(4)
    return LabelMap(label_map.labels, Grid(label_map.grid.shape, turn @ label_map.grid.affine)), turn


def in_scene(label_map, orientation="axial"):
    """The CT, its segmentation, and what turns a place of `patient` into the world's."""
    from KidneyTumorSegLib.scene.geometry import ras_from_lps
    from KidneyTumorSegLib.scene.segmentation_node import segmentation_to_node
    from KidneyTumorSegLib.scene.volume_node import node_grid, volume_to_node

    label_map, turn = stored(label_map, orientation)
    voxels = np.where(label_map.labels > 0, 120, 40).astype(np.int16)
    ct = volume_to_node(Volume(voxels, label_map.grid), "CT")
    if orientation == "turned":
        turn = turned(25.0, 0, 1) @ turned(-12.0, 1, 2)
        turn[:3, 3] = (12.0, -30.0, 44.0)
        under(ct, ras_from_lps(turn) @ np.diag([-1.0, -1.0, 1.0, 1.0]), "registration")
    label_map = LabelMap(label_map.labels, node_grid(ct))
    return ct, segmentation_to_node(label_map, ct), lambda place: tuple(turn[:3, :3] @ place + turn[:3, 3])


def by_lesion(node):
    """A segmentation with one segment per lesion, made from one with one per class, as results offer it."""
    from scipy import ndimage

    from KidneyTumorSegLib.anatomy import CYST as CYST_STRUCTURE
    from KidneyTumorSegLib.anatomy import TUMOR as TUMOR_STRUCTURE
    from KidneyTumorSegLib.scene.lesion_numbers import new_lesion_segment
    from KidneyTumorSegLib.scene.masks import Mask, cropped_mask, erase, paint

    for structure in (TUMOR_STRUCTURE, CYST_STRUCTURE):
        mask = cropped_mask(node, structure.id)
        bodies, count = ndimage.label(mask.voxels, np.ones((3, 3, 3)))
        for n in range(1, count + 1):
            one = Mask(bodies == n, mask.start, mask.ijk_to_ras)
            middle = one.ras(np.argwhere(one.voxels)).mean(axis=0)
            erase(node, structure.id, one)
            side = "left" if middle[0] < 0 else "right"
            paint(node, new_lesion_segment(node, structure, side), one)
        node.GetSegmentation().RemoveSegment(structure.id)


def segments(node, ct, ids=None):
    """The voxels of these segments, or of all, on the CT, as Slicer itself says, by ID."""
    import slicer

    from KidneyTumorSegLib.scene.masks import segment_ids

    return {one: slicer.util.arrayFromSegmentBinaryLabelmap(node, one, ct) != 0 for one in ids or segment_ids(node)}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def roi(scene, center_lps, size_mm, turn=None):
    """A region around a place; `turn` (4x4, world RAS) is put on it by a parent transform."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "region")
    node.SetSize(*size_mm)
    node.SetCenter(0.0, 0.0, 0.0)
    move = np.eye(4)
    move[:3, 3] = np.array(center_lps) * (-1, -1, 1)
    under(node, move @ (np.eye(4) if turn is None else turn), "of the region")
    return node


def tilted():
    return turned(33.0, 0, 1) @ turned(-21.0, 1, 2)


def world_centers_ras(ct):
    """Where Slicer says that every voxel center is, (k, j, i, 3)."""
    from KidneyTumorSegLib.scene.volume_node import node_grid

    grid = node_grid(ct)
    places = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return grid.world(places) * (-1, -1, 1)


def stamped(node):
    """As `results` leaves it: all that is there was drawn by the AI."""
    from KidneyTumorSegLib.scene.edits import stamp
    from KidneyTumorSegLib.scene.masks import segment_ids

    stamp(node, segment_ids(node))
    return node


def lowest(mask, count):
    """The first planes of a mask."""
    _, j, i = mask.voxels.shape
    return mask.part((slice(0, count), slice(0, j), slice(0, i)), mask.voxels[:count])


def new_result(ct, changes, orientation="axial"):
    """A label map of the patient with changes: (center in the patient, radius in mm, label)."""
    from KidneyTumorSegLib.scene.volume_node import node_grid

    labels = patient().labels.copy()
    for center, radius, label in changes:
        labels[ball(canonical_grid(), center, radius)] = label
    return LabelMap(stored(LabelMap(labels, canonical_grid()), orientation)[0].labels, node_grid(ct))

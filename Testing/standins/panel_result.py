"""What tests ask of a panel that shows a result."""

from __future__ import annotations


def node_of(panel):
    return panel.widget._parameterNode.outputSegmentation


def labels_of(panel, ct):
    from KidneyTumorSegLib.scene.segmentation_node import label_map_from_node

    return label_map_from_node(node_of(panel), ct).labels


def cells(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def paint(panel, ct, segment_id, box):
    """As an effect of the Segment Editor does: a box of voxels becomes the segment."""
    import slicer
    import slicer.util

    array = slicer.util.arrayFromSegmentBinaryLabelmap(node_of(panel), segment_id, ct)
    array[box] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node_of(panel), segment_id, ct)


def corner():
    return (slice(0, 2), slice(0, 3), slice(0, 3))

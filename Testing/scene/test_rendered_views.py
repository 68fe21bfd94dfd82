"""What a radiologist would see: slices and surfaces drawn by Slicer's own displayable managers, looked at by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib.anatomy import CYST, STRUCTURES, TUMOR

TUMOR_RAS, CYST_RAS = (-90.0, -38.0, 14.0), (80.0, -48.0, -46.0)
LIVER_RAS, LIVER_HU = (70.0, 20.0, 50.0), 105.0
WINDOW_HU, LEVEL_HU = 400.0, 40.0
ORIENTATIONS = ["axial", "coronal", "sagittal", "flipped", "oblique", "transformed"]
SIZE = (300, 240)


@pytest.fixture
def views(scene):
    import views

    if not views.can_render():
        pytest.skip("This machine has no OpenGL, not even a software one (on Debian: libegl1).")
    return views


def scan(orientation):
    from KidneyTumorSegLib.gui.phantom_scan import phantom_scan

    return phantom_scan(orientation)


def segmented(orientation):
    from KidneyTumorSegLib.scene.segmentation_node import segmentation_to_node

    ct, truth = scan(orientation)
    return ct, segmentation_to_node(truth, ct)


def around(picture, pixel, reach=1):
    """Mean color of a few pixels."""
    row, column = pixel
    return picture[row - reach : row + reach + 1, column - reach : column + reach + 1].reshape(-1, 3).mean(axis=0)


def seen(picture, pixel, node):
    """Which structure's fill lies over the gray of a few pixels, by the nearest color; None: gray alone."""
    display = node.GetDisplayNode()
    color = around(picture, pixel)
    if np.ptp(color) < 6:
        return None
    misfit = {}
    for structure in STRUCTURES:
        opacity = display.GetOpacity() * display.GetOpacity2DFill() * display.GetSegmentOpacity2DFill(structure.id)
        own = np.array(structure.color, float)
        misfit[structure] = np.linalg.norm(color - color.min() - opacity * (own - own.min()))
    return min(misfit, key=misfit.get)


def test_the_ct_is_gray_with_its_window_and_level(views):
    ct, _ = scan("axial")
    with views.SliceView("Red", SIZE) as view:
        view.show(ct)
        view.jump(LIVER_RAS)
        picture = view.picture()
        color = around(picture, view.pixel_of(LIVER_RAS), 4)
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert np.ptp(color) < 1.0
    assert color[0] == pytest.approx(255 * (LIVER_HU - LEVEL_HU + WINDOW_HU / 2) / WINDOW_HU, abs=25)
    ct.GetDisplayNode().SetWindowLevel(WINDOW_HU, LEVEL_HU + 2 * WINDOW_HU)
    dark = views.render_slice(ct, "Axial", LIVER_RAS, SIZE)
    assert dark.mean() < 0.2 * picture.mean()


def test_pictures_are_shown_as_radiologists_read_them(views):
    ct, _ = scan("axial")
    center = (0.0, 0.0, 0.0)
    to_the_left, to_the_front, up = (-50.0, 0.0, 0.0), (0.0, 50.0, 0.0), (0.0, 0.0, 50.0)
    with views.SliceView("Red", SIZE) as axial, views.SliceView("Green", SIZE) as coronal:
        for view in (axial, coronal):
            view.show(ct)
            assert view.pixel_of(to_the_left)[1] > view.pixel_of(center)[1], "the patient's left is on the right"
        assert axial.pixel_of(to_the_front)[0] < axial.pixel_of(center)[0]
        assert coronal.pixel_of(up)[0] < coronal.pixel_of(center)[0]
    with views.SliceView("Yellow", SIZE) as sagittal:
        sagittal.show(ct)
        assert sagittal.pixel_of(up)[0] < sagittal.pixel_of(center)[0]
        assert sagittal.pixel_of(to_the_front)[1] < sagittal.pixel_of(center)[1]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_lesions_have_their_color_on_their_side_however_the_scan_is_stored(views, orientation):
    ct, node = segmented(orientation)
    node.GetDisplayNode().SetVisibility2DOutline(False)
    with views.SliceView("Red", SIZE) as view:
        view.show(ct)
        for place, structure, on_the_right in ((TUMOR_RAS, TUMOR, True), (CYST_RAS, CYST, False)):
            view.jump(place)
            pixel = view.pixel_of(place)
            picture = view.picture()
            assert seen(picture, pixel, node) is structure
            mirrored = view.pixel_of((-place[0], place[1], place[2]))
            assert seen(picture, mirrored, node) is not structure
            assert (pixel[1] > SIZE[0] / 2) is on_the_right


def test_the_pictures_are_the_same_however_the_scan_is_stored(views, scene):
    def pictures_of(orientation):
        scene.Clear(False)
        ct, _ = segmented(orientation)
        planes = ("Axial", "Coronal", "Sagittal")
        return [views.render_slice(ct, plane, TUMOR_RAS, SIZE, 150.0).astype(float) for plane in planes]

    def middle_of_the_tumor(picture):
        return np.argwhere(picture[..., 0] - picture[..., 2] > 60).mean(axis=0)

    plain = pictures_of("axial")
    for orientation in ("flipped", "oblique", "transformed"):
        for expected, picture in zip(plain, pictures_of(orientation), strict=True):
            assert np.median(np.abs(picture - expected).max(axis=2)) < 20  # noise of 12 HU is 8 steps of gray
            np.testing.assert_allclose(middle_of_the_tumor(picture), middle_of_the_tumor(expected), atol=6.0)


def test_fill_and_outline_follow_the_segmentation_display(views):
    ct, node = segmented("axial")
    display = node.GetDisplayNode()
    both = views.render_slice(ct, "Axial", TUMOR_RAS, SIZE).astype(float)
    display.SetVisibility2DFill(False)
    outline = views.render_slice(ct, "Axial", TUMOR_RAS, SIZE).astype(float)
    display.SetVisibility2DOutline(False)
    plain = views.render_slice(ct, "Axial", TUMOR_RAS, SIZE).astype(float)

    def colored(picture):
        return (np.ptp(picture, axis=2) > 12).sum()

    assert colored(both) > 2 * colored(outline) > 0
    assert colored(plain) == 0


def test_the_crosshair_is_drawn_at_its_place(views, scene):
    import slicer

    ct, _ = scan("axial")
    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    with views.SliceView("Red", SIZE) as view:
        view.show(ct)
        view.jump(TUMOR_RAS)
        before = view.picture()
        crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowBasic)
        crosshair.SetCrosshairRAS(TUMOR_RAS)
        after = view.picture()
        row, column = view.pixel_of(TUMOR_RAS)
    crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.NoCrosshair)
    rows, columns = np.nonzero(np.abs(after.astype(int) - before).max(axis=2) > 40)
    assert abs(np.median(rows) - row) <= 1
    assert abs(np.median(columns) - column) <= 1


def test_the_3d_view_shows_each_surface_in_its_color(views):
    _, node = segmented("transformed")
    node.CreateClosedSurfaceRepresentation()
    picture = views.render_3d(SIZE).astype(float)
    for structure in STRUCTURES:
        color = np.array(structure.color, float)
        toward = (picture @ color) / (np.linalg.norm(picture, axis=2) * np.linalg.norm(color) + 1e-6)
        assert (toward > 0.99).sum() > 40, f"{structure.name} is not seen"
    # seen from the front: the tumor, on the patient's left, is right of the cyst
    red = np.argwhere(picture[..., 0] > 2.2 * picture[..., 2]).mean(axis=0)
    blue = np.argwhere((picture[..., 2] - picture[..., 0] > 60) & (picture[..., 1] - picture[..., 0] > 40)).mean(axis=0)
    assert red[1] > blue[1]
    assert red[0] < blue[0]


def test_without_surfaces_the_3d_view_is_empty(views):
    segmented("axial")
    picture = views.render_3d(SIZE).astype(float)
    assert np.ptp(picture, axis=1).max() <= 1  # the background alone: one color a row


def test_a_view_leaves_no_node_behind(views, scene):
    ct, node = segmented("axial")
    node.CreateClosedSurfaceRepresentation()
    before = views._node_ids()
    views.render_slice(ct, "Sagittal", TUMOR_RAS, SIZE)
    views.render_3d(SIZE)
    assert views._node_ids() == before


@pytest.mark.parametrize("size", [(450, 240), (200, 500), (150, 120)])
def test_a_view_that_is_resized_still_shows_what_it_showed(views, size):
    ct, node = segmented("axial")
    with views.SliceView("Green", SIZE) as view:
        view.show(ct)
        view.jump(TUMOR_RAS, field_of_view_mm=200.0)
        view.resize(size)
        assert view.pixel_of(TUMOR_RAS) == (pytest.approx(size[1] / 2, abs=1), pytest.approx(size[0] / 2, abs=1))
        left, right = (view.pixel_of((TUMOR_RAS[0] + x, TUMOR_RAS[1], TUMOR_RAS[2]))[1] for x in (95.0, -95.0))
        assert 0 <= left < right < size[0]
        picture = view.picture()
        assert picture.shape == (size[1], size[0], 3)
        assert seen(picture, view.pixel_of(TUMOR_RAS), node) is TUMOR


def test_what_moves_slicers_slices_moves_the_view(views, scene):
    import slicer

    ct, node = segmented("axial")
    with views.SliceView("Red", SIZE) as view:
        view.show(ct)
        slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *CYST_RAS, slicer.vtkMRMLSliceNode.CenteredJumpSlice)
        row, column = view.pixel_of(CYST_RAS)
        assert (row, column) == (pytest.approx(SIZE[1] / 2, abs=1), pytest.approx(SIZE[0] / 2, abs=1))
        assert seen(view.picture(), (row, column), node) is CYST

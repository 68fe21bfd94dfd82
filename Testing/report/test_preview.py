"""Promises of the preview: the right slices, the right way round, in true proportions, with every number."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from KidneyTumorSegLib.anatomy import STRUCTURES, TUMOR
from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.measurements import Lesion, Measurements, headline, measure
from KidneyTumorSegLib.report import draw_preview
from KidneyTumorSegLib.report.panel import DISCLAIMER, draw_panel
from KidneyTumorSegLib.report.preview import WIDTH_PX, _layout
from KidneyTumorSegLib.report.style import line_pattern
from KidneyTumorSegLib.report.views import View, is_oblique, three_views
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

ORDERS = [
    Reorder(axes, flips)  # type: ignore[arg-type]
    for axes in permutations(range(3))
    for n in range(4)
    for flips in combinations(range(3), n)
]
Scan = tuple[Volume, LabelMap, Measurements]


@pytest.fixture(scope="module")
def scan() -> Scan:
    volume, labels = standard_phantom().scan(phantom_grid((3.0, 3.0, 6.0)))
    return volume, labels, measure(labels)


def _turned(volume: Volume, labels: LabelMap, order: Reorder) -> tuple[Volume, LabelMap]:
    grid = order.apply_to_grid(volume.grid)
    return replace(volume, voxels=order.apply(volume.voxels), grid=grid), LabelMap(order.apply(labels.labels), grid)


def _only(labels: LabelMap, *values: int) -> LabelMap:
    return LabelMap(np.where(np.isin(labels.labels, values), labels.labels, 0).astype(np.uint8), labels.grid)


def _texts(scan: Scan, size_px: tuple[float, float] = (640.0, 600.0), title: str = "", note: str = "") -> list[str]:
    axes = Figure().add_axes((0, 0, 1, 1))
    draw_panel(axes, size_px, scan[2], title, note)
    return [text.get_text() for text in axes.texts]


def test_the_picture_is_1600_pixels_wide_and_made_within_two_seconds(scan: Scan, tmp_path: Path) -> None:
    draw_preview(tmp_path / "warm.png", *scan)
    start = process_time()
    path = draw_preview(tmp_path / "preview.png", *scan, title="Größe 腎 $5")
    assert process_time() - start < 2.0  # of this process alone: the machine may be busy
    with Image.open(path) as picture:
        assert picture.width == WIDTH_PX
        assert 900 < picture.height < 1500
    assert sorted(file.name for file in tmp_path.iterdir()) == ["preview.png", "warm.png"]


def test_every_class_is_outlined_in_its_color_and_in_a_style_of_its_own(scan: Scan, tmp_path: Path) -> None:
    with Image.open(draw_preview(tmp_path / "a.png", *scan)) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    views = pixels[600:]  # below the legend
    for structure in STRUCTURES:
        near = np.abs(views - np.array(structure.color)).max(axis=-1) < 12
        assert near.sum() > 50, structure.name
    assert len({str(line_pattern(structure)) for structure in STRUCTURES}) == len(STRUCTURES)


def test_the_views_go_through_the_largest_tumor(scan: Scan) -> None:
    axial, coronal, sagittal = three_views(*scan)
    assert (axial.name, axial.position) == ("Axial", "S = 15 mm")
    assert coronal.name == "Coronal"
    assert sagittal.name == "Sagittal left"
    for view in (axial, coronal, sagittal):
        x, y = view.cross_mm
        row, column = np.abs(view.y_mm - y).argmin(), np.abs(view.x_mm - x).argmin()
        assert view.labels[row, column] == TUMOR.value


def test_without_a_tumor_they_go_through_the_cyst_and_without_lesions_through_a_kidney(scan: Scan) -> None:
    volume, labels, _ = scan
    for kept, wanted in (((1, 3), 3), ((1,), 1)):
        some = _only(labels, *kept)
        for view in three_views(volume, some, measure(some)):
            assert (view.labels == wanted).any()
    nothing = _only(labels)
    assert three_views(volume, nothing, measure(nothing))[2].name == "Sagittal"


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_all_48_orders_show_the_same_views(order: Reorder, scan: Scan) -> None:
    volume, labels, found = scan
    for one, other in zip(three_views(*_turned(volume, labels, order), found), three_views(*scan), strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.labels, other.labels)
        assert (one.letters, one.position, one.name) == (other.letters, other.position, other.name)


def test_right_is_on_the_left_front_on_top_or_left_and_the_head_on_top(scan: Scan) -> None:
    volume, labels, found = scan
    grid = volume.grid
    k, j, i = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
    lps = grid.world(np.stack([k, j, i], axis=-1))
    for axis, (in_axial, in_coronal, in_sagittal) in enumerate(
        (((0, 1), (0, 1), None), ((1, 0), None, (0, 1)), (None, (-1, 0), (-1, 0)))
    ):
        # The image is the world coordinate itself; how it grows along columns (x) and rows (y) is what is promised.
        coordinate = Volume(lps[..., axis].astype(np.float32), grid, "MR")
        views = three_views(coordinate, labels, found)
        for view, grows in zip(views, (in_axial, in_coronal, in_sagittal), strict=True):
            if grows is None:
                assert np.ptp(view.image) == 0
            else:
                steps = np.diff(view.image, axis=0 if grows[0] else 1)
                assert (np.sign(steps) == (grows[0] or grows[1])).all()
    axial, coronal, sagittal = three_views(volume, labels, found)
    assert axial.letters == ("R", "L", "A", "P")
    assert coronal.letters == ("R", "L", "H", "F")
    assert sagittal.letters == ("A", "P", "H", "F")


def test_all_views_are_drawn_in_one_scale_and_in_true_proportions(scan: Scan) -> None:
    axial, coronal, sagittal = three_views(*scan)
    places, height_px = _layout(axial, coronal)
    scales = [
        px / mm
        for view, place in zip((axial, coronal, sagittal), places, strict=False)
        for px, mm in zip(place[2:], view.size_mm, strict=True)
    ]
    assert scales == pytest.approx([scales[0]] * 6)
    for left, top, width, height in places:
        assert left >= 0
        assert top >= 0
        assert left + width <= WIDTH_PX
        assert top + height <= height_px


@pytest.mark.parametrize("size_mm", [(60.0, 50.0, 40.0), (500.0, 500.0, 330.0), (350.0, 90.0, 300.0)])
def test_odd_shapes_of_scans_leave_room_for_the_numbers(size_mm: tuple[float, float, float]) -> None:
    def view(width: float, height: float) -> View:
        x, y = np.arange(width), np.arange(height)
        return View("", np.zeros((y.size, x.size)), np.zeros((y.size, x.size), np.uint8), x, y, ("",) * 4, "", (0, 0))  # type: ignore[arg-type]

    width, depth, height = size_mm
    places, height_px = _layout(view(width, depth), view(width, height))
    assert places[3][2] >= 540
    assert places[3][3] >= 480
    assert height_px <= 1500 + 480


def test_the_body_is_shown_without_the_air_around_it_and_a_long_scan_is_cut_around_the_focus(scan: Scan) -> None:
    volume, labels, found = scan
    axial, coronal, _ = three_views(volume, labels, found)
    assert axial.size_mm[0] < 345 < 352
    taller = Grid((140, *volume.grid.shape[1:]), volume.grid.affine)
    tall = np.full(taller.shape, -1000, np.int16)
    tall[: volume.grid.shape[0]] = volume.voxels
    mapped = np.zeros(taller.shape, np.uint8)
    mapped[: volume.grid.shape[0]] = labels.labels
    cut = three_views(Volume(tall, taller), LabelMap(mapped, taller), found)[1]
    assert coronal.size_mm[1] < cut.size_mm[1] <= 330
    assert (cut.labels == TUMOR.value).any()


def test_the_numbers_name_headline_volumes_lesions_note_and_what_it_is_not_for(scan: Scan) -> None:
    texts = _texts(scan, title="CT 5", note="W 400 L 40")
    assert {"CT 5", headline(scan[2]), "W 400 L 40", DISCLAIMER, "Tumor 1 left", "Cyst 1 right"} <= set(texts)
    tumor = scan[2].lesions[0]
    assert f"{tumor.diameter_mm:.0f} mm" in texts
    assert f"{tumor.volume_ml:.0f} mL" in texts


def test_lesions_that_do_not_fit_are_counted(scan: Scan) -> None:
    many = tuple(Lesion("cyst", "left", n, 30.0 - n, 20.0, (0.0, 0.0, 0.0)) for n in range(1, 21))
    texts = _texts((scan[0], scan[1], replace(scan[2], lesions=many)))
    listed = sum(text.startswith("Cyst ") for text in texts)
    assert 3 < listed < 20
    assert f"and {20 - listed} more" in texts


def test_a_doubt_about_the_side_is_written_under_the_numbers(scan: Scan) -> None:
    doubt = "The only kidney lies near the middle of the scan: check its side."
    assert doubt in _texts((scan[0], scan[1], replace(scan[2], sides_note=doubt)))
    assert not any("two kidneys" in text for text in _texts(scan))


def test_an_oblique_scan_is_called_oblique_and_a_flipped_one_is_not(scan: Scan) -> None:
    grid = scan[0].grid
    a = np.deg2rad(10)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    assert is_oblique(Grid(grid.shape, turn @ grid.affine))
    assert not any(is_oblique(order.apply_to_grid(grid)) for order in ORDERS)


def test_an_empty_result_of_an_mr_is_drawn_too(scan: Scan, tmp_path: Path) -> None:
    volume, labels, _ = scan
    mr = Volume(np.abs(volume.voxels).astype(np.float32), volume.grid, "MR")
    nothing = _only(labels)
    assert draw_preview(tmp_path / "mr.png", mr, nothing, measure(nothing)).stat().st_size > 10_000
    blank = Volume(np.zeros(volume.grid.shape, np.int16), volume.grid)
    assert draw_preview(tmp_path / "blank.png", blank, nothing, measure(nothing)).stat().st_size > 5_000


def test_labels_on_another_grid_are_refused(scan: Scan, tmp_path: Path) -> None:
    volume, labels, found = scan
    moved = Grid(labels.grid.shape, np.diag([2.0, 1.0, 1.0, 1.0]) @ labels.grid.affine)
    with pytest.raises(InputError, match="labels do not lie on the grid of the scan"):
        draw_preview(tmp_path / "a.png", volume, LabelMap(labels.labels, moved), found)


def test_a_folder_that_is_missing_is_a_sentence(scan: Scan, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png cannot be written .*Check that its folder exists"):
        draw_preview(tmp_path / "nowhere" / "a.png", *scan)


def test_importing_the_room_loads_no_matplotlib_and_drawing_leaves_pyplot_alone(tmp_path: Path) -> None:
    code = (
        "import sys; import KidneyTumorSegLib.report as r; assert 'matplotlib' not in sys.modules;"
        "from KidneyTumorSegLib.volume.phantom import *; from KidneyTumorSegLib.measurements import measure;"
        "v, l = standard_phantom().scan(phantom_grid((8, 8, 12))); r.draw_preview(sys.argv[1], v, l, measure(l));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    library = Path(sys.modules["KidneyTumorSegLib"].__file__ or "").parent.parent
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], cwd=library, check=True)

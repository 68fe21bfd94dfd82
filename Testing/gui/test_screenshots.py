"""The pictures of README and docs can be made anew on any machine, and show what they should."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "Testing" / "screenshots"
WIDTH, HEIGHT = 1600, 940


@pytest.fixture(scope="module")
def picture_of(tmp_path_factory):
    """Makes a picture in a process of its own, as a developer does; gives its pixels."""
    pytest.importorskip("slicer", reason="slicer-core is not installed: it comes with the extra 'test'.")
    pytest.importorskip("PySide6", reason="PySide6 is not installed: it comes with the extra 'test'.")
    import views

    if not views.can_render():
        pytest.skip("This machine has no OpenGL, not even a software one (on Debian: libegl1).")
    folder = tmp_path_factory.mktemp("pictures")

    def make(name, *options):
        import matplotlib.image

        call = [sys.executable, FOLDER / "make.py", folder, "--only", name, *options]
        done = subprocess.run(call, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        (written,) = (line for line in done.stdout.splitlines() if line.endswith(".png"))
        return (matplotlib.image.imread(written)[..., :3] * 255).astype(int)

    return make


def reddish(pixels):
    """As red as a tumor's outline or surface; a kidney's is not."""
    return (pixels[..., 0] - pixels[..., 1] > 110) & (pixels[..., 0] - pixels[..., 2] > 110)


def view_below(pixels, name):
    """The pixels of a slice view, found by the color of its bar, without the bar; and its left edge."""
    from views import SLICE_VIEWS

    bar = np.abs(pixels - SLICE_VIEWS[name].color).max(axis=2) <= 2
    rows, columns = np.nonzero(bar.sum(axis=1) > 300)[0], np.nonzero(bar.sum(axis=0) >= 8)[0]
    top, left, right = rows.max() + 4, columns.min(), columns.max() + 1
    return pixels[top : top + pixels.shape[0] // 2 - 40, left:right], left


def test_the_result_lies_over_the_slices_and_in_3d_beside_the_panel(picture_of):
    pixels = picture_of("panel-result")
    height, width, _ = pixels.shape
    assert (width, height >= HEIGHT) == (WIDTH, True)
    red, left = view_below(pixels, "Red")
    assert np.ptp(pixels[:, : left - 4], axis=(0, 1)).min() > 150, "the panel is blank"
    three_d = pixels[30 : height // 2 - 20, left + red.shape[1] + 10 :]
    for view in (red, view_below(pixels, "Green")[0], view_below(pixels, "Yellow")[0], three_d):
        assert reddish(view).sum() > 100
    columns = np.nonzero(reddish(red))[1]
    assert columns.mean() > red.shape[1] / 2, "the tumor is on the patient's left: right of the picture's middle"


def test_pictures_for_larger_screens_and_the_dark_style_are_so(picture_of):
    pixels = picture_of("panel-fresh", "--dark", "--scale", "1.5")
    assert pixels.shape[1] == 1.5 * WIDTH
    assert np.median(pixels[:, : round(1.5 * 470)]) < 80


def test_every_picture_of_the_panel_in_the_repository_can_be_made_anew():
    tree = ast.parse((FOLDER / "states.py").read_text(encoding="utf-8"))
    (table,) = (n for n in tree.body if isinstance(n, ast.AnnAssign) and getattr(n.target, "id", "") == "STATES")
    names = {key.value for key in table.value.keys}
    kept = {path.stem for path in (REPOSITORY / "Resources" / "Screenshots").glob("panel-*.png")}
    assert kept <= names

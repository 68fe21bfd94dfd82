"""One picture of a result that a radiologist can read: three views with outlines, and the numbers beside them."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ..anatomy import KIDNEY, STRUCTURES, Structure
from ..errors import InputError
from ..measurements import Measurements
from ..volume import LabelMap, Volume
from .panel import MIN_HEIGHT_PX, MIN_WIDTH_PX, draw_panel
from .style import BACKGROUND, DPI, FAINT, TEXT, halo, line_pattern
from .views import View, is_oblique, three_views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PX = 1600
MAX_HEIGHT_PX = 1500
WINDOW_HU, LEVEL_HU = 400.0, 40.0
"""The abdominal window."""
SCALE_BAR_MM = 50.0
_EDGE_PX, _GAP_PX = 16, 12


def draw_preview(
    path: Path | str, volume: Volume, label_map: LabelMap, measurements: Measurements, title: str = ""
) -> Path:
    """Draw axial, coronal and sagittal views through the main finding, with outlines, scale and volumes, as a PNG.

    Args:
        path: of the picture, `.png`.
        volume: the CT (or MR), any orientation.
        label_map: on the volume's grid.
        measurements: of the label map.
        title: above the numbers; empty: what the volume is called.

    Returns:
        The path that was written.

    Raises:
        InputError: volume and labels lie on different grids; or the file cannot be written.
    """
    path = Path(path)
    if not volume.grid.same_as(label_map.grid):
        raise InputError("The picture cannot be drawn: the labels do not lie on the grid of the scan.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axial, coronal, sagittal = three_views(volume, label_map, measurements)
    places, height_px = _layout(axial, coronal)
    figure = Figure(figsize=(WIDTH_PX / DPI, height_px / DPI), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    low, high = _window(volume, axial)
    for view, place in zip((axial, coronal, sagittal), places, strict=False):
        _draw_view(_axes(figure, place, height_px), view, low, high)
    panel = figure.add_axes(_fraction(places[3], height_px))
    window = f"W {WINDOW_HU:.0f} L {LEVEL_HU:.0f}" if volume.modality == "CT" else f"{volume.modality}, own window"
    notes = (window, *(["oblique scan"] if is_oblique(volume.grid) else []))
    draw_panel(panel, places[3][2:], measurements, title or volume.source, " · ".join(notes))
    _write_whole(path, figure)
    return path


Place = tuple[float, float, float, float]
"""Left, top, width, height in pixels, from the picture's upper left corner."""


def _layout(axial: View, coronal: View) -> tuple[tuple[Place, Place, Place, Place], int]:
    """Places of the axial, coronal and sagittal view and of the numbers, all views in one scale; and the height."""
    width_mm, depth_mm = axial.size_mm
    height_mm = coronal.size_mm[1]
    usable = WIDTH_PX - 2 * _EDGE_PX - _GAP_PX
    tall = MAX_HEIGHT_PX - 2 * _EDGE_PX - _GAP_PX
    scale = min(usable / (width_mm + depth_mm), (usable - MIN_WIDTH_PX) / width_mm, tall / (depth_mm + height_mm))
    left, top = _EDGE_PX, _EDGE_PX
    first_row = max(depth_mm * scale, MIN_HEIGHT_PX)
    second_column = left + width_mm * scale + _GAP_PX
    second_row = top + first_row + _GAP_PX
    right_width = WIDTH_PX - _EDGE_PX - second_column
    places = (
        (left, top + (first_row - depth_mm * scale) / 2, width_mm * scale, depth_mm * scale),
        (left, second_row, width_mm * scale, height_mm * scale),
        (second_column + max(0.0, right_width - depth_mm * scale) / 2, second_row, depth_mm * scale, height_mm * scale),
        (second_column, top, right_width, first_row),
    )
    return places, int(np.ceil(second_row + height_mm * scale + _EDGE_PX))


def _fraction(place: Place, height_px: int) -> tuple[float, float, float, float]:
    left, top, width, height = place
    return left / WIDTH_PX, 1 - (top + height) / height_px, width / WIDTH_PX, height / height_px


def _axes(figure: Figure, place: Place, height_px: int) -> Axes:
    axes = figure.add_axes(_fraction(place, height_px))
    axes.set_axis_off()
    return axes


def _window(volume: Volume, view: View) -> tuple[float, float]:
    """Values shown black and white."""
    if volume.modality == "CT":
        return LEVEL_HU - WINDOW_HU / 2, LEVEL_HU + WINDOW_HU / 2
    low, high = np.percentile(view.image, (1, 99))
    return float(low), float(max(high, low + 1e-6))


def _draw_view(axes: Axes, view: View, low: float, high: float) -> None:
    left, right, bottom, top = view.extent_mm
    axes.imshow(
        view.image, cmap="gray", vmin=low, vmax=high, extent=view.extent_mm, interpolation="bilinear", aspect="auto"
    )
    for structure in STRUCTURES:
        _draw_outline(axes, view, structure)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    _draw_ticks(axes, view)
    _draw_scale_bar(axes, view)
    at: dict[str, Any] = {"transform": axes.transAxes, "color": TEXT, "path_effects": halo(), "clip_on": False}
    for letter, x, y, ha, va in zip(
        view.letters, (0.012, 0.988, 0.5, 0.5), (0.5, 0.5, 0.985, 0.015),
        ("left", "right", "center", "center"), ("center", "center", "top", "bottom"), strict=True,
    ):  # fmt: skip
        axes.text(x, y, letter, ha=ha, va=va, fontsize=13, fontweight="bold", **at)
    axes.text(0.012, 0.985, f"{view.name}  {view.position}", ha="left", va="top", fontsize=11, **at)


def _draw_outline(axes: Axes, view: View, structure: Structure) -> None:
    """The outline of one class, half-way between voxels inside and outside.

    A dark casing parts it from bright tissue, and a lesion's outline from that of the kidney beneath it.
    """
    mask = np.pad(view.labels == structure.value, 1)  # closed at the picture's edge too
    if not mask.any():
        return
    x_mm, y_mm = (_padded(centers) for centers in (view.x_mm, view.y_mm))
    width = 1.6 if structure is KIDNEY else 2.0
    casing: dict[str, Any] = {"colors": [BACKGROUND], "linewidths": width + 1.2, "alpha": 0.7}
    line: dict[str, Any] = {
        "colors": [structure.color_fraction], "linewidths": width, "linestyles": [line_pattern(structure)],
    }  # fmt: skip
    for look in (casing, line):
        axes.contour(x_mm, y_mm, mask.astype(np.float32), levels=[0.5], **look)


def _padded(centers: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    step = centers[1] - centers[0] if centers.size > 1 else 1.0
    return np.concatenate([[centers[0] - step], centers, [centers[-1] + step]])


def _draw_ticks(axes: Axes, view: View) -> None:
    """Short marks at the edges where the other two views cut this one."""
    x, y = view.cross_mm
    left, right, bottom, top = view.extent_mm
    length = 5.0
    for xs, ys in (
        ((x, x), (top, top + length)), ((x, x), (bottom - length, bottom)),
        ((left, left + length), (y, y)), ((right - length, right), (y, y)),
    ):  # fmt: skip
        axes.plot(xs, ys, color=FAINT, linewidth=1.4, solid_capstyle="butt")


def _draw_scale_bar(axes: Axes, view: View) -> None:
    _, right, bottom, _ = view.extent_mm
    x, y = right - 6.0, bottom - 6.0
    axes.plot((x - SCALE_BAR_MM, x), (y, y), color=TEXT, linewidth=2.5, solid_capstyle="butt", path_effects=halo())
    axes.text(
        x - SCALE_BAR_MM / 2, y - 2.0, f"{SCALE_BAR_MM:.0f} mm", ha="center", va="bottom", fontsize=9, color=TEXT,
        path_effects=halo(),
    )  # fmt: skip


def _write_whole(path: Path, figure: Figure) -> None:
    """Under its final name only when whole."""
    picture = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a title in a script the font lacks
        figure.savefig(picture, format="png", dpi=DPI, facecolor=BACKGROUND, pil_kwargs={"compress_level": 2})
    temporary = path.with_name(f".{uuid4().hex[:12]}.png")
    try:
        temporary.write_bytes(picture.getvalue())
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}). Check that its folder exists and may be written."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)

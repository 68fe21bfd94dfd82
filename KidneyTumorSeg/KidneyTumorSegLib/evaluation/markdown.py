"""The figures as one page for people (Markdown), and as a table for programs (CSV)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields

from .comparison import Comparison, Difference
from .figure import Figure

KIND_TITLES = {
    "scan": "Whole scans",
    "slice": "Single slices",
    "abdomen": "Whole abdomens",
    "kits-volume": "Whole KiTS scans",
    "kits-slice": "Single slices of KiTS scans",
    "synthetic": "Scans with synthetic lesions",
    "phantom": "Synthetic phantoms",
}

PUBLISHED = {"kidney_and_masses.dice": 0.961, "tumor.dice": 0.811}
"""Mean Dice of the U-Net with ResNet-34 on KiTS21, after H. Beheshtifard's poster "Kidney Tumor Segmentation"."""
PUBLISHED_TITLE = "poster (KiTS21)"

_NOTES = (
    "Dice, IoU and distances: where the reference holds the structure. A case without a usable prediction scores 0 and "
    "has no distances (column *undefined*). KiTS23's mean: its three regions, its tolerances, 1 where reference and "
    "prediction are both empty.",
    "Intervals: 95 %, percentile bootstrap over patients (10,000 resamples, fixed seed); none with fewer than three "
    "patients. A patient's cases are averaged first. An interval of one single value says that all patients agreed, "
    "not that the figure is certain.",
    "HD95: the area-weighted 95th percentile of each direction, the larger of the two (DeepMind's surface-distance). "
    "ASD: from the prediction's surface to the reference's; ASSD: both directions.",
    "Lesions: connected components of at least 30 mm3, matched one to one by IoU; size is the diameter of a ball of "
    "the same volume. A false lesion that lies on one of the other class is counted as false, and again in a row of "
    "its own.",
    f"{PUBLISHED_TITLE}: mean Dice that the poster of the U-Net with ResNet-34 reports on KiTS21. Its own split, other "
    "data, slice by slice: not comparable one to one.",
)
_HEAD = ("what", "patients", "cases", "mean or share", "95 % interval", "median", "IQR", "undefined")


def summary_markdown(
    figures: Sequence[Figure],
    title: str,
    remarks: Sequence[str] = (),
    comparison: Comparison | None = None,
    picture: str = "",
) -> str:
    """One page: remarks, a table for each kind of data, the comparison, and how everything was computed.

    Args:
        figures: of all kinds.
        title: what was evaluated.
        remarks: sentences on the data and on what failed, above the tables.
        comparison: with other results.
        picture: its file's name; empty if there is none.
    """
    parts = [f"# {title}", *(["\n".join(f"- {remark}" for remark in remarks)] if remarks else [])]
    if picture:
        parts.append(f"![Worst, median and best case]({picture})")
    for kind in dict.fromkeys(figure.on for figure in figures):
        of_kind = [figure for figure in figures if figure.on == kind]
        has_published = any(figure.key in PUBLISHED for figure in of_kind)
        head = (*_HEAD, PUBLISHED_TITLE) if has_published else _HEAD
        rows = [_row(figure)[: len(head)] for figure in of_kind]
        parts += [f"## {kind_title(kind)}", table(head, rows)]
    if comparison is not None:
        parts += _comparison(comparison)
    parts += ["## How it was computed", "\n".join(f"- {note}" for note in _NOTES)]
    return "\n\n".join(parts) + "\n"


def summary_csv(figures: Sequence[Figure]) -> str:
    """All figures with full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Figure)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(figure) for figure in figures)
    return text.getvalue()


def kind_title(kind: str) -> str:
    """What a kind of data is called in headings."""
    return KIND_TITLES.get(kind, kind)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _row(figure: Figure) -> tuple[str, ...]:
    spread = "" if figure.q25 is None else f"{short(figure.q25)} to {short(figure.q75)}"
    published = PUBLISHED.get(figure.key)
    return (
        figure.what,
        str(figure.patients),
        counted(figure.cases, figure.unit),
        short(figure.value),
        _interval(figure.low, figure.high),
        short(figure.median),
        spread,
        str(figure.undefined or ""),
        "" if published is None else f"{published:.3f}",
    )


def _comparison(comparison: Comparison) -> list[str]:
    head = ("what", "on", "patients", "before", "after", "difference", "95 % interval", "median", "p", "p (Holm)")
    parts = ["## Against the other results", "Positive differences: these results are better."]
    parts.append(table(head, [_difference_row(one) for one in comparison.differences]))
    for names, where in ((comparison.only_here, "these"), (comparison.only_there, "the other")):
        if names:
            parts.append(f"Only in {where} results, so left out of the comparison: {', '.join(names)}.")
    parts.append("p: Wilcoxon's signed-rank test over patients, two-sided; none with fewer than six patients.")
    return parts


def _difference_row(one: Difference) -> tuple[str, ...]:
    p_values = ("" if p is None else f"{p:.2g}" for p in (one.p, one.p_holm))
    numbers = (short(one.before), short(one.after), f"{one.mean:+.3f}", _interval(one.low, one.high, "+"))
    return one.what, kind_title(one.on), str(one.patients), *numbers, f"{one.median:+.3f}", *p_values


def counted(count: int, unit: str) -> str:
    """ "1 scan", "2 scans"."""
    return f"{count} {unit.removesuffix('s') if count == 1 else unit}"


def short(value: float | None) -> str:
    """Three decimals below 10, one above; empty for None."""
    if value is None:
        return ""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _interval(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else f"{low:{sign}.3f} to {high:{sign}.3f}"

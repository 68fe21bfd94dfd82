"""Options that several commands share, so that they are called and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UsageError
from ..settings import DEFAULT_MODEL, Settings

BoxMm = tuple[float, float, float, float, float, float]
Quality = Literal["fast", "standard", "best"]

Model = Annotated[str, typer.Option("--model", metavar="NAME|FOLDER", help="A model's name, or its folder.")]
QualityOption = Annotated[
    Quality, typer.Option("--quality", help="fast skips every second thin slice, best averages with the mirror image.")
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda[:N]|mps", help="What computes.")]
Series = Annotated[
    str | None,
    typer.Option(
        "--series", metavar="SERIES", help="Of a DICOM folder: UID, number or part of its name. Default: the largest."
    ),
]
Box = Annotated[
    BoxMm | None,
    typer.Option(
        "--box",
        metavar="L0 L1 P0 P1 S0 S1",
        help="Search in this box (LPS world, mm), and farther only where a kidney goes on.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.")]
Json = Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Made if it does not exist.")]

DEFAULTS = Settings()


def settings(
    model: str = DEFAULT_MODEL, quality: str = "standard", device: str = "auto", box: BoxMm | None = None
) -> Settings:
    """The settings of one run from a command's options.

    Raises:
        UsageError: the box is turned around or empty.
    """
    if box is not None:
        for axis, low, high in zip("LPS", box[::2], box[1::2], strict=True):
            if not low < high:
                raise UsageError(
                    f"The box is empty along {axis}: it goes from {low:g} to {high:g} mm. Give L0 L1 P0 P1 S0 S1, "
                    "the smaller value first."
                )
    return Settings(model=model, quality=quality, device=device, box_mm=box)

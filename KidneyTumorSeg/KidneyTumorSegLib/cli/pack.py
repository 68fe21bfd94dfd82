"""`pack`: labeled CTs in, one small folder out that trains on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import console, options


def pack(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The recipe that will train on it, or a .toml file.")],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Labeled CTs and weights to start from.")],
    output: options.OutputFolder,
    quiet: options.Quiet = False,
) -> None:
    """Prepare labeled CTs for training elsewhere: `train NAME --data` takes the folder that this writes."""
    from ..training import pack_data

    with console.shown_progress(quiet) as progress:
        progress.stage("Packing cases", 0.99, unit="cases")

        def packed(_: str) -> None:
            progress.check_cancelled()
            progress.extend(1)
            progress.advance()

        file = pack_data(name, data, output, lambda problem: console.remark(str(problem)), packed)
        progress.finish()
    console.result(f"Packed: {file} ({file.stat().st_size / 1e6:.1f} MB)")

"""`samples`: pictures of what a training would see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from . import console, options
from .whole_folder import whole_folder


def samples(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe's name, or a .toml file.")],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Labeled CTs, as for `train`.")],
    output: options.OutputFolder,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="Pictures a sheet.")] = 24,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Other seeds, other lesions.")] = 0,
    fold: Annotated[
        int | None, typer.Option("--fold", metavar="N", help="Leave part N of the split out, as for `train`.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Contact sheets: real lesions, synthetic lesions, contrast phases and look-alikes, plain and outlined."""
    import numpy as np

    from ..training import contact_sheet
    from ..training.gather import gather
    from ..training.recipe import read_recipe

    with whole_folder(output) as folder, console.shown_progress(quiet) as progress:
        progress.stage("Reading cases", 0.5)
        material = gather(data, read_recipe(name), None, fold, lambda problem: console.remark(f"Warning: {problem}"))
        sheets = {
            "real": contact_sheet.real_tiles,
            "lesions": contact_sheet.lesion_tiles,
            "phases": contact_sheet.phase_tiles,
            "look-alikes": contact_sheet.look_alike_tiles,
        }
        written: list[str] = []
        progress.stage("Drawing", 0.99, len(sheets), "sheets")
        for number, (sheet, tiles_of) in enumerate(sheets.items()):
            progress.check_cancelled()
            tiles = tiles_of(material, count, np.random.default_rng((seed, number)))
            if tiles:
                contact_sheet.draw_sheet(folder / f"{sheet}.png", f"{name}: {sheet}", tiles)
                written.append(f"{sheet}.png")
            progress.advance()
        if not written:
            raise InputError(f"No case in {data} has a kidney or a lesion: there is nothing to show.")
        progress.finish()
    console.result(f"The sheets are in {output.resolve()}: {', '.join(written)}.")

"""One doubt, in words, with the place where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What the user should know of a scan or a result.

    Attributes:
        code: short and stable, for machines ("thick-slices").
        severity: "warning" asks the user to look, "info" only tells.
        text: a sentence for a radiologist.
        lps: where to look, world LPS in mm; None if it concerns the whole scan.
    """

    code: str
    severity: Literal["info", "warning"]
    text: str
    lps: tuple[float, float, float] | None = None

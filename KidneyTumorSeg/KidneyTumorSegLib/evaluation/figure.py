"""One figure over many cases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure over many cases.

    Attributes:
        what: for people.
        on: kind of the cases.
        patients, cases: how many enter; `cases` counts what `unit` says.
        unit: "scans", "slices" or "lesions".
        value: mean or share; None: nothing to measure it on.
        low, high: 95 % interval by patient; None with too few patients.
        median, q25, q75: over patients; None for shares and counts.
        undefined: cases in which it could not be measured, and that are left out.
        key: "TARGET.FIGURE", for programs.
    """

    what: str
    on: str
    patients: int
    cases: int
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    median: float | None = None
    q25: float | None = None
    q75: float | None = None
    undefined: int = 0
    key: str = ""

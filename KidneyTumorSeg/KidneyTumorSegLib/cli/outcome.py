"""One run's result in words and as JSON; `segment` and `demo` say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import format_seconds

if TYPE_CHECKING:
    from ..measurements import Quantity
    from ..pipeline import Result


def lines(result: Result) -> list[str]:
    """Headline, what was measured, warnings and remarks, time."""
    from ..measurements import headline

    measured = [f"  {quantity}" for quantity in result.measurements.quantities if quantity.value is not None]
    findings = [f"{finding.severity.capitalize()}: {finding.text}" for finding in result.findings]
    record = result.record
    return [
        headline(result.measurements),
        *measured,
        *findings,
        f"Took {format_seconds(record.seconds)} on {record.device} with {record.model} {record.model_version}.",
    ]


def as_json(result: Result, files: dict[str, Path]) -> dict[str, Any]:
    """The same for machines. Holds the paths that the user gave, and no patient data."""
    from ..measurements import headline

    return {
        "headline": headline(result.measurements),
        "quantities": [_quantity(quantity) for quantity in result.measurements.quantities],
        "lesions": [
            {
                "kind": lesion.kind,
                "side": lesion.side,
                "number": lesion.number,
                "volume_ml": lesion.volume_ml,
                "diameter_mm": lesion.diameter_mm,
                "center_lps_mm": list(lesion.center_lps),
            }
            for lesion in result.measurements.lesions
        ],
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "text": finding.text,
                "lps_mm": None if finding.lps is None else list(finding.lps),
            }
            for finding in result.findings
        ],
        "record": json.loads(result.record.to_json()),
        "files": {what: str(path) for what, path in files.items()},
    }


def _quantity(quantity: Quantity) -> dict[str, Any]:
    return {
        "key": quantity.key,
        "title": quantity.title,
        "value": quantity.value,
        "unit": quantity.unit,
        "reason": quantity.reason,
    }

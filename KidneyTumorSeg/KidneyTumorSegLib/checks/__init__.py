"""Is this scan, or this result, fit to go on? A refusal is an error in one sentence, a doubt is a finding."""

from .confidence import LesionConfidence
from .finding import Finding
from .result import check_result
from .scan import check_volume

__all__ = ["Finding", "LesionConfidence", "check_result", "check_volume"]

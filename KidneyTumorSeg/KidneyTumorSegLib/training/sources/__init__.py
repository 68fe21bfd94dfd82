"""Data sets as users have them: folders in, one `Source` a scan out."""

from .data_set import DataSet, open_data, read_sources
from .entry import Entry
from .phantoms import phantom_sources
from .problem import OnProblem, Problem
from .source import REGION_IDS, Kind, Source

__all__ = [
    "REGION_IDS",
    "DataSet",
    "Entry",
    "Kind",
    "OnProblem",
    "Problem",
    "Source",
    "open_data",
    "phantom_sources",
    "read_sources",
]

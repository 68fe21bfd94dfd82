"""Data sets as users have them: folders in, one `Source` a scan out."""

from .packs import read_sources
from .phantoms import phantom_sources
from .source import REGION_IDS, Source

__all__ = ["REGION_IDS", "Source", "phantom_sources", "read_sources"]

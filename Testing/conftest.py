"""What all tests share: the library on the path, as in Slicer, where the module's folder is on it."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "KidneyTumorSeg"))

"""What all tests share: the library on the path, as in Slicer, where the module's folder is on it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "KidneyTumorSeg"))

# Nobody looks at a test's window, and a machine that runs tests may have no screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "Agg")

# Times vary on a busy machine: an example is wrong when it is wrong, not when it is slow. The same examples every
# time: a red test can be repeated by anyone.
hypothesis.settings.register_profile("product", deadline=None, derandomize=True)
hypothesis.settings.load_profile("product")

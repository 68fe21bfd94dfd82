"""Seconds and peak memory of one whole run on a synthetic scan as large as a clinical one.

    python Testing/benchmarks/whole_run.py [SLICES]

A benchmark, not a test: times depend on the machine and are never asserted. Peak memory is of the process, from
`resource` where the system has it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

START = time.perf_counter()
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "KidneyTumorSeg"))

from KidneyTumorSegLib import pipeline  # noqa: E402
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom  # noqa: E402


def peak_gb() -> float | None:
    """Peak resident memory of this process so far, GB; None where it cannot be told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(slices: int) -> None:
    """Scan the standard phantom at 512x512 and `slices` slices, and run the pipeline on it."""
    began = time.perf_counter()
    volume, _ = standard_phantom().scan(phantom_grid((0.7, 0.7, 450 / slices), (358.4, 358.4, 450.0)))
    print(f"making the scan {volume.grid.shape}: {time.perf_counter() - began:.1f} s (not counted below)")
    began = time.perf_counter()
    result = pipeline.run(volume)
    print(f"pipeline: {time.perf_counter() - began:.1f} s on {result.record.device} ({result.record.precision})")
    for stage, seconds in result.record.seconds_by_stage.items():
        print(f"  {seconds:6.2f} s  {stage}")
    peak = peak_gb()
    if peak is not None:
        print(f"peak memory: {peak:.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)

"""The image noise of one scan, measured, and more of the same kind.

Lesions that are smoother or rougher than the tissue around them would teach a network to look for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .fields import FloatImage

_SOFT_HU = (-10.0, 240.0)
_WIDE_PX = 2.5  # what changes more slowly than this is anatomy, not noise
_CALM_SHARE = 0.35  # of the soft tissue, that with the smallest slopes
_SLICES = 5
_ENOUGH_PX = 300
_PAD = 6
_LOST_BY_FILTER = 0.06  # the high-pass lowers the correlation of neighbors by about this much


@dataclass(frozen=True)
class ScanNoise:
    """Noise of a scan.

    Attributes:
        level_hu: standard deviation, of what is finer than about 2.5 pixels.
        grain_px: standard deviation of the Gaussian that makes it of white noise, in-plane, pixels.
        grain_slices: the same from slice to slice.
    """

    level_hu: float
    grain_px: float
    grain_slices: float

    def draw(self, shape: tuple[int, int, int], random: np.random.Generator) -> FloatImage:
        """Noise [k, j, i], HU."""
        padded = (shape[0] + 2, shape[1] + 2 * _PAD, shape[2] + 2 * _PAD)
        noise = random.standard_normal(padded, dtype=np.float32)
        grain = (self.grain_slices, self.grain_px, self.grain_px)
        noise = ndimage.gaussian_filter(noise, grain, mode="wrap", truncate=3.0)
        noise *= self.level_hu / max(float(fine_part(noise).std()), 1e-6)
        return np.ascontiguousarray(noise[1:-1, _PAD:-_PAD, _PAD:-_PAD])


def fine_part(hu: npt.NDArray[np.floating]) -> FloatImage:
    """What is left of slices when the slow changes are taken away."""
    return np.asarray(hu - ndimage.gaussian_filter(hu, (0, _WIDE_PX, _WIDE_PX), truncate=3.0), np.float32)


def measure_noise(hu: npt.NDArray[np.int16], floor_hu: float) -> ScanNoise:
    """Noise of a scan, from the calmest soft tissue of a few slices.

    Args:
        hu: int16 [k, j, i].
        floor_hu: values at or below it are cut off.
    """
    middle = np.linspace(0, len(hu) - 1, min(len(hu), _SLICES) + 2).round().astype(int)[1:-1] if len(hu) > 2 else [0]
    fine, calm, across = [], [], []
    for k in middle:
        pair = hu[k : k + 2].astype(np.float32)
        slow = ndimage.gaussian_filter(pair, (0, _WIDE_PX, _WIDE_PX), truncate=3.0)
        rest = pair - slow
        slope = np.hypot(*np.gradient(slow[0]))
        soft = (slow[0] > max(_SOFT_HU[0], floor_hu + 25)) & (slow[0] < _SOFT_HU[1])
        if soft.sum() < _ENOUGH_PX:
            continue
        fine.append(rest[0])
        calm.append(soft & (slope <= np.quantile(slope[soft], _CALM_SHARE)))
        if len(rest) > 1:
            across.append((rest[0][calm[-1]], rest[1][calm[-1]]))
    if not fine:
        return ScanNoise(8.0, 0.6, 0.3)
    level = float(np.median([_spread(part[mask]) for part, mask in zip(fine, calm, strict=True)]))
    near = np.mean([_neighbor_correlation(part, mask) for part, mask in zip(fine, calm, strict=True)])
    between = np.mean([np.corrcoef(one, other)[0, 1] for one, other in across]) if across else 0.0
    return ScanNoise(max(level, 1.0), _grain(float(near) + _LOST_BY_FILTER), _grain(float(between)))


def _spread(values: npt.NDArray[np.floating]) -> float:
    """Standard deviation that outliers do not move."""
    low, high = np.quantile(values, (0.1587, 0.8413))
    return float(high - low) / 2


def _neighbor_correlation(part: FloatImage, mask: npt.NDArray[np.bool_]) -> float:
    both = mask[:, 1:] & mask[:, :-1]
    return float(np.corrcoef(part[:, 1:][both], part[:, :-1][both])[0, 1])


def _grain(correlation: float) -> float:
    """Of white noise blurred by a Gaussian of s pixels, neighbors correlate as exp(-1 / (4 s^2))."""
    correlation = min(max(correlation, 0.0), 0.93)
    return 0.0 if correlation < 0.02 else float(np.sqrt(-1 / (4 * np.log(correlation))))

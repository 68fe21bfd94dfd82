"""What the network is taught: the three nested regions, and organs as free supervision.

An organ that a data set labels teaches the network what is not a kidney. A channel that a case does not know is
masked out of its loss: not labelled never means absent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..anatomy import REGIONS


@dataclass(frozen=True)
class Channel:
    """One logit of the network while it trains: the union of these labels."""

    id: str
    labels: frozenset[int]


REGION_CHANNELS = tuple(Channel(region.id, region.labels) for region in REGIONS)

ORGAN_CHANNELS = tuple(
    Channel(name, frozenset(labels))
    for name, labels in {
        "spleen": (10,),
        "gallbladder": (11,),
        "liver": (13,),
        "stomach": (14,),
        "aorta": (15,),
        "inferior_vena_cava": (16,),
        "portal_and_splenic_vein": (17,),
        "pancreas": (18,),
        "adrenal_glands": (19, 20),
    }.items()
)

CHANNELS = REGION_CHANNELS + ORGAN_CHANNELS
CHANNEL_IDS = tuple(channel.id for channel in CHANNELS)


def channel_table() -> npt.NDArray[np.float32]:
    """Label value to channels: [256, channels] of 0 and 1, to look targets up by label."""
    table = np.zeros((256, len(CHANNELS)), np.float32)
    for column, channel in enumerate(CHANNELS):
        table[sorted(channel.labels), column] = 1.0
    return table


def known_mask(known: frozenset[str]) -> npt.NDArray[np.float32]:
    """[channels] of 0 and 1: which channels a case knows.

    Raises:
        ValueError: a name is not a channel's.
    """
    if strangers := known - set(CHANNEL_IDS):
        raise ValueError(f"These are no channels: {', '.join(sorted(strangers))}.")
    return np.array([name in known for name in CHANNEL_IDS], np.float32)

"""Volume to label map: find the kidneys, look closely, decide, clean up. torch is imported when it computes."""

from .device import describe_device, devices
from .segment import Segmented, load_networks, segment

__all__ = ["Segmented", "describe_device", "devices", "load_networks", "segment"]

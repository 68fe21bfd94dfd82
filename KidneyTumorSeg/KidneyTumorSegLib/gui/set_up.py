"""Before the first run, and after a restart: is everything there, and what was wanted?"""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from . import packages
from .pending_run import take_pending_run


def set_up(window: Any, volume_node: Any) -> tuple[bool, str]:
    """Install what is missing, or repair, after asking in one dialog.

    Args:
        window: above which the dialog is shown.
        volume_node: the CT that was to be segmented, or None.

    Returns:
        Whether everything is there now, and how it ended, in a sentence.
    """
    from .first_use import FirstUse

    dialog = FirstUse(window, volume_node)
    return dialog.run(repairs=not packages.missing()), dialog.sentence


def pending_volume() -> tuple[Any, str]:
    """What was to be segmented before Slicer was restarted: the CT's node, or a sentence that asks for it."""
    pending = take_pending_run()
    if pending is None:
        return None, ""
    node = pending.volume_in_scene()
    if node is not None:
        return node, ""
    return None, _("Load '{name}' again and click Segment.").format(name=pending.volume_name)

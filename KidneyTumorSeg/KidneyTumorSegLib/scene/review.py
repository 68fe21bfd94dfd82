"""The review list: lesions and doubtful places, who looked at them, and what was decided; kept with the segmentation.

Decisions are an attribute of the segmentation node (JSON), so that they are saved with the scene. They are found again
by kind and place, not by number: after an edit or a new run a decision belongs to the lesion that lies where the old
one was. It counts as open again when the lesion's volume changed by more than a fifth, or when it was removed and is
there again.

Places are kept as they are before the segmentation's parent transform: registering the scan later loses nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from slicer.i18n import tr as _

from ..anatomy import KIDNEY, TUMOR
from ..checks import Finding, LesionConfidence
from ..errors import UsageError
from ..measurements import Lesion, Measurements
from ..measurements.doubts import all_doubts
from ..measurements.lesion_body import lesion_body
from ..measurements.quantities import format_value
from ..volume import LabelMap, Volume
from .geometry import under_parent
from .segment_names import lesion_title

Status = Literal["open", "accepted", "rejected", "relabeled"]
World = tuple[float, float, float]
ATTRIBUTE = "KidneyTumorSeg.Review"
STATUSES: tuple[Status, ...] = ("open", "accepted", "rejected", "relabeled")
SAME_PLACE_MM = 5.0
CHANGED_SHARE = 0.2
"""A lesion whose volume changed by more than this is to be looked at again."""


@dataclass(frozen=True)
class ReviewItem:
    """One line of the review list.

    Attributes:
        key: tells it from the others; stays the same while its decision does.
        kind: "tumor", "cyst", or the code of a finding ("kidney-cut").
        title: "Left tumor 1"; "Left tumor 1, as it was" for one that is gone.
        reason: why to look, sentences; empty if there is no doubt.
        volume_ml: None for a finding.
        diameter_mm: longest axial; None for a finding.
        position_lps: where to look, LPS in mm, as the library measures (`views.in_world` for the views).
        status: open, accepted, rejected, relabeled.
        reviewer: who decided; empty while open.
        time: when, ISO 8601 with the zone; empty while open.
        gone: whether it was removed: it is listed so that it is known, and cannot be jumped to in the segmentation.
    """

    key: str
    kind: str
    title: str
    reason: str
    volume_ml: float | None
    diameter_mm: float | None
    position_lps: World
    status: Status = "open"
    reviewer: str = ""
    time: str = ""
    gone: bool = False


@dataclass(frozen=True)
class _Decision:
    """What is kept of an item; `position_mm` is LPS before the segmentation's parent transform."""

    key: str
    kind: str
    title: str
    volume_ml: float | None
    diameter_mm: float | None
    position_mm: World
    status: Status
    reviewer: str
    time: str


def review_items(
    segmentation_node: Any,
    volume: Volume,
    label_map: LabelMap,
    measurements: Measurements,
    findings: Iterable[Finding] = (),
    confidences: Iterable[LesionConfidence] = (),
) -> tuple[ReviewItem, ...]:
    """Every lesion and every finding with a place, with what was decided on it.

    The most doubtful come first, then lesions without a doubt, tumors before cysts and the larger first, then what was
    removed or made kidney tissue here.

    Args:
        segmentation_node: holds the decisions.
        volume: the CT.
        label_map: on its grid, as `label_map_from_node` gives it now.
        measurements: `measure` of this label map; with the numbers of the segments where each lesion has its own.
        findings: of the run (`checks.check_result` after an edit).
        confidences: what the network told of the lesions that it drew.
    """
    doubts = all_doubts(volume, label_map, measurements, findings, confidences)
    undoubted = set(measurements.lesions) - {doubt.lesion for doubt in doubts}
    plain = sorted(undoubted, key=lambda lesion: (lesion.kind != TUMOR.id, -lesion.volume_ml, lesion.title))
    items = []
    for doubt in doubts:
        if doubt.lesion is not None:
            items.append(_lesion_item(doubt.lesion, " ".join(doubt.reasons)))
        else:
            items.append(_finding_item(doubt.code, " ".join(doubt.reasons), doubt.position_lps))
    items += [_lesion_item(lesion, "") for lesion in plain]
    return _decided(segmentation_node, items, label_map, measurements)


def set_status(
    segmentation_node: Any, item: ReviewItem, status: Status, reviewer: str = "", kind: str = "", time: str = ""
) -> ReviewItem:
    """Keep a decision on an item with the segmentation node; "open" takes the decision back.

    Args:
        segmentation_node: the decision becomes a part of it, and of the scene when that is saved.
        item: as `review_items` gave it.
        status: open, accepted, rejected or relabeled.
        reviewer: who decides.
        kind: what a relabeled lesion is now ("tumor", "cyst", "kidney"), so that it is known there.
        time: ISO 8601; now, if not given.

    Raises:
        UsageError: another word for the status.
    """
    if status not in STATUSES:
        text = _("'{word}' is not a status of the review list. Use {words}.")
        raise UsageError(text.format(word=status, words=", ".join(STATUSES)))
    decisions = _decisions(segmentation_node)
    others = [decision for decision in decisions if decision.key != item.key]
    known = {decision.key: decision.title for decision in decisions if item.gone}
    if status == "open":
        _keep(segmentation_node, others)
        return replace(item, status="open", reviewer="", time="")
    time = time or datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    decided = replace(item, status=status, reviewer=reviewer, time=time, kind=kind or item.kind)
    place = under_parent(decided.position_lps, segmentation_node, to_world=False)
    decision = _Decision(
        item.key,
        decided.kind,
        known.get(item.key, item.title),
        item.volume_ml,
        item.diameter_mm,
        place,
        status,
        reviewer,
        time,
    )
    _keep(segmentation_node, [*others, decision])
    return decided


def next_open(items: Sequence[ReviewItem], current_key: str = "") -> ReviewItem | None:
    """The first open item after the current one, from the start again after the last; None if none is open."""
    return _step(items, current_key, 1)


def previous_open(items: Sequence[ReviewItem], current_key: str = "") -> ReviewItem | None:
    """The last open item before the current one, from the end again before the first; None if none is open."""
    return _step(items, current_key, -1)


def summary(items: Sequence[ReviewItem]) -> str:
    """How far the review is: "3 of 5 reviewed."."""
    if not items:
        return _("Nothing to review.")
    done = sum(item.status != "open" for item in items)
    return _("{done} of {count} reviewed.").format(done=done, count=len(items))


def _step(items: Sequence[ReviewItem], current_key: str, step: int) -> ReviewItem | None:
    keys = [item.key for item in items]
    at = keys.index(current_key) if current_key in keys else (-1 if step > 0 else len(items))
    for n in range(1, len(items) + 1):
        item = items[(at + n * step) % len(items)]
        if item.status == "open" and not item.gone:
            return item
    return None


def _lesion_item(lesion: Lesion, reason: str) -> ReviewItem:
    title = f"{lesion_title(lesion.kind, lesion.side)} {lesion.number}"
    return ReviewItem("", lesion.kind, title, reason, lesion.volume_ml, lesion.diameter_mm, lesion.center_lps)


def _finding_item(code: str, reason: str, position_lps: World) -> ReviewItem:
    return ReviewItem("", code, code.replace("-", " ").capitalize(), reason, None, None, position_lps)


def _decided(
    segmentation_node: Any, items: Sequence[ReviewItem], label_map: LabelMap, measurements: Measurements
) -> tuple[ReviewItem, ...]:
    """The items with their decisions and keys; what was removed comes last."""
    lesions = {lesion.center_lps: lesion for lesion in measurements.lesions}
    decisions = list(_decisions(segmentation_node))
    places = [under_parent(decision.position_mm, segmentation_node, to_world=True) for decision in decisions]
    near: list[tuple[float, int, int]] = []
    for n, item in enumerate(items):
        same_kind = [m for m, decision in enumerate(decisions) if decision.kind == item.kind]
        lesion = lesions.get(item.position_lps) if item.volume_ml is not None and same_kind else None
        body = None if lesion is None else lesion_body(label_map, lesion)
        for m in same_kind:
            away = float(np.linalg.norm(np.subtract(places[m], item.position_lps)))
            near.append((away if body is None else body.distance_mm(places[m]), n, m))
    of_item: dict[int, int] = {}
    for away, n, m in sorted(near):
        if away <= _reach_mm(decisions[m]) and n not in of_item and m not in of_item.values():
            of_item[n] = m
    found = [_with(item, decisions[of_item[n]] if n in of_item else None) for n, item in enumerate(items)]
    gone = [
        _gone(decision, place)
        for m, (decision, place) in enumerate(zip(decisions, places, strict=True))
        if m not in of_item.values() and decision.status in ("rejected", "relabeled") and decision.volume_ml is not None
    ]
    return _with_keys(segmentation_node, [*found, *gone])


def _reach_mm(decision: _Decision) -> float:
    """How far from its old place a decision still means a lesion; one that was removed is back only where it was."""
    return 0.0 if decision.status == "rejected" and decision.volume_ml is not None else SAME_PLACE_MM


def _with(item: ReviewItem, decision: _Decision | None) -> ReviewItem:
    """An item with its decision; open again if its volume changed too much since, or if it should not be there."""
    if decision is None:
        return item
    if decision.status == "rejected" and decision.volume_ml is not None:
        back = _("It was removed, and is there again.")
        return replace(item, key=decision.key, reason=f"{back} {item.reason}".strip())
    now, then = item.volume_ml, decision.volume_ml
    if now is not None and then is not None and abs(now - then) > CHANGED_SHARE * then:
        text = _("Its volume went from {then} to {now} mL since it was {status}.")
        changed = text.format(then=format_value(then), now=format_value(now), status=decision.status)
        return replace(item, key=decision.key, reason=f"{changed} {item.reason}".strip())
    return replace(item, key=decision.key, status=decision.status, reviewer=decision.reviewer, time=decision.time)


def _gone(decision: _Decision, position_lps: World) -> ReviewItem:
    if decision.status == "rejected":
        reason = _("It was removed.")
    elif decision.kind == KIDNEY.id:
        reason = _("It was made kidney tissue.")
    else:
        reason = _("It was made a {kind}, which is gone since.").format(kind=decision.kind)
    return ReviewItem(
        decision.key,
        decision.kind,
        _("{title}, as it was").format(title=decision.title),  # another lesion may have its number now
        reason,
        decision.volume_ml,
        decision.diameter_mm,
        position_lps,
        decision.status,
        decision.reviewer,
        decision.time,
        gone=True,
    )


def _with_keys(segmentation_node: Any, items: Sequence[ReviewItem]) -> tuple[ReviewItem, ...]:
    """Keys for the items that have none yet: kind and place, a number if that is taken."""
    taken = {item.key for item in items}
    keyed = []
    for item in items:
        if not item.key:
            place = under_parent(item.position_lps, segmentation_node, to_world=False)
            start = f"{item.kind} " + " ".join(f"{value:.0f}" for value in place)
            key = next(
                key for n in range(1, len(items) + 2) if (key := start if n == 1 else f"{start} ({n})") not in taken
            )
            taken.add(key)
            item = replace(item, key=key)
        keyed.append(item)
    return tuple(keyed)


def _decisions(segmentation_node: Any) -> tuple[_Decision, ...]:
    text = segmentation_node.GetAttribute(ATTRIBUTE)
    if not text:
        return ()
    try:
        return tuple(_Decision(**{**one, "position_mm": tuple(one["position_mm"])}) for one in json.loads(text))
    except (ValueError, TypeError, KeyError):
        logging.getLogger(__name__).warning("The review of '%s' cannot be read: %s", segmentation_node.GetName(), text)
        return ()


def _keep(segmentation_node: Any, decisions: Iterable[_Decision]) -> None:
    segmentation_node.SetAttribute(ATTRIBUTE, json.dumps([asdict(decision) for decision in decisions]))

"""The review list: lesions and doubtful spots, the most doubtful first; one key each to go on, accept or correct."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from ..scene import views
from .table import fill

if TYPE_CHECKING:
    from ..scene.review import ReviewItem, Status
    from .case import Case

_CHANGES = {"toTumorButton": "tumor", "toCystButton": "cyst", "toKidneyButton": "kidney", "rejectButton": "nothing"}
_KEYS = {
    "N": "nextButton", "P": "previousButton", "A": "acceptButton", "O": "reopenButton", "T": "toTumorButton",
    "C": "toCystButton", "K": "toKidneyButton", "R": "rejectButton", "S": "splitButton", "U": "undoButton",
}  # fmt: skip
_UNDO_STEPS = 20
"""Each holds a copy of the segmentation."""
_ON_ITEM = ("acceptButton", "reopenButton")
_ON_LESION = (*_CHANGES, "splitButton")


class ReviewSection:
    """Shows the items of a case and changes their status, or the lesion itself.

    Args:
        ui: the panel's widgets by name.
        attempt: runs an action; its errors become sentences in the panel.
        say: shows a sentence on what was done.
        changed: called after something was changed here.
        editor: gives the embedded qMRMLSegmentEditorWidget, or None: its own Undo takes changes back too.
    """

    def __init__(
        self,
        ui: Any,
        attempt: Callable[[Callable[[], None]], None],
        say: Callable[[str], None],
        changed: Callable[[], None],
        editor: Callable[[], Any],
    ) -> None:
        self._ui, self._say, self._changed, self._editor = ui, say, changed, editor
        self._case: Case | None = None
        self._items: Sequence[ReviewItem] = ()
        self._key = ""
        self._at_crosshair = False
        self._undo: deque[Callable[[], None]] = deque(maxlen=_UNDO_STEPS)
        ui.reviewTable.connect("cellClicked(int,int)", lambda row, _column: self._go_to(self._items[row]))
        ui.crosshairCheck.connect("toggled(bool)", self._toggled)
        actions: dict[str, Callable[[], None]] = {
            "nextButton": lambda: self._step(1),
            "previousButton": lambda: self._step(-1),
            "acceptButton": lambda: self._mark("accepted"),
            "reopenButton": lambda: self._mark("open"),
            "splitButton": self._split,
            "undoButton": self._take_back,
            **{name: lambda to=to: self._relabel(to) for name, to in _CHANGES.items()},  # type: ignore[misc]
        }
        for name, action in actions.items():
            getattr(ui, name).connect("clicked(bool)", lambda *_, action=action: attempt(action))
        self._shortcuts = [_shortcut(key, ui.reviewSection, getattr(ui, name)) for key, name in _KEYS.items()]
        self.show(None)

    def show(self, case: Case | None) -> None:
        """The items of a case; None: there is none."""
        from ..scene.confidences import read_confidences
        from ..scene.review import review_items, summary

        self._case = case
        self._items = ()
        if case is not None:
            node, sure = case.segmentation_node, read_confidences(case.segmentation_node)
            self._items = review_items(node, case.volume, case.label_map, case.measurements, case.findings, sure)
        fill(self._ui.reviewTable, _header(), [_row(item) for item in self._items], numbers=(2, 3))
        self._ui.reviewSummaryLabel.setText(summary(self._items) if case is not None else _("No result yet."))
        self._select(self._current())

    def can_undo(self, undo: Callable[[], None]) -> None:
        """Undo may take back what was done elsewhere."""
        self._undo.append(undo)
        self._enable()

    def forget_undo(self) -> None:
        """Another segmentation is shown: what was done to the one before cannot be taken back from here."""
        self._undo.clear()
        self._enable()

    def _current(self) -> ReviewItem | None:
        return next((item for item in self._items if item.key == self._key), None)

    def _select(self, item: ReviewItem | None) -> None:
        """Show which item is meant, without moving the views."""
        self._key = item.key if item is not None else ""
        self._ui.reviewReasonLabel.setText(item.reason if item is not None else "")
        self._ui.reviewReasonLabel.setVisible(item is not None and bool(item.reason))
        if item is not None:
            self._ui.reviewTable.selectRow(list(self._items).index(item))
        else:
            self._ui.reviewTable.clearSelection()
        self._enable()

    def _enable(self) -> None:
        item, there = self._current(), self._case is not None
        is_lesion = item is not None and item.volume_ml is not None and not item.gone
        for name in _ON_ITEM:
            getattr(self._ui, name).setEnabled(item is not None)
        for name in _ON_LESION:
            getattr(self._ui, name).setEnabled(there and (is_lesion or self._at_crosshair))
        for name in ("nextButton", "previousButton"):
            getattr(self._ui, name).setEnabled(bool(self._items))
        self._ui.undoButton.setEnabled(bool(self._undo))

    def _toggled(self, checked: bool) -> None:
        self._at_crosshair = checked
        if checked:
            views.show_crosshair()
        self._enable()

    def _go_to(self, item: ReviewItem) -> None:
        assert self._case is not None
        self._select(item)
        views.jump_to(views.in_world(item.position_lps, self._case.segmentation_node))

    def _step(self, step: int) -> None:
        from ..scene.review import next_open, previous_open

        item = (next_open if step > 0 else previous_open)(self._items, self._key)
        if item is None:
            self._say(_("Everything in the review list was looked at."))
        else:
            self._go_to(item)

    def _mark(self, status: Status) -> None:
        from ..scene.review import set_status

        item = self._current()
        if item is None or self._case is None:
            return
        set_status(self._case.segmentation_node, item, status, _reviewer())
        self.show(self._case)  # no voxel changed: nothing is to be measured again
        if status == "accepted":
            self._step(1)

    def _relabel(self, to: str) -> None:
        from ..scene.fixes import relabel
        from ..scene.review import set_status

        assert self._case is not None
        node, item = self._case.segmentation_node, self._item_meant()
        done = relabel(node, self._case.volume_node, self._place(), to, editor=self._editor())
        if item is not None:
            kind = "" if to == "nothing" else to
            set_status(node, item, "rejected" if to == "nothing" else "relabeled", _reviewer(), kind)
        self._did(done.sentence, done.undo, item)

    def _split(self) -> None:
        from ..scene.fixes import split

        assert self._case is not None
        node, volume_node = self._case.segmentation_node, self._case.volume_node
        done = split(node, volume_node, self._place(), editor=self._editor())
        self._did(done.sentence, done.undo, None)

    def _did(self, sentence: str, undo: Callable[[], None], decided: ReviewItem | None) -> None:
        """Say it, and remember how it is taken back, with the decision on this item as it was before."""
        from ..scene.review import set_status

        assert self._case is not None
        node = self._case.segmentation_node

        def take_back() -> None:
            undo()
            if decided is not None:
                set_status(node, decided, decided.status, decided.reviewer, decided.kind, decided.time)

        self._undo.append(take_back)
        self._changed()
        self._say(sentence)

    def _take_back(self) -> None:
        if self._undo:
            self._undo[-1]()  # refused while there are later edits, and possible again without them
            self._undo.pop()
            self._changed()
            self._say(_("The last change was taken back."))

    def _item_meant(self) -> ReviewItem | None:
        """The item that a button acts on; None if the crosshair says where."""
        return None if self._at_crosshair else self._current()

    def _place(self) -> tuple[float, float, float]:
        """World LPS, mm, of the lesion that is meant."""
        assert self._case is not None
        if self._at_crosshair:
            place = views.crosshair_lps()
            if place is None:
                raise InputError(_("The crosshair was never placed. Move it with Shift and the mouse, then try again."))
            return place
        item = self._current()
        if item is None:
            raise InputError(_("Choose a line of the review list first."))
        return views.in_world(item.position_lps, self._case.segmentation_node)


def _header() -> tuple[str, ...]:
    return _("Status"), _("What"), _("mL"), _("mm"), _("Why look")


def _row(item: ReviewItem) -> tuple[str, ...]:
    from ..measurements.quantities import format_value

    sizes = ("" if size is None else format_value(size) for size in (item.volume_ml, item.diameter_mm))
    words = {"open": _("open"), "accepted": _("accepted"), "rejected": _("removed"), "relabeled": _("relabeled")}
    return (words[item.status], item.title, *sizes, item.reason)


def _reviewer() -> str:
    """The name that the user gave to Slicer (Application Settings, User), if any."""
    person = slicer.app.applicationLogic().GetUserInformation()
    return str(person.GetName() or "") if person is not None else ""


def _shortcut(key: str, section: Any, button: Any) -> Any:
    """A key for a button while the focus is in the section."""
    shortcut = qt.QShortcut(section)
    shortcut.setKey(qt.QKeySequence(key))
    shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
    shortcut.connect("activated()", button.click)
    return shortcut

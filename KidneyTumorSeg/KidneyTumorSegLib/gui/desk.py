"""The panel's lower half: result, review, correction, measurements and saving of one CT and one segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..scene import views
from .case import Case, Watcher, read_case, volume_of
from .correct_section import CorrectSection
from .measure_section import MeasureSection
from .review_section import ReviewSection
from .save_section import SaveSection

if TYPE_CHECKING:
    from ..measurements import Measurements

_OF_A_RESULT = (
    "segmentsTable", "show3DButton", "largestButton", "reviewSection", "correctSection", "measureSection",
    "exportSection",
)  # fmt: skip
"""What is not shown as long as there is no result: a fresh panel is short."""


class Desk:
    """Keeps all sections on the same case, and up to date with what is edited.

    Args:
        ui: the panel's widgets by name.
        attempt: runs an action; its errors become sentences in the panel.
        say: shows a sentence on what was done.
        measured: given the numbers whenever they are new; None when there are none any more.
    """

    def __init__(
        self,
        ui: Any,
        attempt: Callable[[Callable[[], None]], None],
        say: Callable[[str], None],
        measured: Callable[[Measurements | None], None],
    ) -> None:
        self._ui = ui
        self._measured = measured
        self._nodes: tuple[Any, Any] = (None, None)
        self._case: Case | None = None
        self._watcher = Watcher(lambda: attempt(self.refresh))
        self._measure = MeasureSection(ui)
        self._review = ReviewSection(ui, attempt, say, self.refresh, lambda: self.editor)
        self._correct = CorrectSection(ui)
        self._save = SaveSection(ui, attempt, self._measure.save)
        ui.largestButton.connect("clicked(bool)", lambda *_: self.go_to_largest())
        self.show(None, None)

    @property
    def case(self) -> Case | None:
        """What is shown now."""
        return self._case

    def show(self, volume_node: Any, segmentation_node: Any, *, anew: bool = False) -> None:
        """Be about this segmentation from now on, and the CT that it was made on.

        Args:
            volume_node: the CT, where the segmentation does not tell which; may be None.
            segmentation_node: may be None.
            anew: measure again although it was about them before.
        """
        volume_node = volume_of(segmentation_node) or volume_node
        if (volume_node, segmentation_node) == self._nodes and self._case is not None and not anew:
            return
        if segmentation_node is not self._nodes[1]:
            self._review.forget_undo()
        self._nodes = (volume_node, segmentation_node)
        self._ui.segmentsTable.setSegmentationNode(segmentation_node)
        self._ui.show3DButton.setSegmentationNode(segmentation_node)
        self._ui.show3DButton.setEnabled(segmentation_node is not None)
        for name in _OF_A_RESULT:
            getattr(self._ui, name).setVisible(segmentation_node is not None)
        self._correct.show(volume_node, segmentation_node)
        self._watcher.watch(volume_node, segmentation_node)
        self.refresh()

    def refresh(self) -> None:
        """Measure again: the segmentation may have been edited."""
        problem = ""
        try:
            self._case = read_case(*self._nodes)
        except InputError as error:
            self._case, problem = None, str(error)
        for section in (self._measure, self._review, self._save):
            section.show(self._case)
        self._measured(self._case.measurements if self._case is not None else None)
        if problem:
            self._ui.measureLabel.setText(problem)
        self._ui.largestButton.setEnabled(self._case is not None and bool(self._case.measurements.lesions))

    @property
    def editor(self) -> Any:
        """The embedded qMRMLSegmentEditorWidget, or None until it was opened."""
        return self._correct.editor

    def can_undo(self, undo: Callable[[], None] | None) -> None:
        """Something was done to the segmentation elsewhere: the Undo button takes it back so, if it can be."""
        if undo is not None:
            self._review.can_undo(undo)

    def go_to_largest(self) -> None:
        """Move the views to the largest tumor, or cyst."""
        lesions = self._case.measurements.lesions if self._case is not None else ()
        if lesions:
            largest = max(lesions, key=lambda lesion: (lesion.kind == "tumor", lesion.volume_ml))
            views.jump_to(views.in_world(largest.center_lps, self._nodes[1]))

    def enter(self) -> None:
        """The panel is shown."""
        self._correct.enter()

    def exit(self) -> None:
        """The panel is left, or the scene closes."""
        self._correct.exit()

    def close(self) -> None:
        """The module goes away."""
        self._watcher.stop()
        self._correct.exit()

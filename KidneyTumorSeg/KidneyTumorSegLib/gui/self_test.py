"""The self-test: the standard phantom, with known truth, through the same runner as a CT. The scene is not touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from ..anatomy import KIDNEY_AND_MASSES, TUMOR
from ..scene.runner import OnError, OnStep, Runner
from ..settings import Settings
from ..volume import LabelMap
from ..volume.phantom import phantom_grid, standard_phantom
from .preflight import ask_nvidia

if TYPE_CHECKING:
    from ..pipeline import Result

KIDNEY_DICE, TUMOR_DICE = 0.85, 0.6
"""What the default model is held to on this phantom. A phantom is no patient: it says that the journey works, not how
good a model is on people."""
_SPACING_MM = (1.8, 1.8, 5.0)


@dataclass(frozen=True)
class SelfTestReport:
    """How a self-test ended.

    Attributes:
        passed: both figures reach what is expected.
        kidney_dice: of kidneys with their masses, 0..1.
        tumor_dice: 0..1.
        seconds: of the run, without the start of the worker.
        device: for people.
        sentence: for the panel and the bug report.
    """

    passed: bool
    kidney_dice: float
    tumor_dice: float
    seconds: float
    device: str
    sentence: str


class SelfTest:
    """Runs the phantom; the runner must be pumped by whoever owns it, as for any run.

    Args:
        runner: not running anything now.
        settings: None: the defaults.
    """

    def __init__(self, runner: Runner, settings: Settings | None = None) -> None:
        self._runner = runner
        self._settings = settings or Settings()

    def start(self, on_step: OnStep, on_report: Callable[[SelfTestReport], None], on_error: OnError) -> None:
        """Begin. Ends with one call of `on_report` or `on_error`, or of neither after the runner's `cancel`.

        Raises:
            EnvironmentProblem: the run could not begin.
        """
        volume, truth = standard_phantom().scan(phantom_grid(_SPACING_MM), seed=11)
        self._runner.start(
            volume, self._settings, on_step, lambda result: on_report(report_of(result, truth)), on_error
        )


def report_of(result: Result, truth: LabelMap) -> SelfTestReport:
    """Compare a run on the phantom with its truth."""
    from ..evaluation import score  # SciPy comes with it, and the panel opens without

    scores = score(truth, result.label_map)
    kidney, tumor = scores.region(KIDNEY_AND_MASSES.id).dice, scores.label(TUMOR.id).dice
    passed = kidney >= KIDNEY_DICE and tumor >= TUMOR_DICE
    seconds, device = result.record.seconds, device_words(result.record.device)
    figures = _("kidney Dice {kidney}, tumor Dice {tumor}, {seconds} s on {device}.").format(
        kidney=f"{kidney:.2f}", tumor=f"{tumor:.2f}", seconds=f"{seconds:.1f}", device=device
    )
    if passed:
        sentence = _("Self-test passed: {figures}").format(figures=figures)
    else:
        sentence = _(
            "Self-test failed: {figures} At least {kidney} and {tumor} are expected. Choose the default model and the "
            "device auto, and try again; if it fails again, copy the bug report and send it to us."
        ).format(figures=figures, kidney=f"{KIDNEY_DICE:.2f}", tumor=f"{TUMOR_DICE:.2f}")
    return SelfTestReport(passed, kidney, tumor, seconds, device, sentence)


def device_words(device: str) -> str:
    """A device as people call it: "cpu" is "CPU, 2 threads", "cuda:0" the name of the card."""
    from ..inference.device import physical_threads

    kind, _colon, number = device.partition(":")
    if kind == "cpu":
        count = physical_threads()
        return _("CPU, 1 thread") if count == 1 else _("CPU, {count} threads").format(count=count)
    if kind == "mps":
        return _("Apple GPU")
    cards = dict(enumerate(card.name for card in ask_nvidia()))
    return cards.get(int(number or 0), device)

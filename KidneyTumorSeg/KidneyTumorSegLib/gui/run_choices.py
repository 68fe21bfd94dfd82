"""What the user chooses before a run that is no plain parameter: the model with its card, and the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..scene.fallback_runner import FallbackRunner
from ..settings import Settings
from .model_menu import card_text, model_names
from .state_line import device_choice, remember_device, remember_speed, state_line

if TYPE_CHECKING:
    from ..pipeline import RunRecord

DEVICES = ("auto", "cpu", "cuda", "mps")


class RunChoices:
    """The model's and the device's combo boxes, which follow the parameter node and this computer's settings.

    Args:
        ui: the panel's widgets by name.
        runner: computes.
        changed: called when the user chose another device.
    """

    def __init__(self, ui: Any, runner: FallbackRunner, changed: Callable[[], None]) -> None:
        self._ui = ui
        self._runner = runner
        self._changed = changed
        self._node: Any = None
        self._models = model_names()
        ui.modelBox.addItems(list(self._models))
        ui.modelBox.connect("currentIndexChanged(int)", self._model_chosen)
        ui.modelCardLabel.setVisible(False)
        ui.modelCardButton.connect("toggled(bool)", self._card_toggled)
        ui.deviceBox.addItems(list(DEVICES))
        ui.deviceBox.setCurrentIndex(DEVICES.index(self.device))
        ui.deviceBox.connect("currentIndexChanged(int)", self._device_chosen)

    @property
    def device(self) -> str:
        """This computer's choice; "auto" if what was kept is no device any more."""
        kept = device_choice()
        return kept if kept in DEVICES else DEVICES[0]

    def follow(self, parameter_node: Any) -> None:
        """Show the choices of this parameter node; None: of none."""
        self._node = parameter_node
        if parameter_node is None:
            return
        if parameter_node.model not in self._models:  # a scene from a computer with other models
            parameter_node.model = self._models[0]
        self._ui.modelBox.setCurrentIndex(self._models.index(parameter_node.model))

    def settings(self) -> Settings:
        """For a run."""
        return Settings(model=self._node.model, quality=self._node.quality, device=self.device)

    def line(self) -> str:
        """What computes, and whether it is ready."""
        if self._runner.is_in_process:
            return _("Runs inside Slicer, which may respond slowly meanwhile: no other process could be started.")
        if self._node is None:
            return ""
        return state_line(self._runner.runs_on, self._node.inputVolume, self.device, self._node.quality)

    def remember(self, record: RunRecord) -> None:
        """Keep how long a run took on this computer."""
        if self._node is not None and self._node.inputVolume is not None:
            remember_speed(self._node.inputVolume, self.device, record.quality, record.seconds)

    def _model_chosen(self, index: int) -> None:
        if self._node is not None and 0 <= index < len(self._models):
            self._node.model = self._models[index]
            self._ui.modelCardButton.setChecked(False)

    def _card_toggled(self, shown: bool) -> None:
        if shown and self._node is not None:
            self._ui.modelCardLabel.setText(card_text(self._node.model))
        self._ui.modelCardLabel.setVisible(shown)

    def _device_chosen(self, index: int) -> None:
        remember_device(DEVICES[index])
        self._changed()

"""Slice views and a 3D view without a screen: Slicer's own logics and displayable managers, drawn into an array.

Follows Libs/MRML/Widgets/qMRMLSliceView.cxx and qMRMLThreeDView.cxx (which displayable managers a view has, and that
each has an interactor), qMRMLSliceControllerWidget.cxx (the slice logic's blended image below them), and
Libs/MRML/Logic/vtkMRMLLayoutLogic.cxx (the four-up layout and its colors). Left out: the controller bars, the mouse,
and Slicer's text in the corners. Needs OpenGL: a software one (EGL) will do.

    with SliceView("Red") as view:
        view.show(volume_node)
        view.jump((-90.0, -38.0, 14.0))
        picture = view.picture()
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

Picture = npt.NDArray[np.uint8]
"""Height, width, RGB; the first row is the top."""
Ras = Sequence[float]
"""Three coordinates of the scene's world, mm."""

_SLICE_MANAGERS = (
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
)
_3D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
)


@dataclass(frozen=True)
class Look:
    """What Slicer's layouts say of a slice view: its orientation and the color of its bar (RGB, 0..255)."""

    orientation: str
    color: tuple[int, int, int]


SLICE_VIEWS = {
    "Red": Look("Axial", (243, 74, 51)),
    "Green": Look("Coronal", (110, 176, 75)),
    "Yellow": Look("Sagittal", (237, 213, 76)),
}
THREE_D_COLOR = (116, 116, 198)


def can_render() -> bool:
    """Whether this machine has an OpenGL, with or without a screen."""
    window = _window((8, 8))
    window.Initialize()  # asked for its support alone, VTK says yes and crashes later
    return bool(window.GetInitialized())


def render_slice(
    volume_node: Any,
    orientation: str,
    position_ras: Ras,
    size_px: tuple[int, int] = (400, 400),
    field_of_view_mm: float | None = None,
) -> Picture:
    """One slice of the scene: the CT with its window and level, and all that the scene shows over it.

    Args:
        volume_node: the CT in the background.
        orientation: "Axial", "Coronal" or "Sagittal".
        position_ras: a point of the slice, mm.
        size_px: width and height.
        field_of_view_mm: width of the picture around the point; None: the whole CT.
    """
    name = next(name for name, look in SLICE_VIEWS.items() if look.orientation == orientation)
    with SliceView(name, size_px) as view:
        view.show(volume_node)
        view.jump(position_ras, field_of_view_mm)
        return view.picture()


def render_3d(size_px: tuple[int, int] = (400, 400)) -> Picture:
    """The scene's surfaces, seen from the patient's front.

    Args:
        size_px: width and height.
    """
    with ThreeDView(size_px) as view:
        view.fit()
        return view.picture()


class _View:
    """A render window with displayable managers, for a view node of the scene."""

    def __init__(self, factory: Any, managers: Sequence[str], size_px: tuple[int, int]) -> None:
        for name in managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.window = _window(size_px)
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()  # without one, the managers crash
        self._interactor.SetRenderWindow(self.window)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, self.renderer)

    def picture(self) -> Picture:
        """The view as it is now."""
        self.window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.window)
        grabber.SetInputBufferTypeToRGB()
        grabber.ReadFrontBufferOff()
        grabber.Update()
        image = grabber.GetOutput()
        width, height, _ = image.GetDimensions()
        rows = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)
        return np.ascontiguousarray(rows[::-1])  # VTK's first row is the lowest

    def resize(self, size_px: tuple[int, int]) -> None:
        """Make the view larger or smaller."""
        self.window.SetSize(*size_px)

    def close(self) -> None:
        """Give the window back, and leave no node of the view in the scene."""
        self._managers.SetMRMLDisplayableNode(None)
        self._managers = None
        self._interactor.SetRenderWindow(None)
        self.window.Finalize()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SliceView(_View):
    """One slice view of Slicer's layout.

    Args:
        name: "Red" (axial), "Green" (coronal) or "Yellow" (sagittal).
        size_px: width and height.

    Attributes:
        node: its vtkMRMLSliceNode, in the scene: what moves slices in Slicer moves this one.
        logic: its vtkMRMLSliceLogic.
    """

    def __init__(self, name: str = "Red", size_px: tuple[int, int] = (400, 400)) -> None:
        super().__init__(slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(), _SLICE_MANAGERS, size_px)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        before = _node_ids()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self.logic.SetMRMLScene(slicer.mrmlScene)
        slicer.app.applicationLogic().GetSliceLogics().AddItem(self.logic)
        self.node = self.logic.AddSliceNode(name)
        self._own_ids = _node_ids() - before
        self.node.SetOrientation(SLICE_VIEWS[name].orientation)
        self.logic.ResizeSliceNode(*size_px)
        self._image = vtk.vtkImageMapper()
        self._image.SetColorWindow(255.0)  # the logic's image is what is to be seen: no further window
        self._image.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._image)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self._actor)
        self._managers.SetMRMLDisplayableNode(self.node)

    def show(self, volume_node: Any) -> None:
        """The CT in the background, whole."""
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume_node.GetID())
        self.logic.FitSliceToBackground()

    def jump(self, position_ras: Ras, field_of_view_mm: float | None = None) -> None:
        """Go to the slice of a point.

        Args:
            position_ras: mm.
            field_of_view_mm: width of the picture, with the point in its middle; None: the picture stays where it is.
        """
        if field_of_view_mm is None:
            self.node.JumpSliceByOffsetting(*position_ras)
            return
        width, height = self.window.GetSize()
        depth_mm = self.node.GetFieldOfView()[2]
        self.node.SetFieldOfView(field_of_view_mm, field_of_view_mm * height / width, depth_mm)
        self.node.JumpSliceByCentering(*position_ras)

    def resize(self, size_px: tuple[int, int]) -> None:
        """Make the view larger or smaller; what was in it stays in it, and its middle in the middle."""
        before, (width_mm, _, depth_mm) = self.window.GetSize(), self.node.GetFieldOfView()
        super().resize(size_px)
        mm_per_pixel = width_mm / before[0] / min(new / old for new, old in zip(size_px, before, strict=True))
        self.logic.ResizeSliceNode(*size_px)
        self.node.SetFieldOfView(size_px[0] * mm_per_pixel, size_px[1] * mm_per_pixel, depth_mm)

    def pixel_of(self, position_ras: Ras) -> tuple[int, int]:
        """Row and column of a world point in the picture, by the slice node's own matrix."""
        ras_to_xy = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), ras_to_xy)
        x, y, _, _ = ras_to_xy.MultiplyPoint((*position_ras, 1.0))
        return self.window.GetSize()[1] - 1 - round(y), round(x)

    def picture(self) -> Picture:
        """The view as it is now."""
        self.logic.UpdatePipeline()
        connection = self.logic.GetImageDataConnection()
        self._actor.SetVisibility(connection is not None)
        if connection is not None:
            self._image.SetInputConnection(connection)
        return super().picture()

    def close(self) -> None:
        """Give the window back, and leave no node of the view in the scene."""
        super().close()
        slicer.app.applicationLogic().GetSliceLogics().RemoveItem(self.logic)
        self.logic.SetMRMLScene(None)
        _remove(self._own_ids)


class ThreeDView(_View):
    """A 3D view.

    Args:
        size_px: width and height.

    Attributes:
        node: its vtkMRMLViewNode, in the scene.
        logic: its vtkMRMLViewLogic.
    """

    def __init__(self, size_px: tuple[int, int] = (400, 400)) -> None:
        super().__init__(slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(), _3D_MANAGERS, size_px)
        before = _node_ids()
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self.logic.SetMRMLScene(slicer.mrmlScene)
        slicer.app.applicationLogic().GetViewLogics().AddItem(self.logic)
        self.node = self.logic.AddViewNode("1")
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        self._managers.SetMRMLDisplayableNode(self.node)
        self._own_ids = _node_ids() - before

    def fit(self, closer: float = 1.0) -> None:
        """Move the camera so that all surfaces are seen.

        Args:
            closer: magnification beyond that.
        """
        self.window.Render()
        self.renderer.ResetCamera()
        self.renderer.GetActiveCamera().Zoom(closer)

    def turn(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Walk around what is seen: to the viewer's right and up, degrees."""
        camera = self.renderer.GetActiveCamera()
        camera.Azimuth(azimuth_deg)
        camera.Elevation(elevation_deg)
        camera.OrthogonalizeViewUp()
        self.renderer.ResetCameraClippingRange()

    def close(self) -> None:
        """Give the window back, and leave no node of the view in the scene."""
        super().close()
        slicer.app.applicationLogic().GetViewLogics().RemoveItem(self.logic)
        self.logic.SetMRMLScene(None)
        _remove(self._own_ids)


def _window(size_px: tuple[int, int]) -> Any:
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")  # else VTK tries X first, loudly
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(*size_px)
    return window


def _node_ids() -> set[str]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def _remove(node_ids: set[str]) -> None:
    for node_id in node_ids:
        node = slicer.mrmlScene.GetNodeByID(node_id)
        if node is not None:
            slicer.mrmlScene.RemoveNode(node)

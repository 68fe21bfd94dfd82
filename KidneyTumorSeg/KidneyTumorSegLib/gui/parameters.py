"""The panel's choices in the scene."""

from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper

from ..settings import DEFAULT_MODEL, QUALITIES

# No `from __future__ import annotations` here: Slicer reads the types of the members as they are.


@parameterNodeWrapper
class KidneyTumorSegParameterNode:
    """The panel's choices; saved with the scene. The device is none of them: it belongs to the computer.

    inputVolume: the CT.
    model, quality: as in `settings.Settings`.
    resultChoice, lesionSegments: `how` and `detail` of `scene.results.place_result`.
    showSurfaces, jumpToLargest: what is done when a run has ended.
    outputSegmentation: that is shown, reviewed, corrected and measured.
    region: where to segment again.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    model: str = DEFAULT_MODEL
    quality: Annotated[str, Choice(list(QUALITIES))] = "standard"
    resultChoice: Annotated[str, Choice(["new", "replace", "merge"])] = "new"
    lesionSegments: bool = False
    showSurfaces: bool = True
    jumpToLargest: bool = False
    outputSegmentation: vtkMRMLSegmentationNode
    region: vtkMRMLMarkupsROINode

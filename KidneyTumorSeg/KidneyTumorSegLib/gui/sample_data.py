"""A sample CT with a kidney tumor and a cyst, made on the spot from a formula: no internet, no patient, known truth."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import slicer

from ..resources import resource
from ..scene.segmentation_node import segmentation_to_node
from ..scene.undo import undone_on_error
from ..scene.views import show_volume
from ..scene.volume_node import volume_to_node
from ..volume.phantom import phantom_grid, standard_phantom

CATEGORY = "Kidney Tumor Segmentation"
SAMPLE = "Kidney phantom (CT with tumor and cyst)"
"""What the Sample Data module writes below the picture."""
VOLUME_NAME, TRUTH_NAME = "Kidney phantom", "phantom truth"
_NO_ADDRESS = ""


def register() -> None:
    """Offer the sample in Slicer's Sample Data module. To be called when Slicer has started; again is safe."""
    if find_spec("SampleData") is None:
        return  # a Slicer that was built without that module: the panel's own button is left
    from SampleData import SampleDataLogic

    _forget_older_one()
    SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE,
        uris=_NO_ADDRESS,
        fileNames=SAMPLE,
        nodeNames=VOLUME_NAME,
        thumbnailFileName=str(resource("Icons", "KidneyPhantom.png")),
        customDownloader=_download,
    )


def load_sample() -> Any:
    """Put the phantom and its truth into the scene.

    Returns:
        The new vtkMRMLScalarVolumeNode. Its truth is a segmentation over it, hidden, so that a result is seen first.
    """
    volume, truth = standard_phantom().scan(phantom_grid())
    with undone_on_error():
        node = volume_to_node(volume, VOLUME_NAME)
        segmentation = segmentation_to_node(truth, node, TRUTH_NAME)
        segmentation.GetDisplayNode().SetVisibility(False)
    return node


def _download(source: Any) -> list[Any]:
    """What the Sample Data module calls in place of a download."""
    node = load_sample()
    show_volume(node)
    return [node]


def _forget_older_one() -> None:
    """The one that was registered before this file was loaded anew: its function is not this one, so it would stay."""
    sources = getattr(slicer.modules, "sampleDataSources", {})
    sources[CATEGORY] = [source for source in sources.get(CATEGORY, ()) if source.sampleName != SAMPLE]

"""Stand-in for the module of Slicer's PyTorch extension. Follows PyTorchUtils/PyTorchUtils.py of fepegar/SlicerPyTorch:
`installTorch` runs pip in a process of its own, prints its output, and gives the module torch.
"""

from subprocess import CalledProcessError

CALLS: list[dict] = []
"""The arguments of each call."""
PRINTS: list[str] = []
"""What pip prints; the last line "error" makes it fail."""


class PyTorchUtilsLogic:
    def installTorch(self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None):
        CALLS.append({"ask": askConfirmation, "backend": forceComputationBackend, "version": torchVersionRequirement})
        for line in PRINTS:
            print(line)
        if PRINTS and PRINTS[-1] == "error":
            raise CalledProcessError(1, "light_the_torch")
        return object()

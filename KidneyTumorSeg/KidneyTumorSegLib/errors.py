"""Every error that a user may meet, and its exit code.

    KidneyTumorSegError            5  something in the product went wrong
    ├── UsageError                 2  the words of a command or a setting are off
    ├── InputError                 3  the image, the label map or the folder cannot be used
    ├── EnvironmentProblem         4  memory, device, missing or damaged model, missing package
    └── Cancelled                130  the user stopped the run; nothing was written

The text of an error is one sentence for a radiologist: what is wrong, with which file or value, and what to do.
"""

from __future__ import annotations


class KidneyTumorSegError(Exception):
    """Base of all errors that are told to the user in words."""

    exit_code = 5


class UsageError(KidneyTumorSegError):
    """A command, an option or a setting does not make sense."""

    exit_code = 2


class InputError(KidneyTumorSegError):
    """The input cannot be used: unreadable, damaged, of the wrong kind, or with an impossible geometry."""

    exit_code = 3


class EnvironmentProblem(KidneyTumorSegError):
    """The computer lacks something: memory, a device, a package, or a whole and genuine model."""

    exit_code = 4


class Cancelled(KidneyTumorSegError):
    """The user stopped the run. Not a failure: nothing was written and nothing changed."""

    exit_code = 130

    def __init__(self, message: str = "Cancelled. Nothing was written.") -> None:
        super().__init__(message)

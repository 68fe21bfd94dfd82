"""What pip says when it fails, in a sentence with a way out."""

from __future__ import annotations

import re

from slicer.i18n import tr as _

from ..errors import EnvironmentProblem

_DETAIL_LINES = 60


def problem_of(text: str, wheels: str = "") -> EnvironmentProblem:
    """The error for a failed installation, with the end of pip's text as a note.

    Args:
        text: all that pip printed.
        wheels: the folder that packages were taken from; empty: the internet.
    """
    problem = EnvironmentProblem(_sentence(text, wheels))
    problem.add_note("\n".join(text.splitlines()[-_DETAIL_LINES:]))
    return problem


def _sentence(text: str, wheels: str) -> str:
    for pattern, sentence in _known():
        if re.search(pattern, text, re.IGNORECASE):
            return sentence
    if found := re.search(r"No matching distribution found for ([\w.-]+)", text):
        return _no_package(found[1], wheels)
    return _("The packages could not be installed. The details say why; try again, or install from a folder.")


def _known() -> tuple[tuple[str, str], ...]:
    """What is looked for in pip's text, the surest first: a lost connection ends in "no matching distribution" too."""
    return (*_of_this_computer(), *_of_the_download())


def _of_this_computer() -> tuple[tuple[str, str], ...]:
    """Disk, rights, paths, memory, pip itself."""
    return (
        (
            r"No space left on device|Errno 28|WinError 112|not enough space",
            _("The disk is full. Make room where Slicer is installed, and try again."),
        ),
        (
            r"WinError 32|being used by another process|(WinError 5\b|Access is denied).*\.(dll|pyd)",
            _("A file that must be replaced is in use. Restart Slicer, and install before doing anything else."),
        ),
        (
            r"Permission denied|Access is denied|WinError 5\b|Errno 13|Read-only file system|Errno 30",
            _(
                "Slicer's folder cannot be written to. Install Slicer into a folder of your own, or ask the person who "
                "looks after this computer to install once with the right to write there."
            ),
        ),
        (
            r"WinError 206|filename or extension is too long|enable Windows Long Path",
            _(
                "A path became too long for Windows. Install Slicer into a short folder, such as C:\\Slicer, and try "
                "again."
            ),
        ),
        (
            r"No module named '?pip",
            _("Slicer's own pip is missing, so nothing can be installed. Install Slicer again."),
        ),
        (
            r"MemoryError|returncode -9|Killed",
            _("Memory ran out during the installation. Close other programs and try again."),
        ),
    )


def _of_the_download() -> tuple[tuple[str, str], ...]:
    """Connection, damaged files, packages that do not go together."""
    return (
        (
            r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError|certificate verify failed",
            _(
                "The download was refused because the certificate of the connection is not known here, as happens "
                "behind a hospital's proxy. Ask for a folder with the packages and choose From a folder, or ask your "
                "IT for the proxy's certificate and set PIP_CERT to its file."
            ),
        ),
        (
            r"ProxyError|407 Proxy|Tunnel connection failed",
            _(
                "The proxy refused the download. Ask your IT for the proxy's settings (HTTPS_PROXY), or for a folder "
                "with the packages and choose From a folder."
            ),
        ),
        (
            r"NewConnectionError|getaddrinfo|Name or service not known|name resolution|Network is unreachable"
            r"|Connection(Reset|Refused|Aborted)|Read timed out|ConnectTimeout|ReadTimeout"
            r"|RemoteDisconnected|IncompleteRead",
            _(
                "The download did not come through: there is no connection to the internet, or it was lost. Try again "
                "later, or choose From a folder."
            ),
        ),
        (
            r"DO NOT MATCH THE HASHES|BadZipFile|invalid wheel|has an invalid",
            _("A downloaded file was damaged on its way. Try again; if it happens again, choose From a folder."),
        ),
        (
            r"ResolutionImpossible|conflicting dependencies|Cannot install .* because",
            _(
                "The packages do not go together with what is installed in this Slicer already, so nothing was "
                "replaced. Use a newer Slicer, or one without the extensions that installed other versions."
            ),
        ),
    )


def _no_package(name: str, wheels: str) -> str:
    if wheels:
        return _(
            "The folder lacks a package: {name}, for this system and this Python. Add its wheel and try again."
        ).format(name=name)
    return _(
        "There is no {name} for this system and this Python. Use the newest stable Slicer, "
        "or install from a folder that has it."
    ).format(name=name)

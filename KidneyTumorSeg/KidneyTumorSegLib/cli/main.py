"""The door: runs a command, turns every error into one sentence and an exit code.

Exit codes: 0 done, 2 usage, 3 bad input, 4 environment, 5 internal, 130 cancelled (see `errors`).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from ..errors import Cancelled, EnvironmentProblem, KidneyTumorSegError, UsageError
from . import decide, demo, doctor, evaluate, models, pack, phantom, samples, segment, test, train

DEBUG_VARIABLE = "KIDNEYTUMORSEG_DEBUG"
PROGRAM = "kidneytumorseg"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Research use; not a medical device.",
)
app.command("demo")(demo.demo)
app.command("segment")(segment.segment)
app.command("phantom")(phantom.phantom)
app.add_typer(models.app, name="models")
app.command("train")(train.train)
app.command("samples")(samples.samples)
app.command("pack")(pack.pack)
app.command("decide")(decide.decide)
app.command("evaluate")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)
app.command("test", context_settings=test.PASS_THROUGH)(test.test)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"KidneyTumorSeg {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help=f"Show details of errors (also: {DEBUG_VARIABLE}=1). At any place.")
    ] = False,
) -> None:
    """Kidneys, tumors and cysts in CT as a 3D Slicer segmentation."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None: those of this process.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get(DEBUG_VARIABLE))
    words = [word for word in words if word != "--debug"]
    _configure_logging(debug)
    if arguments is None:
        _end_cleanly()
    try:
        return _run(words)
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        if debug:
            traceback.print_exc()
        sentence, code = _explain(error)
        typer.echo(sentence, err=True)
        return code


def _end_cleanly() -> None:
    """A scheduler that ends the run, or Ctrl-Break on Windows, gets the same clean end as Ctrl-C."""
    for name in ("SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def _run(words: list[str]) -> int:
    command = typer.main.get_command(app)
    name = os.environ.get("KIDNEYTUMORSEG_COMMAND", PROGRAM)
    code = command.main(args=words, prog_name=name, standalone_mode=False)
    if code == Cancelled.exit_code:  # Typer has turned Ctrl-C into this number
        raise Cancelled
    return code if isinstance(code, int) else 0


def _explain(error: BaseException) -> tuple[str, int]:
    """One sentence for the user, and the exit code."""
    if isinstance(error, KidneyTumorSegError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return str(Cancelled()), Cancelled.exit_code
    if isinstance(error, typer.TyperException):
        return f"{_usage_sentence(error)} See --help.", UsageError.exit_code
    if isinstance(error, MemoryError):
        return (
            "There is not enough memory for this scan. Close other programs, or give a box with --box.",
            EnvironmentProblem.exit_code,
        )
    return (
        f"Something went wrong inside KidneyTumorSeg ({type(error).__name__}: {error}). Run the command again with "
        "--debug and report what it shows.",
        KidneyTumorSegError.exit_code,
    )


def _usage_sentence(error: typer.TyperException) -> str:
    text = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    return text.rstrip(".") + "."


def _configure_logging(debug: bool) -> None:
    """The library's warnings go to stderr; the noise of others only with --debug."""
    logging.basicConfig(format="%(message)s", level=logging.DEBUG if debug else logging.ERROR, stream=sys.stderr)
    logging.getLogger("KidneyTumorSegLib").setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.captureWarnings(True)

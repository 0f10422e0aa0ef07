"""The process of a command: its streams, and the errors of the command line itself as JSON."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from actorbus.cli._app import app
from actorbus.cli._errors import Complaint
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output

# ClickException, whether typer brings its own click, as it does now, or takes the one installed.
_CommandLineError: Any = typer.BadParameter.__mro__[2]


def main() -> None:
    """Run the command line; the process ends with the command's exit code."""
    if _stdout_is_closed():
        sys.stderr.write("error: the standard output is closed; give it a place, such as a file\n")
        sys.exit(ExitCode.USAGE)
    arguments = sys.argv[1:]
    if "--json" not in _options(arguments):
        app()
    sys.exit(_run_with_json(arguments))


def _stdout_is_closed() -> bool:
    """Give closed streams a place, so that no file that is opened takes theirs; tell of stdout."""
    closed = sys.stdout is None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for the process's life
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  as above
    return closed


def _options(arguments: Sequence[str]) -> Sequence[str]:
    """Return what comes before `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _run_with_json(arguments: Sequence[str]) -> int:
    """Run a command; what is wrong with the line is one document on stdout, as all errors are."""
    try:
        code = app(list(arguments), standalone_mode=False)
    except typer.Abort:
        return _complain("aborted", ExitCode.FAILURE)
    except _CommandLineError as error:
        usage = error.ctx.get_usage() if getattr(error, "ctx", None) is not None else ""
        return _complain(error.format_message(), error.exit_code, usage)
    return code if isinstance(code, int) else ExitCode.OK


def _complain(text: str, code: int, *details: str) -> int:
    said = tuple(detail for detail in details if detail)
    Output(as_json=True).complain(Complaint(text, ExitCode(code), said))
    return code

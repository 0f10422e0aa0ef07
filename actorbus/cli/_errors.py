"""Errors for the person at the command line, and how any error becomes words and a code."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from actorbus._errors import ActorBusError, BusConfigurationError, MessageRefused
from actorbus._store import DeadLetterNotFound, StoreError
from actorbus.cli._exit_codes import ExitCode


class CommandFailed(Exception):
    """The user's: says what is wrong and what would be right. Never shown with a traceback."""

    def __init__(
        self, text: str, code: ExitCode = ExitCode.FAILURE, details: Sequence[str] = ()
    ) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.details = tuple(details)


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error in the words of the command line."""

    text: str
    code: ExitCode
    details: tuple[str, ...] = ()


def complaint(error: Exception) -> Complaint:
    """Find the words and the exit code for an error."""
    error = alone(error)
    match error:
        case CommandFailed():
            return Complaint(error.text, error.code, error.details)
        case BusConfigurationError():
            heading, *problems = str(error).splitlines()
            details = tuple(problem.strip() for problem in problems)
            return Complaint(heading.removesuffix(":"), ExitCode.CONFIGURATION, details)
        case MessageRefused():
            return Complaint(f"refused: {error}", ExitCode.REFUSED)
        case DeadLetterNotFound():
            return Complaint(str(error), ExitCode.FAILURE)
        case StoreError():
            return Complaint(str(error), ExitCode.STORE)
        case ActorBusError():
            return Complaint(str(error), ExitCode.FAILURE)
        case _:
            what = "".join(traceback.format_exception_only(error)).strip()
            return Complaint(what, ExitCode.FAILURE, ("--traceback shows where it was raised",))


def alone(error: Exception) -> Exception:
    """Take an exception out of the groups that nurseries put around it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

"""Settlement: what becomes of a claimed message, as a value.

A handler's outcome is turned into one of these (purely, by the endpoint), and the store writes it:
inside the handler's transaction where it has one, else in a batch.

    Ack         handled: the row is deleted
    Retry       failed: counted as a start, waits `delay` seconds, then is ready again
    Release     not started, or not its own fault: ready again at once, not counted
    DeadLetter  failed for good: counted, moved to the dead letters with its history
    Expire      its time to live ran out before the handler began: deleted and counted per queue
    Divert      failed for good: counted, handed to the handler of an error channel
    SendBack    that handler wants it handled again: back at the endpoint that failed
    Forget      that handler is done with it: the row is deleted, with its history
    Park        held back, not counted: somebody has to let it go on, or something to change
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final


class DeadLetterReason(StrEnum):
    """Why a message became a dead letter: short words that stay the same between versions."""

    ATTEMPTS_EXHAUSTED = "attempts exhausted"
    PERMANENT_ERROR = "permanent error"
    UNDECODABLE = "undecodable"
    UNKNOWN_ENDPOINT = "unknown endpoint"
    UNKNOWN_TENANT = "unknown tenant"
    SUSPECT = "suspect"  # its process ended uncleanly each time that it ran
    ERROR_HANDLER_FAILED = "error handler failed"  # it failed, and so did who was to look at it
    REJECTED = "rejected"  # the handler of its error channel made it one
    SETTLEMENT_REFUSED = "settlement refused"  # the store works, and refuses what became of it


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt, as the history of a message keeps it."""

    exception: str
    """Qualified name of the exception's type."""
    message: str
    traceback: str
    at: float
    """Unix time."""
    attempt: int
    """1 for the first start; 0 where no handler was started."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Where a message failed for good that an error channel gets."""

    channel: str
    """"" for a synchronous handler."""
    endpoint: str
    tenant: str
    reason: str
    exception: str | None
    """Of the last attempt, as are the next two; None if it was not started."""
    exception_message: str | None
    traceback: str | None
    attempts: int
    failed_at: float
    """Unix time."""
    failures: tuple[Failure, ...] = ()
    """All failed attempts, oldest first."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Handled."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed, to be tried again after `delay` seconds; counts as a start."""

    delay: float
    failure: Failure
    gives_up_turn: bool = False
    """The next message of its ordering key does not wait for it."""

    def __post_init__(self) -> None:
        if not 0 <= self.delay < inf:
            raise ValueError(f"Retry: delay={self.delay!r} must be a finite number, 0 or more")


@dataclass(frozen=True, slots=True)
class Release:
    """Ready again at once, as if it had not been claimed."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Failed for good; counts as a start if there is a `failure` of one.

    `of_error_channel` says that it was an error handler's in the end: the dead letter is that of
    the endpoint where it failed first. `note` is then added to its history.
    """

    reason: DeadLetterReason
    failure: Failure | None = None
    of_error_channel: bool = False
    note: Failure | None = None
    parks_key: bool = False
    """The next messages of its ordering key wait until it is replayed or deleted."""

    @property
    def starts(self) -> int:
        """1 if a handler was started for it and failed, else 0."""
        return int(self.failure is not None and self.failure.attempt > 0)


@dataclass(frozen=True, slots=True)
class Divert:
    """Failed for good, for the error handler `endpoint` on `channel`; counts like DeadLetter."""

    channel: str
    endpoint: str
    reason: DeadLetterReason
    failure: Failure | None = None
    parks_key: bool = False
    """As for DeadLetter: they wait until the error handler has done with it."""


@dataclass(frozen=True, slots=True)
class SendBack:
    """An error handler's: back to the endpoint that failed, after `delay` seconds, as if new."""

    channel: str
    """The one that it goes back to."""
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Forget:
    """An error handler's: done with."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Too old to be started."""


@dataclass(frozen=True, slots=True)
class Park:
    """Held back, as if it had not been claimed, until it is let go on."""

    reason: str
    """Short words for those who list what is parked."""


Settlement = Ack | Retry | Release | DeadLetter | Expire | Park | Divert | SendBack | Forget

ACK: Final = Ack()
RELEASE: Final = Release()
EXPIRE: Final = Expire()
FORGET: Final = Forget()

"""Whose a message's failure is, and what becomes of the message. Pure: no clock, no draw.

Rules:
 1. What can never succeed (a permanent error, a body that cannot be decoded) is given up at once.
 2. An outage, a failing store and a claim that was lost are nobody's attempt: it is released.
 3. Any other failure is the message's: tried again after the retry's delay, or, when the attempts
    are used up, given up. So is an outage that the message sees alone.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from ._retry import Retry


class Verdict(Enum):
    """Whose a handler's exception is."""

    FAILED = "failed"
    """The message's: it counts as an attempt."""
    PERMANENT = "permanent"
    """The message's, each time."""
    UNDECODABLE = "undecodable"
    """The message's, each time: its body cannot be read."""
    OUTAGE = "outage"
    """Its endpoint's: what the handler depends on is away."""
    STORE = "store"
    """The store's, which cannot settle anything."""
    STALE = "stale"
    """Nobody's: the message was another's by then."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Try the message again after ``delay`` seconds; this try counted."""

    delay: float


@dataclass(frozen=True, slots=True)
class ReleaseMessage:
    """Let the message be taken again at once; this try does not count."""


@dataclass(frozen=True, slots=True)
class GiveUpMessage:
    """Make the message a dead letter."""


NextTry = TryAgain | ReleaseMessage | GiveUpMessage

RELEASE_MESSAGE: Final = ReleaseMessage()
GIVE_UP_MESSAGE: Final = GiveUpMessage()


def next_try(
    verdict: Verdict, attempt: int, retry: Retry, draw: float, *, alone: bool = False
) -> NextTry:
    """Return what becomes of a message whose try number ``attempt`` (from 1) failed.

    ``alone`` says that the message saw an outage while others succeeded (see `DependencyHealth`).
    ``draw`` is a random number from 0 to 1.
    """
    match verdict:
        case Verdict.PERMANENT | Verdict.UNDECODABLE:
            return GIVE_UP_MESSAGE
        case Verdict.STORE | Verdict.STALE:
            return RELEASE_MESSAGE
        case Verdict.OUTAGE if not alone:
            return RELEASE_MESSAGE
        case Verdict.OUTAGE | Verdict.FAILED:
            delay = retry.next_delay(attempt, draw)
            return GIVE_UP_MESSAGE if delay is None else TryAgain(delay)
        case _:
            assert_never(verdict)

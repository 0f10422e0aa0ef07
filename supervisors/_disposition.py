"""What becomes of the message that an actor had in hand when it failed."""

from dataclasses import dataclass
from typing import Final, Literal

from ._checks import Checks

Fate = Literal["dead_letter", "redeliver", "discard"]
"""What is done with one message: an event, the mailbox's head again, or a count."""


@dataclass(frozen=True, slots=True, init=False)
class Redeliver:
    """Handle the message again, up to ``attempts`` times in all, then make it a dead letter."""

    attempts: int

    def __init__(self, attempts: int = 3) -> None:
        checks = Checks("Redeliver")
        way_out = "to try a message once give disposition='dead_letter'"
        count = checks.whole("attempts", attempts, at_least=2, way_out=way_out)
        checks.finish()
        object.__setattr__(self, "attempts", count)


Disposition = Redeliver | Literal["dead_letter", "discard"]

DISPOSITIONS: Final = ("dead_letter", "discard")


def fate(disposition: Disposition, attempts: int) -> Fate:
    """Return what to do with a message that has failed ``attempts`` times by now."""
    if isinstance(disposition, Redeliver):
        return "redeliver" if attempts < disposition.attempts else "dead_letter"
    return disposition


def check_disposition(checks: Checks, disposition: Disposition) -> Disposition:
    """Return the disposition if it is one; every form of it is named in the refusal."""
    if not isinstance(disposition, Redeliver) and disposition not in DISPOSITIONS:
        checks.refuse(
            f"disposition={disposition!r} is not allowed: give 'dead_letter', 'discard' or"
            " Redeliver(attempts=3)"
        )
    return disposition

"""What a strategy decides. The runtime carries it out and stores the new states.

In each decision ``children`` holds the states that changed, to be stored by name. Their
statuses are those at the beginning of the work: *restarting*, *stopping*; the runtime
moves them on with ``ChildState.after`` as the work proceeds.
"""

from dataclasses import dataclass

from ._state import ChildState


@dataclass(frozen=True, slots=True)
class ResumeChild:
    """Let the same instance go on with its next message."""

    name: str
    children: tuple[ChildState, ...]


@dataclass(frozen=True, slots=True)
class RestartChildren:
    """Take down ``stop`` in order, wait ``delay`` seconds, then start ``start`` in order.

    Each name in ``stop`` that is not in ``start`` ends for good: a temporary child whose group
    restarts. Each start is awaited before the next; a failure of it is decided anew, with the
    others' statuses as they are then. The failed child is among both. A name in ``start``
    that is not in ``stop`` was down already: this replaces a restart that is still under way.
    A stop request is honoured during the delay.
    """

    name: str
    stop: tuple[str, ...]
    start: tuple[str, ...]
    delay: float
    restarts: int
    """How often the failed child has been replaced by now, this time included."""
    cause: BaseException | None
    children: tuple[ChildState, ...]


@dataclass(frozen=True, slots=True)
class StopChild:
    """End this child for good, and no other.

    ``gave_up`` says that its restarts are used up. ``start`` names the members of its group
    that are down and wait for their turn, in order: a restart that is under way goes on
    without the stopped child, after the delay that it has.
    """

    name: str
    gave_up: bool
    start: tuple[str, ...]
    cause: BaseException | None
    children: tuple[ChildState, ...]


@dataclass(frozen=True, slots=True)
class EscalateFailure:
    """Stop all the children that have not ended, in order, and fail the supervisor with ``cause``.

    ``gave_up`` says that the restarts of the child, or of its group, are used up.
    """

    name: str
    stop: tuple[str, ...]
    cause: BaseException
    gave_up: bool
    children: tuple[ChildState, ...]


Decision = ResumeChild | RestartChildren | StopChild | EscalateFailure

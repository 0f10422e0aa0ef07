"""The states of a message as one transition table, without I/O.

Rules: (1) a message has one state at a time; (2) it changes only by an event of the table, any
other pair is a bug and raises; (3) nothing leaves `done` and `expired`, whose rows are gone, and
`dead` is left by a replay alone; (4) every event that takes a message out of `claimed` makes its
claim stale, so that its old holder can no longer settle it.

The stores write these transitions as SQL; the contract suite holds them against this table.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a message is."""

    READY = "ready"  # may be claimed now
    CLAIMED = "claimed"  # held by a process, under its lease
    WAITING = "waiting"  # not due yet: a delay, or the pause before a retry
    HELD = "held"  # behind another message of its ordering key
    PARKED = "parked"  # held back until someone lets it go on
    DONE = "done"  # handled: its row is deleted
    EXPIRED = "expired"  # its time to live ran out before a handler began
    DEAD = "dead"  # a dead letter, kept until it is replayed or deleted


class Event(StrEnum):
    """What happens to a message."""

    SEND = "send"
    DELAY = "delay"
    COME_DUE = "come due"
    CLAIM = "claim"
    ACKNOWLEDGE = "acknowledge"
    RETRY = "retry"
    RELEASE = "release"
    TAKE_BACK = "take back"
    HOLD = "hold"
    LET_GO = "let go"
    PARK = "park"
    RESUME = "resume"
    EXPIRE = "expire"
    DEAD_LETTER = "dead-letter"
    REPLAY = "replay"


TRANSITIONS: Mapping[tuple[State | None, Event], State] = MappingProxyType(
    {
        (None, Event.SEND): State.READY,
        (None, Event.DELAY): State.WAITING,
        (None, Event.PARK): State.PARKED,
        (None, Event.HOLD): State.HELD,
        (State.WAITING, Event.COME_DUE): State.READY,
        (State.WAITING, Event.EXPIRE): State.EXPIRED,
        (State.WAITING, Event.HOLD): State.HELD,
        (State.HELD, Event.LET_GO): State.READY,
        (State.HELD, Event.EXPIRE): State.EXPIRED,
        (State.READY, Event.CLAIM): State.CLAIMED,
        (State.READY, Event.PARK): State.PARKED,
        (State.READY, Event.EXPIRE): State.EXPIRED,
        (State.CLAIMED, Event.ACKNOWLEDGE): State.DONE,
        (State.CLAIMED, Event.RETRY): State.WAITING,
        (State.CLAIMED, Event.RELEASE): State.READY,
        (State.CLAIMED, Event.TAKE_BACK): State.READY,
        (State.CLAIMED, Event.PARK): State.PARKED,
        (State.CLAIMED, Event.EXPIRE): State.EXPIRED,
        (State.CLAIMED, Event.DEAD_LETTER): State.DEAD,
        (State.PARKED, Event.RESUME): State.READY,
        (State.PARKED, Event.HOLD): State.HELD,
        (State.PARKED, Event.DELAY): State.WAITING,
        (State.PARKED, Event.EXPIRE): State.EXPIRED,
        (State.DEAD, Event.REPLAY): State.READY,
        (State.DEAD, Event.HOLD): State.HELD,
    }
)

FINAL = frozenset({State.DONE, State.EXPIRED})
"""States that nothing leaves."""


class ImpossibleTransition(Exception):
    """A bug in a store: this event cannot happen to a message in this state."""


def after(state: State | None, event: Event) -> State:
    """Return the state that `event` leads to; None is a message that is not there yet.

    Raises ImpossibleTransition for a pair that is not in the table.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        allowed = ", ".join(sorted(events_of(state))) or "none"
        raise ImpossibleTransition(
            f"{event.value!r} cannot happen to a message that is {_word(state)} "
            f"(allowed: {allowed})"
        ) from None


def events_of(state: State | None) -> frozenset[Event]:
    """Return the events that may happen to a message in `state`."""
    return frozenset(event for start, event in TRANSITIONS if start is state)


def diagram() -> str:
    """Return the table as a Mermaid state diagram, for the docs."""
    return "\n".join(["stateDiagram-v2", *_edges()])


def _edges() -> Iterator[str]:
    for (start, event), end in TRANSITIONS.items():
        yield f"    {'[*]' if start is None else start.value} --> {end.value}: {event.value}"
    for state in sorted(FINAL):
        yield f"    {state.value} --> [*]"


def _word(state: State | None) -> str:
    return "not stored yet" if state is None else state.value

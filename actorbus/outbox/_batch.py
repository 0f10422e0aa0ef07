"""A batch that is relayed: its lines, and what becomes of each when the broker has answered. Pure.

Rules:
 1. A line is a message that was claimed, and those that are held behind it; they go in this order.
 2. What arrived of a line is its head: up to the first that did not. What is behind that one has
    not been produced, or will be again.
 3. If the first of a line did not arrive, its error decides. Another one's does not: that one is in
    turn next, and fails as the first then, if it does so again.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actorbus._store import Claimed
from actorbus.channels._broker import BrokerUnavailable


class Line(NamedTuple):
    """A claimed message, and those behind it of its ordering key, in order."""

    first: Claimed
    others: Sequence[Claimed] = ()

    @property
    def messages(self) -> Iterator[Claimed]:
        """All of them, in order."""
        yield self.first
        yield from self.others


class Outcome(NamedTuple):
    """What became of a batch."""

    arrived: list[Line]
    """The heads of lines that arrived."""
    refused: list[tuple[Claimed, Exception]]
    """First messages with errors of their own."""
    unavailable: list[tuple[Claimed, Exception]]
    """First messages that the broker could not take now."""


def lines_of(
    batch: Sequence[Claimed], followers: Sequence[Sequence[Claimed]], now: float
) -> list[Line]:
    """Return the lines of claimed messages; those with an ordering key have followers, in order.

    A line ends before a message that is too old, or too large to have been read: it will be in
    turn, and is settled then.
    """
    behind = iter(followers)
    return [
        Line(one) if one.ordering_key is None else Line(one, _fit(next(behind), now))
        for one in batch
    ]


def outcome_of(lines: Sequence[Line], errors: Sequence[Exception | None]) -> Outcome:
    """Return what became of lines whose messages, one after the other, had these errors."""
    outcome = Outcome([], [], [])
    place = 0
    for line in lines:
        count = 1 + len(line.others)
        own = errors[place : place + count]
        place += count
        error = own[0]
        if error is None:
            outcome.arrived.append(Line(line.first, line.others[: _arrived(own) - 1]))
        elif isinstance(error, BrokerUnavailable):
            outcome.unavailable.append((line.first, error))
        else:
            outcome.refused.append((line.first, error))
    return outcome


def _fit(followers: Sequence[Claimed], now: float) -> Sequence[Claimed]:
    for place, one in enumerate(followers):
        if one.unread_bytes or (one.expires_at is not None and one.expires_at <= now):
            return followers[:place]
    return followers


def _arrived(errors: Sequence[Exception | None]) -> int:
    """Return how many at the head have no error."""
    return next((at for at, error in enumerate(errors) if error is not None), len(errors))

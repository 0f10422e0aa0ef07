"""Channels by priority: one takes messages while those before it have nothing ready.

Rules:
 1. Ready means: in the store or claimed, not begun, and for an endpoint that takes messages. A
    channel that is paused, or whose endpoints are sick, holds up nobody.
 2. What runs is not ready any more: a slow handler of a higher channel holds up nobody.
 3. A channel that has to wait claims and starts nothing. What it had claimed it gives back if it
    has to wait for longer than a `LOOK`.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from actorbus.channels._bell import Bell

LOOK: Final = 0.01
"""Seconds between two looks of a channel that waits for its turn."""


class Ranked(Protocol):
    """What the ranking needs of a desk."""

    @property
    def bell(self) -> Bell:
        """Rung when a worker was refused, so that the intake looks when the turn comes."""
        ...

    @property
    def is_dry(self) -> bool:
        """Whether nothing is ready on the channel that would be taken now."""
        ...


class Ranking:
    """Desks, the most important first."""

    def __init__(self) -> None:
        self._desks: Sequence[Ranked] = ()

    def rank(self, desks: Sequence[Ranked]) -> None:
        """Set the order."""
        self._desks = desks

    def turn_of(self, place: int) -> Callable[[], bool]:
        """Return a function that says whether the desk at this place may claim."""

        def has_turn() -> bool:
            return all(desk.is_dry for desk in self._desks[:place])

        return has_turn

    def start_of(self, place: int) -> Callable[[], bool]:
        """Return a function that says whether a worker there may start a message."""
        has_turn = self.turn_of(place)

        def may_start() -> bool:
            if has_turn():
                return True
            self._desks[place].bell.ask()
            return False

        return may_start

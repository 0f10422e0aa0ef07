"""Routers that choose one of several equal routees."""

from __future__ import annotations

import itertools
import random
from typing import Any

from actors._mailbox import NOTHING
from actors._ref import ActorRef
from actors.routers._router import Router


class RoundRobin(Router):
    """One after the other, passing over those without room as long as one has some."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns = itertools.count()

    def choose(self, message: Any) -> ActorRef[Any]:
        """Return the next routee, or the next that has room."""
        routees = self.routees
        first = next(self._turns) % len(routees)
        in_turn = routees[first:] + routees[:first]
        return next((ref for ref in in_turn if _has_room(ref)), in_turn[0])


class Random(Router):
    """Any one, with equal chances; the draws are repeated by the system's `seed`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._random = random.Random(f"{self.context.system.seed}:{self.context.path}")

    def choose(self, message: Any) -> ActorRef[Any]:
        """Return a routee by chance."""
        return self._random.choice(self.routees)


class SmallestMailbox(Router):
    """The one for which the fewest messages wait; among equals, one at rest, then the first."""

    def choose(self, message: Any) -> ActorRef[Any]:
        """Return the least loaded routee."""
        return min(self.routees, key=_load)


def _load(ref: ActorRef[Any]) -> tuple[int, bool]:
    return len(ref.actor_inbox), ref._cell.hand is not NOTHING


def _has_room(ref: ActorRef[Any]) -> bool:
    return len(ref.actor_inbox) < ref.actor_inbox.settings.capacity

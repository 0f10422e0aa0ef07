"""Router: the pool, or group, that a router passes messages on to, and how it is kept up."""

from __future__ import annotations

import itertools
import math
import random
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from actors._actor import Actor
from actors._errors import MailboxFull
from actors._ref import ActorRef
from actors._watch import Terminated
from actors.routers._elastic import Elastic
from actors.routers._handover import hand_over, pass_to_all, refuse
from supervisors import Backoff, ChildSpec, ConfigurationError, OneForOne, Strategy

Factory: TypeAlias = Callable[..., Actor] | ChildSpec


@dataclass(frozen=True, slots=True)
class Resize:
    """Tell a router with a pool: have so many routees; those that go finish what they have."""

    size: int


@dataclass(frozen=True, slots=True)
class GetRoutees:
    """Ask a router: the answer is a tuple of its routees' refs."""


@dataclass(frozen=True, slots=True)
class ToAll:
    """Tell a router: pass `message` on to every routee. An ask is answered with all answers."""

    message: Any


@dataclass(frozen=True, slots=True)
class _Refill:
    """To itself: it is time to replace routees that have ended."""


@dataclass(frozen=True, slots=True)
class _Look:
    """To itself: it is time to look at the load."""


class Router(Actor, runs_on="trio"):
    """Passes messages on to one of its routees; a subclass's `choose` says to which.

    `routees` is what a pool's actors are made of (a class, factory or ChildSpec, with `args` and
    `kwargs`), of which there are `size`, as its children under `strategy`; or actors that exist.
    `elastic` lets a pool grow and shrink. A routee that has ended for good is replaced, the first
    time at once, then as `backoff` says; a given actor that has ended is forgotten.

    A message waits in the router while no routee has room for it, up to the router's own mailbox:
    what is full is full for the router's senders. An asker is answered by the routee itself.
    """

    strategy: ClassVar[Strategy | None] = OneForOne(on_give_up="stop")

    def __init__(
        self,
        routees: Factory | Sequence[ActorRef[Any]],
        *args: Any,
        size: int | None = None,
        elastic: Elastic | None = None,
        strategy: Strategy | None = None,
        backoff: Backoff | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if strategy is not None:
            self.strategy = strategy  # type: ignore[misc]  # an instance may have its own
        self._make: Callable[[str], ActorRef[Any]] | None = None
        self._given: Sequence[ActorRef[Any]] = ()
        if isinstance(routees, Sequence):
            self._given = routees
            if size is not None or elastic is not None or args or kwargs:
                raise ConfigurationError(
                    type(self).__name__, "size, elastic and arguments are for pools, not for refs"
                )
        else:
            self._make = lambda name: self.context.spawn(routees, *args, name=name, **kwargs)
        self._elastic = elastic
        self._wanted = _checked_size(size, elastic)
        self._backoff = backoff or Backoff()
        self._calm = 0
        self._losses = 0
        self._replaced_at = -math.inf
        self._members: dict[str, ActorRef[Any]] = {}
        self._leaving: dict[str, ActorRef[Any]] = {}

    # -- for users to override -----------------------------------------------------------------

    @abstractmethod
    def choose(self, message: Any) -> ActorRef[Any]:
        """Return the routee for a message; `self.routees` has at least one."""
        raise NotImplementedError

    @property
    def routees(self) -> list[ActorRef[Any]]:
        """Those that may be chosen, in the order in which they were added."""
        return list(self._members.values())

    def describe(self) -> dict[str, object]:
        """Return what `system.tree()` shows."""
        return {"routees": len(self._members), "wanted": self._wanted}

    # -- handlers --------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Start the pool, or watch the given actors."""
        if self._make is None:
            for ref in self._given:
                self._add(ref.path, ref)
            self.changed()
        else:
            self._grow()
        if self._elastic is not None:
            self.context.schedule_every(self._elastic.interval, _Look())

    async def on_receive(self, message: Any) -> Any:
        """Pass it on, unless it is for the router itself."""
        match message:
            case Terminated(ref):
                self._lost(ref)
            case Resize(size):
                self._asked_to_resize(size)
            case GetRoutees():
                return tuple(self.routees)
            case ToAll(inner):
                await pass_to_all(self._cell, self.routees, inner)
            case _Refill():
                self._grow()
            case _Look():
                self._look()
            case _:
                await self.route(message)
        return None

    async def route(self, message: Any) -> None:
        """Pass the message in hand on, or put it aside until there is a routee."""
        while self._members:
            try:
                ref = self.choose(message)
            except Exception as error:  # noqa: BLE001  # the message is at fault, not the pool
                refuse(self._cell, error)
                return
            if await hand_over(self._cell, ref):
                return
            self._lost(ref)
        self.put_aside()

    def put_aside(self) -> None:
        """Keep the message in hand until there is a routee for it, or refuse it."""
        try:
            self.context.stash()
        except MailboxFull as error:
            refuse(self._cell, error)

    # -- the pool --------------------------------------------------------------------------------

    def changed(self) -> None:
        """Take notice of routees that came or went; for subclasses."""

    def _grow(self) -> None:
        try:
            while self._make is not None and len(self._members) < self._wanted:
                name = self._free_name()
                self._add(name, self._make(name))
        finally:
            self.changed()
        self.context.unstash_all()

    def _free_name(self) -> str:
        """Return the lowest free number: what replaces a routee gets its name."""
        names = (str(number) for number in itertools.count(1))
        return next(name for name in names if not self._has_child(name))

    def _has_child(self, name: str) -> bool:
        return self._cell.own_family().find(name) is not None

    def _add(self, name: str, ref: ActorRef[Any]) -> None:
        self._members[name] = ref
        self.context.watch(ref)

    def _lost(self, ref: ActorRef[Any]) -> None:
        """Take a routee that has ended out, and replace it unless it was let go."""
        name = next((name for name, member in self._members.items() if member == ref), None)
        self._leaving = {key: one for key, one in self._leaving.items() if one != ref}
        if name is None:
            return
        del self._members[name]
        delay = self._delay() if self._make is not None else None
        if delay == 0.0 and not self._has_child(name):
            self._grow()
            return
        self.changed()
        if delay is not None:
            self.context.schedule_once(delay, _Refill())

    def _delay(self) -> float:
        """Return how long the next replacement waits: none after a quiet time."""
        now = self.context.system.time()
        self._losses += 1
        if now - self._replaced_at >= self._backoff.reset_after:
            self._losses = 1
        wait = self._losses - 1 if self._backoff.first_immediate else self._losses
        delay = self._backoff.delay(wait, random.random()) if wait else 0.0
        self._replaced_at = now + delay
        return delay

    def _asked_to_resize(self, size: int) -> None:
        try:
            if self._make is None:
                raise ConfigurationError(self.context.path, "only a pool is resized, not refs")
            self._resize(_checked_size(size, self._elastic))
        except ConfigurationError as error:
            refuse(self._cell, error)

    def _resize(self, size: int) -> None:
        self._wanted = size
        let_go = dict(self._members.popitem() for _ in range(len(self._members) - size))
        self._leaving.update(let_go)
        self._grow()  # before they are told to stop: who waits for them stands ahead of that
        for ref in let_go.values():
            ref.stop(block=False)

    def _look(self) -> None:
        if self._elastic is None or not self._members:
            return
        waiting = [len(ref.actor_inbox) for ref in self.routees]
        size, self._calm = self._elastic.decide(waiting, self._calm)
        if size != self._wanted:
            self._resize(size)


def _checked_size(size: int | None, elastic: Elastic | None) -> int:
    wanted = (1 if elastic is None else elastic.minimum) if size is None else size
    if wanted < 1:
        raise ConfigurationError("Router", f"size={size!r} is not allowed: give a number >= 1")
    return wanted if elastic is None else elastic.bounded(wanted)

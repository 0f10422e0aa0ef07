"""The routers of channels: each finds the places of messages on one channel.

A message that is told to a router is stored as a gateway would store it. While the store fails it
is tried again for some seconds. An `ask` is answered with the receipt, or with what was wrong.
A message that was told and could not be stored is a `DeadLetter` of the actor system, which says
why, and an error in the log.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import trio

from actorbus._errors import MessageRefused
from actorbus._store import StoreUnavailable
from actorbus.channels._channels import NEVER_GIVES_UP, STORE_BACKOFF
from actorbus.channels._registrar import Registrar
from actorbus.endpoints._plan import actor_name
from actorbus.gateways._way import Receipt
from actors import Actor, ActorDeadError, MailboxFull
from supervisors import ChildSpec, Directive, Retry

StoreMessage = Callable[[str, Any], Awaitable[Receipt]]
"""Stores a message on a channel."""

TRIES = Retry(attempts=8, initial=0.05, maximum=2.0)
"""How often a message is tried while the store fails: for about 5 seconds."""


@dataclass(frozen=True, slots=True)
class Look:
    """Ask who is known now."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Somebody was not known, or found no place."""


LOOK = Look()
MISSED = Missed()


class ChannelRouter(Actor, restart="permanent", runs_on="trio"):
    """Stores what it is told, and keeps its channel's tenants up to date."""

    def __init__(self, channel: str, store_message: StoreMessage, registrar: Registrar) -> None:
        super().__init__()
        self._channel = channel
        self._store_message = store_message
        self._registrar = registrar
        self._draw = Random(channel).random
        self._look_is_due = False
        self._was_told = False

    async def on_start(self) -> None:
        """Begin to look after the tenants."""
        ref = self.context.ref

        def missed() -> None:
            if self._was_told:
                return
            with suppress(ActorDeadError, MailboxFull):  # the bus is stopping; the next miss tells
                ref.tell(MISSED)
                self._was_told = True

        self._registrar.listen(missed)
        self.context.start_soon(self._registrar.reconsider)
        if self._registrar.interval is not None:
            self.context.schedule_every(self._registrar.interval, LOOK)

    async def on_receive(self, message: Any) -> Receipt | None:
        """Store a message, or look who is known."""
        match message:
            case Missed():
                self._was_told = False
                self._look_soon()
            case Look():
                self._look_soon()
            case _:
                return await self._store(message)
        return None

    async def _store(self, message: Any) -> Receipt:
        attempt = 0
        while True:
            try:
                return await self._store_message(self._channel, message)
            except StoreUnavailable:
                attempt += 1
                delay = TRIES.next_delay(attempt, self._draw())
                if delay is None:
                    raise
                await trio.sleep(delay)

    def _look_soon(self) -> None:
        if not self._look_is_due:
            self._look_is_due = True
            self.context.start_soon(self._look)

    async def _look(self) -> None:
        """Look once, then rest: names that nobody knows may come as fast as they can be sent."""
        pause = await self._registrar.look()
        await trio.sleep(pause)
        self._look_is_due = False

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        return {"kind": "router", "channel": self._channel}


def router_spec(channel: str, store_message: StoreMessage, registrar: Registrar) -> ChildSpec:
    """Return the spec of a channel's router."""
    return ChildSpec(
        ChannelRouter,
        (channel, store_message, registrar),
        name=actor_name(channel),
        restart="permanent",
        intensity=NEVER_GIVES_UP,
        backoff=STORE_BACKOFF,
        decider={MessageRefused: Directive.Resume, BaseException: Directive.Restart},
    )

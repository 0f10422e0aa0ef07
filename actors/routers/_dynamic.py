"""DynamicRouter: one actor per key, made when a message needs it and ended when it is idle.

Rules: (1) what waits, waits here, in a queue per key; an actor holds one batch at a time;
       (2) behind each batch comes a fence, and a key is idle when its last fence has passed;
       (3) keys with work stand in one line, and who had a batch goes to its end;
       (4) an actor that is to stop gets no more; once it has ended, its key may have a new one.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias
from urllib.parse import quote

import trio

from actors._actor import Actor
from actors._errors import ActorDeadError, MailboxFull
from actors._lanes import Envelope
from actors._ref import ActorRef
from actors._settings import Seconds, as_seconds
from actors._watch import Terminated
from actors.routers._errors import UnknownKey
from actors.routers._handover import fence, hand_over, put, refuse, refuse_envelope
from actors.routers._router import GetRoutees
from supervisors import ChildSpec, ConfigurationError, OneForOne, Strategy

Known: TypeAlias = Container[Any] | Callable[[Any], bool]


@dataclass(slots=True, eq=False)
class _Entry:
    """What the router knows of one key."""

    key: Hashable
    ref: ActorRef[Any] | None = None
    waiting: deque[Envelope] = field(default_factory=deque)
    has_batch: bool = False
    in_line: bool = False
    leaving: bool = False
    idle_since: float = 0.0


@dataclass(frozen=True, slots=True)
class _Through:
    """To itself: an actor is through with its batch, or has ended."""

    router: DynamicRouter
    entry: _Entry


@dataclass(frozen=True, slots=True)
class _Reap:
    """To itself: it is time to look for idle actors."""


class DynamicRouter(Actor, runs_on="trio"):
    """Passes each message on to the actor of its key, which is made on demand.

    `key` says what a message's key is: a function, or the name of a field or of an attribute. An
    actor is made as `factory(key, *args, **kwargs)` (a class, factory or ChildSpec) and is a child
    of the router under `strategy`. One that had nothing to do for `idle_after` seconds is stopped,
    and made anew when it is needed.

    `known` says which keys may have an actor: a container, or a function; all if it is None. What
    has another key, or the key None, is passed on to the actor `unknown`; without that an ask fails
    with UnknownKey, and what was told is a dead letter.

    Keys are served in turn: each gets up to `batch` messages, then the next one. At most
    `concurrency` keys have a batch at once (None: all). For each key up to `capacity` messages
    wait, and at most `maximum` keys are kept; past that an ask fails with MailboxFull, and what was
    told is a dead letter. One key's flood costs the others no more than its turn.
    """

    strategy: ClassVar[Strategy | None] = OneForOne(on_give_up="stop")

    def __init__(
        self,
        factory: Callable[..., Actor] | ChildSpec,
        *args: Any,
        key: Callable[[Any], Any] | str,
        known: Known | None = None,
        unknown: ActorRef[Any] | None = None,
        idle_after: Seconds | None = 60.0,
        concurrency: int | None = None,
        batch: int = 16,
        capacity: int = 1_000,
        maximum: int = 10_000,
        strategy: Strategy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        _check(batch=batch, capacity=capacity, maximum=maximum, concurrency=concurrency)
        if strategy is not None:
            self.strategy = strategy  # type: ignore[misc]  # an instance may have its own
        self._make: Callable[[Any, str], ActorRef[Any]] = lambda key, name: self.context.spawn(
            factory, key, *args, name=name, **kwargs
        )
        self._key = _field(key) if isinstance(key, str) else key
        self._known = known.__contains__ if isinstance(known, Container) else known
        self._unknown = unknown
        self._idle_after = (
            None if idle_after is None else as_seconds(idle_after, "idle_after", at_least=0.0)
        )
        self._concurrency = concurrency
        self._batch = batch
        self._capacity = capacity
        self._maximum = maximum
        self._entries: dict[Hashable, _Entry] = {}
        self._by_ref: dict[ActorRef[Any], _Entry] = {}
        self._line: deque[_Entry] = deque()
        self._with_batch = 0

    def describe(self) -> dict[str, object]:
        """Return what `system.tree()` shows."""
        entries = list(self._entries.values())
        waiting = sum(len(entry.waiting) for entry in entries)
        return {"keys": len(entries), "waiting": waiting, "with work": self._with_batch}

    # -- handlers --------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Look after idle actors, and after what waits should this instance be replaced."""
        self.context.start_soon(self._give_back_at_the_end)
        if self._idle_after is not None:
            self.context.schedule_every(max(self._idle_after / 4, 0.001), _Reap())

    async def on_receive(self, message: Any) -> Any:
        """Pass it on, unless it is for the router itself."""
        match message:
            case Terminated(ref):
                self._ended(ref)
            case _Through(router, entry):
                if router is self:
                    self._through(entry)
            case _Reap():
                self._reap()
            case GetRoutees():
                return {entry.key: entry.ref for entry in self._entries.values() if entry.ref}
            case _:
                await self._route(message)
        return None

    async def _route(self, message: Any) -> None:
        try:
            key = self._key(message)
            known = key is not None and (self._known is None or self._known(key))
            if known:
                self._enqueue(key)
        except Exception as error:  # noqa: BLE001  # the message is at fault, not the other keys
            refuse(self._cell, error)
            return
        if known:
            self._serve()
        elif self._unknown is None or not await hand_over(self._cell, self._unknown):
            refuse(self._cell, UnknownKey(f"{self.context.path}: no actor for key {key!r}"))

    def _enqueue(self, key: Hashable) -> None:
        """Let the message in hand wait for its key's turn."""
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self._maximum:
                raise MailboxFull(f"{self.context.path} has {len(self._entries)} keys already")
            entry = self._entries[key] = _Entry(key)
        if len(entry.waiting) >= self._capacity:
            raise MailboxFull(f"{self.context.path}: {self._capacity} messages wait for {key!r}")
        envelope, self._cell.in_hand = self._cell.in_hand, None
        if envelope is not None:
            entry.waiting.append(envelope)
        self._stand_in_line(entry)

    # -- serving ---------------------------------------------------------------------------------

    def _stand_in_line(self, entry: _Entry) -> None:
        idle = not entry.has_batch and not entry.leaving and not entry.in_line
        if idle and entry.waiting:
            entry.in_line = True
            self._line.append(entry)

    def _serve(self) -> None:
        """Hand out batches, as long as somebody stands in line and may have one."""
        while self._line and (self._concurrency is None or self._with_batch < self._concurrency):
            entry = self._line.popleft()
            entry.in_line = False
            if entry.ref is not None and not entry.ref.is_alive():
                entry.leaving = True  # until the notice of its end has come
                continue
            try:
                ref = self._actor_of(entry)
            except Exception as error:  # noqa: BLE001  # each message that waits for it fails with it
                self._refuse_all(entry, error)
            else:
                self._hand_batch(entry, ref)

    def _actor_of(self, entry: _Entry) -> ActorRef[Any]:
        if entry.ref is None:
            entry.ref = self._make(entry.key, self._name_for(entry.key))
            self._by_ref[entry.ref] = entry
            self.context.watch(entry.ref)
        return entry.ref

    def _name_for(self, key: Hashable) -> str:
        """Return a name that shows the key, and that no child has."""
        name = quote(str(key), safe="@:+ ") or "empty"
        number = 1
        while self._cell.own_family().find(name) is not None:
            number += 1
            name = f"{quote(str(key), safe='@:+ ')}~{number}"
        return name

    def _hand_batch(self, entry: _Entry, ref: ActorRef[Any]) -> None:
        entry.has_batch = True
        self._with_batch += 1
        for _ in range(min(self._batch, len(entry.waiting))):
            try:
                put(ref, entry.waiting[0])
            except (MailboxFull, ActorDeadError):
                break  # the rest has its turn after the fence
            entry.waiting.popleft()
        mailbox, notice = self._cell.mailbox, Envelope(_Through(self, entry))
        fence(ref, lambda: mailbox.put_system(notice))

    def _through(self, entry: _Entry) -> None:
        entry.has_batch = False
        entry.idle_since = self.context.system.time()
        self._with_batch -= 1
        self._forget_if_gone(entry)
        self._stand_in_line(entry)
        self._serve()

    def _refuse_all(self, entry: _Entry, error: Exception) -> None:
        waiting, entry.waiting = entry.waiting, deque()
        for envelope in waiting:
            refuse_envelope(self._cell, envelope, error)
        self._forget_if_gone(entry)

    # -- ending ----------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Stop the actors that had nothing to do for long."""
        limit = self.context.system.time() - (self._idle_after or 0.0)
        for entry in self._entries.values():
            at_rest = not entry.has_batch and not entry.waiting and not entry.leaving
            if at_rest and entry.idle_since <= limit and entry.ref and not entry.ref.actor_inbox:
                entry.leaving = True
                entry.ref.stop(block=False)

    def _ended(self, ref: ActorRef[Any]) -> None:
        entry = self._by_ref.pop(ref, None)
        if entry is None or entry.ref != ref:
            return
        entry.ref = None
        entry.leaving = False
        self._forget_if_gone(entry)
        self._stand_in_line(entry)
        self._serve()

    def _forget_if_gone(self, entry: _Entry) -> None:
        if entry.ref is None and not entry.waiting and not entry.has_batch:
            self._entries.pop(entry.key, None)

    async def _give_back_at_the_end(self) -> None:
        """Return what waits to the mailbox when this instance is taken down, whatever for."""
        try:
            await trio.sleep_forever()
        finally:
            entries, self._entries = self._entries, {}
            waiting = [envelope for entry in entries.values() for envelope in entry.waiting]
            self._cell.mailbox.return_to_head(waiting)


def _field(name: str) -> Callable[[Any], Any]:
    """Return a function that looks up a field of a mapping, or an attribute of something else."""
    of_object = operator.attrgetter(name)

    def look_up(message: Any) -> Any:
        return message.get(name) if isinstance(message, Mapping) else of_object(message)

    return look_up


def _check(**numbers: int | None) -> None:
    problems = [
        f"{name}={number!r} is not allowed: give a number >= 1"
        for name, number in numbers.items()
        if number is not None and number < 1
    ]
    if problems:
        raise ConfigurationError("DynamicRouter", *problems)

"""ConsistentHash: messages of one key in order and one at a time, whatever becomes of the pool.

Each slot of the hash belongs to one routee. When a slot is to move while its old routee lives, what
comes for it waits in the router's stash until the old one has passed a fence behind all that it was
passed before. A routee that restarts keeps its mailbox, so nothing moves. One that has ended for
good leaves dead letters, and its slots move at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from actors._lanes import Envelope
from actors._ref import ActorRef
from actors.routers._handover import fence, hand_over, refuse
from actors.routers._hash import assign, slot_of
from actors.routers._router import Router
from supervisors import ConfigurationError


@dataclass(frozen=True, slots=True)
class _Passed:
    """To itself: a routee is through with what it was passed before a change of the pool."""

    router: ConsistentHash  # a notice for an instance that was replaced says nothing
    fence: int


class ConsistentHash(Router):
    """By the hash of each message's key, `key(message)`; see `stable_hash` for what may be a key.

    A key never runs in two routees at once, nor out of order, for what is sent through this router,
    also while a routee is replaced or the pool is resized. Messages that a routee puts aside with
    `stash` are no longer in its order. A change of the pool moves as few keys as it can.

    While a key moves its messages wait, up to the capacity of the router's mailbox; past it an ask
    fails with `MailboxFull`, and what was told is a dead letter.
    """

    def __init__(self, *args: Any, key: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._key = key
        self._owners: list[str] = []
        self._moving: dict[int, int] = {}  # slot -> the fence that it waits for
        self._fences = 0

    def choose(self, message: Any) -> ActorRef[Any]:
        """Return the routee that the message's key belongs to."""
        return self._members[self._owners[slot_of(self._key(message))]]

    async def on_receive(self, message: Any) -> Any:
        """Pass it on, unless it is for the router itself."""
        if not isinstance(message, _Passed):
            return await super().on_receive(message)
        if message.router is self:
            self._release(message.fence)
        return None

    async def route(self, message: Any) -> None:
        """Pass the message in hand on, or put it aside while its key moves."""
        try:
            slot = slot_of(self._key(message))
        except Exception as error:  # noqa: BLE001  # the message is at fault, not the pool
            refuse(self._cell, error)
            return
        while self._members and slot not in self._moving:
            ref = self._members[self._owners[slot]]
            if await hand_over(self._cell, ref):
                return
            self._lost(ref)
        self.put_aside()

    # -- slots that move -------------------------------------------------------------------------

    def changed(self) -> None:
        """Give the slots to the routees that there are now; those that move wait for a fence."""
        _refuse_priorities(self._members.values())
        before = self._owners
        self._owners = assign(self._members) if self._members else before
        moves: dict[str, list[int]] = {}
        for slot, (old, new) in enumerate(zip(before, self._owners, strict=False)):
            if old != new and slot not in self._moving:
                moves.setdefault(old, []).append(slot)
        for name, slots in moves.items():
            ref = self._members.get(name) or self._leaving.get(name)
            if ref is not None and ref.is_alive():
                self._wait_for(ref, slots)

    def _wait_for(self, ref: ActorRef[Any], slots: list[int]) -> None:
        """Let these slots wait until the routee is through with what it was passed."""
        self._fences += 1
        notice = Envelope(_Passed(self, self._fences))
        self._moving.update(dict.fromkeys(slots, self._fences))
        mailbox = self._cell.mailbox
        fence(ref, lambda: mailbox.put_system(notice))

    def _release(self, fence: int) -> None:
        """Let what waits for these slots go on to their new routees."""
        self._moving = {slot: one for slot, one in self._moving.items() if one != fence}
        self.context.unstash_all()


def _refuse_priorities(refs: Iterable[ActorRef[Any]]) -> None:
    for ref in refs:
        if ref.actor_inbox.settings.priority is not None:
            raise ConfigurationError(
                "ConsistentHash", f"{ref} has a mailbox with a priority, which does not keep order"
            )

"""Deduplication at a gateway: of two messages with one key, the second is not sent at all.

The key is noted in one transaction with what the send does: with the copies that it stores, and
with what synchronous handlers write. If any of that fails, the message may be sent again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from actorbus._store import GroupLost, Store
from actorbus.declaring._tenant_rules import InvalidTenant
from actorbus.gateways._options import arity
from actorbus.gateways._way import Way
from actorbus.messages._message import Headers
from actorbus.messages._types import stable_name
from actorbus.options._deduplication import deduplication_key
from actorbus.options._options import SendOptions, checked_headers
from actorbus.transactions._inner_units import InnerUnitOfWork
from actorbus.transactions._listeners import Hook, Outcome
from actorbus.transactions._unit_of_work import UnitOfWork

Deliver = Callable[[UnitOfWork | None, Way, Any, SendOptions], Awaitable[Any]]


class Once:
    """Sends what was not sent before."""

    __slots__ = ("_deliver", "_run_hooks", "_store")

    def __init__(
        self, store: Store, deliver: Deliver, run_hooks: Callable[[Sequence[Hook]], None]
    ) -> None:
        self._store = store
        self._deliver = deliver
        self._run_hooks = run_hooks

    async def send(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> tuple[bool, Any]:
        """Send it, and return whether it is the first of its key, and the send's result."""
        key = _key(way, message, options, unit)
        if unit is not None:
            return await self._inside(unit, way, key, message, options)
        try:
            return await self._alone(way, key, message, options, alone=False)
        except GroupLost:
            return await self._alone(way, key, message, options, alone=True)

    async def _alone(
        self, way: Way, key: str, message: Any, options: SendOptions, *, alone: bool
    ) -> tuple[bool, Any]:
        owner = _owner(way)
        unit = UnitOfWork(self._store, owner, None, alone=alone, run_hooks=self._run_hooks)
        outcome = Outcome()
        try:
            if not await (await unit.turn()).remember(owner, key):
                return False, None
            result = await self._deliver(unit, way, message, options)
            await unit.commit(outcome)
        finally:
            if not unit.ended:
                await unit.rollback()
        await outcome.wait()
        return True, result

    async def _inside(
        self, outer: UnitOfWork, way: Way, key: str, message: Any, options: SendOptions
    ) -> tuple[bool, Any]:
        owner = _owner(way)
        unit = InnerUnitOfWork(outer, owner, outer.headers or Headers(id=""))
        try:
            if not await (await unit.turn()).remember(owner, key):
                return False, None
            result = await self._deliver(unit, way, message, options)
            await unit.merge()
        finally:
            await unit.rollback()
        return True, result


class Alone:
    """Sends one of many by itself, and counts it if it was new."""

    __slots__ = ("_deliver", "_once", "sent")

    def __init__(self, once: Once | None, deliver: Deliver) -> None:
        self._once = once
        self._deliver = deliver
        self.sent = 0

    async def __call__(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        """Send it and return the result."""
        first, result = True, None
        if self._once is None:
            result = await self._deliver(unit, way, message, options)
        else:
            first, result = await self._once.send(unit, way, message, options)
        self.sent += first
        return result


def _owner(way: Way) -> str:
    return f"gateway {stable_name(way.gateway)}"


def _key(way: Way, message: Any, options: SendOptions, unit: UnitOfWork | None) -> str:
    rule = way.deduplicate
    if rule is None:
        raise AssertionError("a gateway without deduplicate=")
    try:
        wants_headers = arity(rule) > 1
        key = rule(message, _headers(way, options, unit)) if wants_headers else rule(message)
    except InvalidTenant:  # what header(...) and field(...) raise where there is nothing
        key = None
    return deduplication_key(key, way.gateway.__qualname__)


def _headers(way: Way, options: SendOptions, unit: UnitOfWork | None) -> Mapping[str, str]:
    inherited = {} if unit is None or unit.headers is None else unit.headers.user
    return {**inherited, **checked_headers(way.merged(options).get("headers", {}))}

"""Parked messages: list them, and let them go on."""

import builtins
from collections.abc import Callable
from typing import Any

from actorbus._calls import Answer
from actorbus._store import ParkedFilter, ParkedMessages, Store


class Parked:
    """The messages that are held back on the store of a running bus: `bus.parked`.

    A message is parked when its tenant, or its route, is not known and its channel says so, or
    for another reason, which is listed. Those of tenants go on by themselves once their tenant
    is known.
    """

    def __init__(self, store: Callable[[], Store], call: Callable[..., Answer[Any]]) -> None:
        self._store = store
        self._call = call

    def list(
        self,
        *,
        channel: str | None = None,
        tenant: str | None = None,
        endpoint: str | None = None,
        reason: str | None = None,
    ) -> "Answer[builtins.list[ParkedMessages]]":
        """Return what is held back, by queue and reason, with counts. Raises StoreError."""
        matching = ParkedFilter(channel=channel, tenant=tenant, endpoint=endpoint, reason=reason)
        return self._call(self._listed, matching)

    def unpark(
        self,
        *,
        channel: str | None = None,
        tenant: str | None = None,
        endpoint: str | None = None,
        reason: str | None = None,
        to_channel: str | None = None,
        to_tenant: str | None = None,
    ) -> Answer[int]:
        """Let those that match go on, in the order of their sending; return how many.

        They can be given to another tenant or channel, whose handlers have to know them. One
        whose tenant is still not known is parked again by a channel whose policy is that.
        Raises StoreError. If cancelled: some may have gone on.
        """
        matching = ParkedFilter(channel=channel, tenant=tenant, endpoint=endpoint, reason=reason)
        return self._call(self._unparked, matching, to_channel, to_tenant)

    async def _listed(self, matching: ParkedFilter) -> builtins.list[ParkedMessages]:
        return await self._store().parked(matching)

    async def _unparked(
        self, matching: ParkedFilter, channel: str | None, tenant: str | None
    ) -> int:
        return await self._store().unpark(matching, channel=channel, tenant=tenant)

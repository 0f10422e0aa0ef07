"""What becomes of stored messages whose tenant is not known, or not any more.

Rules, by the channel's policy for unknown tenants:
 1. "park": held back, until the tenant is known.
 2. The name of a channel on the store: moved there.
 3. Anything else: a dead letter. (A known tenant's name is resolved before it comes to this.)
"""

from collections.abc import Sequence

import trio

from actorbus._bus_events import MessageDied, MessageParked
from actorbus._settlement import DeadLetter, DeadLetterReason, Park, Settlement
from actorbus._store import Claimed, ParkedFilter, Store
from actorbus.declaring._channel import DynamicChannel
from actorbus.endpoints._surroundings import Surroundings
from actorbus.sending._placing import UNKNOWN_TENANT


class UnknownTenants:
    """The claimed messages of unknown tenants on one channel, until they are settled."""

    def __init__(self, bus: Surroundings, channel: DynamicChannel, path: str) -> None:
        self._bus = bus
        self._channel = channel
        self._path = path
        self._default = bus.places.default_channel(channel)
        self._claimed: list[Claimed] = []

    def add(self, claimed: Sequence[Claimed]) -> None:
        """Take over claimed messages."""
        self._claimed.extend(claimed)

    async def settle(self, store: Store) -> None:
        """Settle them as the policy says; those that a failing store left are kept."""
        if not self._claimed:
            return
        batch = tuple(self._claimed)
        settlement = self._settlement()
        await store.settle([(one, settlement) for one in batch])
        del self._claimed[: len(batch)]
        if self._default is None:
            self._tell(batch, settlement)
        else:
            await self._move(store, {one.tenant for one in batch}, self._default)

    def _settlement(self) -> Settlement:
        if self._channel.unknown == "park" or self._default is not None:
            return Park(UNKNOWN_TENANT)
        return DeadLetter(DeadLetterReason.UNKNOWN_TENANT)

    async def _move(self, store: Store, tenants: set[str], channel: str) -> None:
        for tenant in tenants:
            matching = ParkedFilter(
                channel=self._channel.name, tenant=tenant, reason=UNKNOWN_TENANT
            )
            await store.unpark(matching, channel=channel, tenant="")

    def _tell(self, batch: Sequence[Claimed], settlement: Settlement) -> None:
        now = trio.current_time()
        for one in batch:
            about = (one.endpoint, one.tenant, one.copy_id, one.message_id)
            if isinstance(settlement, Park):
                self._bus.counts.parked += 1
                self._bus.publish(MessageParked(self._path, now, *about, settlement.reason))
            else:
                self._bus.counts.dead += 1
                reason = DeadLetterReason.UNKNOWN_TENANT
                self._bus.publish(MessageDied(self._path, now, *about, one.attempts, reason, None))

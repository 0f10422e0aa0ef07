"""What becomes of stored messages whose tenant is not known, or not any more.

Rules, by the channel's policy for unknown tenants:
 1. "park": held back, until the tenant is known.
 2. The name of a channel on the store: moved there.
 3. Anything else: a dead letter, or the error channel's, as for all that failed for good. (A known
    tenant's name is resolved before it comes to this.)
"""

from collections.abc import Sequence
from typing import Final

import trio

from actorbus._bus_events import MessageDied, MessageDiverted, MessageParked
from actorbus._settlement import DeadLetter, DeadLetterReason, Divert, Park
from actorbus._store import Claimed, ParkedFilter, Store
from actorbus.declaring._channel import DynamicChannel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._last_resort import LastResort
from actorbus.endpoints._plan import plan_endpoint
from actorbus.endpoints._surroundings import Surroundings
from actorbus.sending._placing import UNKNOWN_TENANT

_LETTER: Final = DeadLetter(DeadLetterReason.UNKNOWN_TENANT)


class UnknownTenants:
    """The claimed messages of unknown tenants on one channel, until they are settled."""

    def __init__(
        self,
        bus: Surroundings,
        channel: DynamicChannel,
        path: str,
        specs: Sequence[HandlerSpec],
    ) -> None:
        self._bus = bus
        self._channel = channel
        self._path = path
        self._default = bus.places.default_channel(channel)
        self._claimed: list[Claimed] = []
        plans = [plan_endpoint(spec, channel) for spec in specs]
        self._last_resorts = {
            name: LastResort(plan, bus.error_endpoint) for plan in plans for name in plan.ids
        }

    def add(self, claimed: Sequence[Claimed]) -> None:
        """Take over claimed messages."""
        self._claimed.extend(claimed)

    async def settle(self, store: Store) -> None:
        """Settle them as the policy says; those that a failing store left are kept."""
        if not self._claimed:
            return
        batch = tuple(self._claimed)
        settled = [(one, self._settlement(one)) for one in batch]
        await store.settle(settled)
        del self._claimed[: len(batch)]
        if self._default is None:
            for one, settlement in settled:
                self._tell(one, settlement)
        else:
            await self._move(store, {one.tenant for one in batch}, self._default)

    def _settlement(self, claimed: Claimed) -> Park | DeadLetter | Divert:
        if self._channel.unknown == "park" or self._default is not None:
            return Park(UNKNOWN_TENANT)
        return self._last_resorts[claimed.endpoint].final(claimed, _LETTER)

    async def _move(self, store: Store, tenants: set[str], channel: str) -> None:
        for tenant in tenants:
            matching = ParkedFilter(
                channel=self._channel.name, tenant=tenant, reason=UNKNOWN_TENANT
            )
            await store.unpark(matching, channel=channel, tenant="")

    def _tell(self, one: Claimed, settlement: Park | DeadLetter | Divert) -> None:
        counts, about = self._bus.counts, (one.endpoint, one.tenant, one.copy_id, one.message_id)
        heard = (self._path, trio.current_time(), *about)
        match settlement:
            case Park(reason):
                counts.parked += 1
                self._bus.publish(MessageParked(*heard, reason))
            case DeadLetter(reason):
                counts.dead += 1
                self._bus.publish(MessageDied(*heard, one.attempts, reason, None))
            case Divert(channel, reason=reason):
                counts.diverted += 1
                self._bus.publish(MessageDiverted(*heard, one.attempts, reason, channel, None))

"""What becomes of a message whose dead letter cannot be written, although the store works.

A trigger of the user's, a row that is too large, a table that was changed: the message is never
acknowledged. Its endpoint has restarted, under its backoff, when this is called.

    release   ready again at once, in its old place; this start counts
    resend    at the end of the queue, after the longest pause of its retries
    stop      ready again, and the channel is paused until somebody resumes it
"""

from typing import TYPE_CHECKING

import trio
from msgspec.structs import replace

from actorbus._bus_events import DeadLetterFailed
from actorbus._settlement import RELEASE, DeadLetter, Divert, Retry, Settlement
from actorbus._store import Claimed, SettlementRefused
from actorbus.endpoints._plan import EndpointPlan

if TYPE_CHECKING:
    from actorbus.endpoints._surroundings import Surroundings

Written = tuple[Settlement, int]
"""What was written in the end, and how many of the settlements were stale."""


class Final:
    """Writes one settlement of an endpoint after another, by its channel's policy."""

    def __init__(self, bus: "Surroundings", plan: EndpointPlan) -> None:
        self._bus = bus
        self._store = bus.store
        self._plan = plan

    async def write(self, claimed: Claimed, settlement: Settlement) -> Written:
        """Write it, or what the policy puts in its place. Raises the store's errors."""
        try:
            return settlement, await self._store.settle([(claimed, settlement)])
        except SettlementRefused as error:
            if isinstance(settlement, Divert):  # to the dead letters, if not to its error channel
                instead = DeadLetter(
                    settlement.reason, settlement.failure, parks_key=settlement.parks_key
                )
                return await self.write(claimed, instead)
            if not isinstance(settlement, DeadLetter):
                raise
            return await self._otherwise(claimed, settlement, error)

    async def _otherwise(
        self, claimed: Claimed, letter: DeadLetter, error: SettlementRefused
    ) -> Written:
        plan, policy = self._plan, self._plan.final_failure
        if policy == "stop":
            reason = f"a dead letter of {plan.spec.endpoint_id} could not be written: {error}"
            await self._bus.pause_channel(plan.channel, reason)
        if policy == "resend" and letter.failure is not None:
            instead: Settlement = Retry(plan.judge.retry.maximum, letter.failure)
            stale = await self._store.settle([(claimed, instead)])
        else:
            instead = RELEASE
            begun = replace(claimed, attempts=claimed.attempts + (letter.failure is not None))
            stale = await self._store.settle([(begun, instead)])
        self._publish(claimed, error)
        return instead, stale

    def _publish(self, claimed: Claimed, error: SettlementRefused) -> None:
        plan = self._plan
        about = plan.about(claimed, trio.current_time())
        self._bus.publish(DeadLetterFailed(*about, plan.channel, plan.final_failure, error))

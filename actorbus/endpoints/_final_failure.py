"""What becomes of a message that cannot be settled, although the store works.

A trigger of the user's, a row that is too large, a table that was changed. What is no dead letter
becomes one instead, with the store's error. A dead letter that cannot be written is never
acknowledged. Its endpoint has restarted, under its backoff, when this is called.

    release   ready again at once, in its old place; this start counts
    resend    at the end of the queue, after the longest pause of its retries
    stop      ready again, and the channel is paused until somebody resumes it

Where even that is refused the message stays this process's until it ends, and others go on.
"""

from typing import TYPE_CHECKING

import trio
from msgspec.structs import replace

from actorbus._bus_events import DeadLetterFailed, MessageDied
from actorbus._settlement import (
    RELEASE,
    DeadLetter,
    DeadLetterReason,
    Divert,
    Forget,
    Retry,
    SendBack,
    Settlement,
)
from actorbus._store import Claimed, SettlementRefused
from actorbus.endpoints._decision import failure_of
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
        """Write it, or what the policy puts in its place. Raises the store's errors.

        SettlementRefused says that nothing at all could be written of this message.
        """
        try:
            return settlement, await self._store.settle([(claimed, settlement)])
        except SettlementRefused as error:
            if isinstance(settlement, Divert):  # to the dead letters, if not to its error channel
                instead = DeadLetter(
                    settlement.reason, settlement.failure, parks_key=settlement.parks_key
                )
                return await self.write(claimed, instead)
            if not isinstance(settlement, DeadLetter):
                return await self._instead_of(claimed, settlement, error)
            return await self._otherwise(claimed, settlement, error)

    async def _instead_of(
        self, claimed: Claimed, settlement: Settlement, error: SettlementRefused
    ) -> Written:
        failure = failure_of(error, self._store.now(), claimed.attempts + 1)
        letter = DeadLetter(
            DeadLetterReason.SETTLEMENT_REFUSED,
            failure,
            of_error_channel=isinstance(settlement, SendBack | Forget),
        )
        written = await self.write(claimed, letter)
        if written[0] is letter:
            about = self._plan.about(claimed, trio.current_time())
            self._bus.publish(MessageDied(*about, failure.attempt, letter.reason, error))
        return written

    async def _otherwise(
        self, claimed: Claimed, letter: DeadLetter, error: SettlementRefused
    ) -> Written:
        plan, policy = self._plan, self._plan.final_failure
        if policy == "stop":
            reason = f"a dead letter of {plan.spec.endpoint_id} could not be written: {error}"
            await self._bus.pause_channel(plan.channel, reason)
        if policy == "resend" and letter.failure is not None:
            instead: Settlement = Retry(plan.judge.retry.maximum, letter.failure)
            begun = claimed
        else:
            instead = RELEASE
            begun = replace(claimed, attempts=claimed.attempts + (letter.failure is not None))
        try:
            stale = await self._store.settle([(begun, instead)])
        except SettlementRefused as refusal:
            self._publish(claimed, "none", refusal)
            raise
        self._publish(claimed, policy, error)
        return instead, stale

    def _publish(self, claimed: Claimed, policy: str, error: SettlementRefused) -> None:
        plan = self._plan
        about = plan.about(claimed, trio.current_time())
        self._bus.publish(DeadLetterFailed(*about, plan.channel, policy, error))

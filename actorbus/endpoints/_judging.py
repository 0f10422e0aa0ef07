"""What becomes of a message whose handler failed, and of its endpoint's health.

Rules:
 1. A failure is settled on its own, as `decide` says, and told to whoever listens.
 2. While the store fails nothing can be settled: the message is kept, and the endpoint restarts.
 3. An endpoint that falls sick gives back what it has not started.
"""

from collections.abc import Callable

import trio

from actorbus._bus_events import (
    EndpointHealthy,
    EndpointSick,
    MessageDied,
    MessageDiverted,
    MessageRetried,
)
from actorbus._settlement import DeadLetter, Divert, Retry, Settlement
from actorbus._store import Claimed
from actorbus.endpoints._decision import decide, failure_of
from actorbus.endpoints._errors import EndpointOutage
from actorbus.endpoints._last_resort import LastResort
from actorbus.endpoints._settling import Settling
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._traceback import described
from actorbus.endpoints._workload import Workload
from actorbus.options._retry_after import own_delay
from supervisors import Verdict


class Judging:
    """Judges the failures of one workload. `draw` is the jitter of its retries, 0 to 1."""

    def __init__(
        self, bus: Surroundings, workload: Workload, settling: Settling, draw: Callable[[], float]
    ) -> None:
        self._bus = bus
        self._store = bus.store
        self._workload = workload
        self._settling = settling
        self._draw = draw
        self._owner = workload.plan.spec.endpoint_id
        self._cause: BaseException | None = None
        self.last_resort = LastResort(workload.plan, bus.error_endpoint)

    def why_restart(self) -> BaseException:
        """Return what the actor fails with: the store's error, or the outage."""
        if self._workload.trouble is not None:
            return self._workload.trouble
        outage = EndpointOutage(f"{self._owner}: {described(self._cause)}")
        outage.__cause__ = self._cause
        return outage

    def succeeded(self, claimed: Claimed) -> None:
        """Note that a handler was done: the success of a probe opens its endpoint."""
        self._workload.failed_last = False
        if self._workload.watcher is not None:
            self._workload.watcher.succeeded(claimed)
        if self._workload.outage.succeeded(claimed.copy_id):
            self._opened()

    def failed(self, claimed: Claimed, error: BaseException) -> None:
        """Settle a message by what its handler, or its commit, raised."""
        workload = self._workload
        workload.failed_last = True
        verdict = workload.plan.judge.verdict(error)
        if verdict is Verdict.STORE:
            self.keep(claimed, error)
        elif verdict is Verdict.STALE:
            self._failed_unless_taken_back(claimed, error)
        else:
            self.judge(claimed, error, verdict)

    def _failed_unless_taken_back(self, claimed: Claimed, error: BaseException) -> None:
        """Count an attempt, if the message is still ours: then its handler changed its row.

        The handler's transaction is undone, so that the row is there again. If the message was
        taken back meanwhile, this settlement is too late as well, and is counted as such.
        """
        self._tell(claimed, error, Verdict.STALE)
        settlement = self._decided(claimed, error, Verdict.FAILED)
        if isinstance(settlement, DeadLetter):
            settlement = self.last_resort.final(claimed, settlement)
        self._settling.settle(claimed, settlement, lambda: self.publish(claimed, settlement, error))

    def saw_outage_together(self, batch: list[Claimed], error: BaseException) -> None:
        """Release a batch that saw an outage: whose it is alone, if any, its messages will show."""
        outage = self._workload.outage
        before = outage.outages
        for claimed in batch:
            self._tell(claimed, error, Verdict.OUTAGE)
        outage.saw_outage_together()
        if outage.outages != before:
            self._fell_sick(error)
        self._settling.give_back(batch)

    def keep(self, claimed: Claimed, error: BaseException) -> None:
        """Run a message again once the store, which raised this, is back."""
        self._tell(claimed, error, Verdict.STORE)
        self._settling.run_again(claimed)
        self._settling.in_trouble(error)

    def judge(self, claimed: Claimed, error: BaseException, verdict: Verdict) -> None:
        """Settle a message whose failure is its own, its endpoint's, or nobody's."""
        self._tell(claimed, error, verdict)
        alone = self._note_health(claimed, error, verdict)
        settlement = self._decided(claimed, error, verdict, alone=alone)
        if isinstance(settlement, DeadLetter):
            self.give_up(claimed, settlement, error)
            return
        self._settle(claimed, settlement, error)

    def _decided(
        self, claimed: Claimed, error: BaseException, verdict: Verdict, *, alone: bool = False
    ) -> Settlement:
        now = self._store.now()
        failure = failure_of(error, now, claimed.attempts + 1)
        own = own_delay(error, now)
        retry = self.last_resort.retry_of(claimed)
        return decide(verdict, failure, retry, self._draw(), alone=alone, own=own)

    def give_up(self, claimed: Claimed, letter: DeadLetter, error: BaseException | None) -> None:
        """Settle a message that failed for good, or was never begun (without an error)."""
        self._settle(claimed, self.last_resort.final(claimed, letter), error)

    def _settle(
        self, claimed: Claimed, settlement: Settlement, error: BaseException | None
    ) -> None:
        """Settle it, and tell of it; without a lease once it is written: it may be another's."""
        if self._store.lease_holds:
            self._settling.settle(claimed, settlement)
            self.publish(claimed, settlement, error)
        else:
            self._settling.settle(
                claimed, settlement, lambda: self.publish(claimed, settlement, error)
            )

    def _note_health(self, claimed: Claimed, error: BaseException, verdict: Verdict) -> bool:
        outage = self._workload.outage
        before = outage.outages
        alone = outage.noted(claimed.copy_id, verdict)
        if outage.outages != before:
            self._fell_sick(error)
        return alone

    def _fell_sick(self, error: BaseException) -> None:
        workload = self._workload
        self._cause = error
        self._settling.give_back(workload.give_up_waiting())
        plan, outages = workload.plan, workload.outage.outages
        now = trio.current_time()
        self._bus.publish(EndpointSick(plan.path, now, self._owner, plan.tenant, error, outages))

    def publish(
        self, claimed: Claimed, settlement: Settlement, error: BaseException | None
    ) -> None:
        """Tell what became of a message; without an error its handler raised none."""
        publish = self._bus.publish
        about = self._workload.plan.about(claimed, trio.current_time())
        attempts = claimed.attempts + (error is not None)
        if isinstance(settlement, DeadLetter):
            publish(MessageDied(*about, attempts, settlement.reason, error))
        elif isinstance(settlement, Divert):
            reason, channel = settlement.reason, settlement.channel
            publish(MessageDiverted(*about, attempts, reason, channel, error))
        elif isinstance(settlement, Retry) and error is not None:
            attempt, delay = settlement.failure.attempt, settlement.delay
            publish(MessageRetried(*about, attempt, delay, error))

    def _tell(self, claimed: Claimed, error: BaseException, verdict: Verdict) -> None:
        if self._workload.watcher is not None:
            self._workload.watcher.failed(claimed, verdict, error)

    def _opened(self) -> None:
        self._cause = None
        plan = self._workload.plan
        now = trio.current_time()
        self._bus.publish(EndpointHealthy(plan.path, now, self._owner, plan.tenant))
        self._workload.on_healthy()

"""What is done with one claimed message: check it, run its handler, settle it.

Rules:
 1. A message that is too old, one whose deduplication key has been handled, and a suspect whose
    attempts are used up, are settled unstarted.
 2. Success commits the unit of work with the settlement; the next message does not wait for it.
    Of two copies with one key that run at once, the second finds the first one's there, and is
    undone.
 3. Failure rolls the unit back and settles on its own, as `decide` says.
 4. A commit that is lost is nobody's fault at first: the message runs again, alone, uncounted.
    Lost alone with its group, it is the message's own failure.
 5. While the store fails nothing can be settled: the message is kept, and the endpoint restarts.
 6. If cancelled, the message is released, and named among the unfinished. A Cancelled that a
    handler kept from a scope of its own, and raises when nobody cancels it, is its failure.
 7. A settlement that finds its message taken back, after a lost lease, is counted and no more.
"""

import asyncio
import random
from math import inf
from typing import Protocol

import trio

from actorbus._bus_events import EndpointHealthy, EndpointSick, MessageDied, MessageRetried
from actorbus._channel import Channel
from actorbus._dispatch import Dispatch
from actorbus._message import Headers
from actorbus._settlement import (
    ACK,
    EXPIRE,
    RELEASE,
    Ack,
    DeadLetter,
    DeadLetterReason,
    Expire,
    Release,
    Retry,
    Settlement,
)
from actorbus._store import Claimed, GroupLost, StaleClaim, Store, StoreUnavailable
from actorbus._unit_of_work import UnitOfWork
from actorbus.endpoints._decision import Verdict, decide, failure_of
from actorbus.endpoints._errors import EndpointOutage
from actorbus.endpoints._forwarding import forwarded
from actorbus.endpoints._traceback import described
from actorbus.endpoints._workload import Counts, Workload
from actors.events import Event
from supervisors import leaves


class Surroundings(Protocol):
    """What processing needs of the bus."""

    @property
    def store(self) -> Store: ...
    @property
    def dispatch(self) -> Dispatch: ...
    @property
    def counts(self) -> Counts:
        """The counts of all endpoints together."""
        ...

    def channel(self, name: str) -> Channel:
        """Return a declared channel."""
        ...

    def unit_of_work(self, owner: str, headers: Headers, *, alone: bool) -> UnitOfWork:
        """Make the unit of work of one message."""
        ...

    def publish(self, event: Event) -> None:
        """Put an event on the system's stream."""
        ...

    def wake_channels(self) -> None:
        """Have every channel look for messages."""
        ...

    def due_in(self, delay: float) -> None:
        """Have the poller look again in `delay` seconds, at the latest."""
        ...

    def lease_holds(self) -> bool:
        """Whether messages may be started: what was claimed is this process's for sure."""
        ...


class Processing:
    """Runs the messages of one workload. Shared by all instances of the endpoint's actor."""

    def __init__(self, bus: Surroundings, workload: Workload, draws: random.Random) -> None:
        self._bus = bus
        self._store = bus.store
        self._dispatch = bus.dispatch
        self._workload = workload
        self._draw = draws.random
        self._spec = workload.plan.spec
        self._owner = workload.plan.spec.endpoint_id
        following = workload.plan.next_channel
        self._next = None if following is None else bus.channel(following)
        self._cause: BaseException | None = None
        self._total = bus.counts

    async def run(self, claimed: Claimed, *, alone: bool) -> None:
        """Handle one message. Raises nothing but cancellation and what is no Exception."""
        workload = self._workload
        workload.running[claimed.copy_id] = claimed
        try:
            if not self._settle_unstarted(claimed):
                await self._handle(claimed, alone=alone)
        finally:
            workload.running.pop(claimed.copy_id, None)
            workload.ask_for_more()

    def why_restart(self) -> BaseException:
        """Return what the actor fails with: the store's error, or the outage."""
        if self._workload.trouble is not None:
            return self._workload.trouble
        outage = EndpointOutage(f"{self._owner}: {described(self._cause)}")
        outage.__cause__ = self._cause
        return outage

    # -- before the start -------------------------------------------------------------------

    def _settle_unstarted(self, claimed: Claimed) -> bool:
        if claimed.expires_at is not None and claimed.expires_at <= self._store.now():
            self.settle(claimed, EXPIRE)
            return True
        if claimed.handled:
            self.settle(claimed, ACK)
            return True
        if claimed.suspect and claimed.attempts >= self._workload.plan.judge.retry.attempts:
            self.settle(claimed, DeadLetter(DeadLetterReason.SUSPECT))
            self._publish_death(claimed, DeadLetterReason.SUSPECT, None)
            return True
        return False

    # -- the handler ------------------------------------------------------------------------

    async def _handle(self, claimed: Claimed, *, alone: bool) -> None:
        workload = self._workload
        headers = Headers.of(claimed, claimed.attempts + 1)
        unit = self._bus.unit_of_work(self._owner, headers, alone=alone)
        workload.counts.started += 1
        self._total.started += 1
        try:
            message = self._dispatch.decode(self._spec, claimed)
            if self._next is None:
                await self._dispatch.invoke(self._spec, message, headers, unit)
            else:
                now = self._store.now()
                unit.stage([forwarded(claimed, message, headers, self._next, now)])
            await self._commit(unit, claimed, alone=alone)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  whatever it raises is judged
            await unit.rollback()
            self._failed(claimed, error)
        except BaseException as error:
            with trio.CancelScope(shield=True):
                await unit.rollback()
            if _is_left_over(error):
                self._failed(claimed, error)
                return
            self._ended(claimed, error)
            raise
        else:
            workload.failed_last = False
            if workload.outage.succeeded(claimed.copy_id):
                self._opened()

    async def _commit(self, unit: UnitOfWork, claimed: Claimed, *, alone: bool) -> None:
        workload = self._workload
        workload.uncommitted += 1
        try:
            key = claimed.deduplication_key
            first = await unit.commit(
                _InHand(self, claimed, alone=alone),
                claimed,
                ACK,
                None if key is None or self._next is not None else (self._owner, key),
            )
        except BaseException:
            workload.uncommitted -= 1
            raise
        if not first:  # another copy was handled since this one was claimed
            workload.uncommitted -= 1
            self.settle(claimed, ACK)

    def _opened(self) -> None:
        self._cause = None
        plan = self._workload.plan
        now = trio.current_time()
        self._bus.publish(EndpointHealthy(plan.path, now, self._owner, plan.tenant))
        self._workload.on_healthy()

    def _ended(self, claimed: Claimed, error: BaseException) -> None:
        if any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error)):
            self._cut(claimed)
        else:  # SystemExit, KeyboardInterrupt: this start counts, or it would be tried for ever
            self._judge(claimed, error, Verdict.FAILED)

    def _cut(self, claimed: Claimed) -> None:
        if self._workload.closed:
            self._workload.cut.append(claimed)
        self.settle(claimed, RELEASE)

    # -- after a failure --------------------------------------------------------------------

    def _failed(self, claimed: Claimed, error: BaseException) -> None:
        workload = self._workload
        workload.failed_last = True
        verdict = workload.plan.judge.verdict(error)
        if verdict is Verdict.STORE:
            self._keep(claimed, error)
        elif verdict is Verdict.STALE:
            self._note_stale(1)
        else:
            self._judge(claimed, error, verdict)

    def _note_stale(self, count: int) -> None:
        self._workload.counts.stale += count
        self._total.stale += count

    def _keep(self, claimed: Claimed, error: BaseException) -> None:
        self._workload.again.append(claimed)
        self._workload.counts.run_again += 1
        self._total.run_again += 1
        self._in_trouble(error)

    def _judge(self, claimed: Claimed, error: BaseException, verdict: Verdict) -> None:
        alone = self._note_health(claimed, error, verdict)
        failure = failure_of(error, self._store.now(), claimed.attempts + 1)
        retry = self._workload.plan.judge.retry
        settlement = decide(verdict, failure, retry, self._draw(), alone=alone)
        self.settle(claimed, settlement)
        self._publish(claimed, settlement, error)

    def _note_health(self, claimed: Claimed, error: BaseException, verdict: Verdict) -> bool:
        outage = self._workload.outage
        before = outage.outages
        alone = False
        if verdict is Verdict.OUTAGE:
            alone = outage.saw_outage(claimed.copy_id)
        elif verdict is Verdict.FAILED:
            outage.failed()
        if outage.outages != before:
            self._fell_sick(error)
        return alone

    def _fell_sick(self, error: BaseException) -> None:
        workload = self._workload
        self._cause = error
        self.give_back(workload.give_up_waiting())
        plan, outages = workload.plan, workload.outage.outages
        now = trio.current_time()
        self._bus.publish(EndpointSick(plan.path, now, self._owner, plan.tenant, error, outages))

    def _publish(self, claimed: Claimed, settlement: Settlement, error: BaseException) -> None:
        plan = self._workload.plan
        if isinstance(settlement, DeadLetter):
            self._publish_death(claimed, settlement.reason, error)
        elif isinstance(settlement, Retry):
            event = MessageRetried(
                plan.path,
                trio.current_time(),
                self._owner,
                plan.tenant,
                claimed.copy_id,
                claimed.message_id,
                settlement.failure.attempt,
                settlement.delay,
                error,
            )
            self._bus.publish(event)

    def _publish_death(
        self, claimed: Claimed, reason: DeadLetterReason, error: BaseException | None
    ) -> None:
        plan = self._workload.plan
        event = MessageDied(
            plan.path,
            trio.current_time(),
            self._owner,
            plan.tenant,
            claimed.copy_id,
            claimed.message_id,
            claimed.attempts + (error is not None),
            reason,
            error,
        )
        self._bus.publish(event)

    # -- settling ---------------------------------------------------------------------------

    def give_back(self, messages: list[Claimed]) -> None:
        """Release messages that were not started."""
        for claimed in messages:
            self.settle(claimed, RELEASE)

    def settle(self, claimed: Claimed, settlement: Settlement) -> None:
        """Write a settlement with the next commit, and again after a commit that was lost."""
        self._workload.uncommitted += 1
        settling = _Settling(self, claimed, settlement)
        self._store.settle_soon(claimed, settlement, settling.committed, settling.lost)

    async def settle_what_was_lost(self) -> None:
        """Write the settlements whose commits were lost. Raises the store's errors."""
        workload = self._workload
        batch = tuple(workload.unsettled)
        if not batch:
            return
        self._note_stale(await self._store.settle(batch))
        del workload.unsettled[: len(batch)]
        workload.uncommitted += len(batch)
        for claimed, settlement in batch:
            self.settled(claimed, settlement)

    def settled(self, claimed: Claimed, settlement: Settlement) -> None:
        """Count what was written."""
        workload = self._workload
        workload.uncommitted -= 1
        match settlement:
            case Ack():
                workload.counts.handled += 1
                self._total.handled += 1
            case Retry(delay):
                workload.counts.retried += 1
                self._total.retried += 1
                self._bus.due_in(delay)
            case Release():
                workload.counts.released += 1
                self._total.released += 1
            case DeadLetter():
                workload.counts.dead += 1
                self._total.dead += 1
                workload.outage.forget(claimed.copy_id)
            case Expire():
                workload.counts.expired += 1
                self._total.expired += 1
        self._has_room(claimed)

    def not_settled(
        self, claimed: Claimed, settlement: Settlement, error: StoreUnavailable | StaleClaim
    ) -> None:
        """Keep a settlement whose commit was lost: it is written once the store is back."""
        self._workload.uncommitted -= 1
        if isinstance(error, StaleClaim):
            self._too_late(claimed)
            return
        self._workload.unsettled.append((claimed, settlement))
        self._in_trouble(error)

    def commit_lost(
        self, claimed: Claimed, error: StoreUnavailable | StaleClaim, *, alone: bool
    ) -> None:
        """Run a message again whose commit was lost, or, lost alone, judge it or the store."""
        workload = self._workload
        workload.uncommitted -= 1
        if isinstance(error, StaleClaim):
            self._too_late(claimed)
        elif not alone:
            workload.again.append(claimed)
            workload.counts.run_again += 1
            self._total.run_again += 1
            workload.notify()
        elif isinstance(error, GroupLost):
            self._judge(claimed, error.__cause__ or error, Verdict.FAILED)
        else:
            self._keep(claimed, error)

    def _too_late(self, claimed: Claimed) -> None:
        self._note_stale(1)
        self._has_room(claimed)

    def _has_room(self, claimed: Claimed) -> None:
        if claimed.suspect:  # they come one at a time, and the next may be another channel's
            self._bus.wake_channels()
        self._workload.ask_for_more()

    def _in_trouble(self, error: BaseException) -> None:
        if self._workload.trouble is None:
            self._workload.trouble = error
        self._workload.notify()


def _is_left_over(error: BaseException) -> bool:
    """Whether it holds a Cancelled that no scope around the handler waits for, and no exit."""
    parts = list(leaves(error))
    return (
        any(isinstance(leaf, trio.Cancelled) for leaf in parts)
        and all(isinstance(leaf, (trio.Cancelled, Exception)) for leaf in parts)
        and trio.current_effective_deadline() > -inf
    )


class _InHand:
    """Hears what became of a handled message's commit."""

    __slots__ = ("_alone", "_claimed", "_processing")

    def __init__(self, processing: Processing, claimed: Claimed, *, alone: bool) -> None:
        self._processing = processing
        self._claimed = claimed
        self._alone = alone

    def committed(self) -> None:
        """Count it."""
        self._processing.settled(self._claimed, ACK)

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Run it again."""
        self._processing.commit_lost(self._claimed, error, alone=self._alone)


class _Settling:
    """Hears what became of a settlement's commit."""

    __slots__ = ("_claimed", "_processing", "_settlement")

    def __init__(self, processing: Processing, claimed: Claimed, settlement: Settlement) -> None:
        self._processing = processing
        self._claimed = claimed
        self._settlement = settlement

    def committed(self) -> None:
        """Count it."""
        self._processing.settled(self._claimed, self._settlement)

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Keep it."""
        self._processing.not_settled(self._claimed, self._settlement, error)

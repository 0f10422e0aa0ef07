"""What is done with one claimed message: check it, run its handler, settle it.

Rules:
 1. A message that is too old, one whose deduplication key has been handled, and a suspect whose
    attempts are used up, are settled unstarted.
 2. Success commits the unit of work with the settlement; the next message does not wait for it.
    Of two copies with one key that run at once, the second finds the first one's there, and is
    undone.
 3. Failure rolls the unit back and is judged (`_judging`).
 4. A commit that is lost is nobody's fault at first: the message runs again, alone, uncounted.
    Lost alone with its group, it is the message's own failure.
 5. If cancelled, the message is released, and named among the unfinished. A Cancelled that a
    handler kept from a scope of its own, and raises when nobody cancels it, is its failure.
 6. A handler that calls `sys.exit` ends nothing: it fails its message for good, and is told so.
"""

import asyncio
from dataclasses import replace
from functools import lru_cache
from math import inf

import trio

from actorbus._settlement import (
    ACK,
    EXPIRE,
    DeadLetter,
    DeadLetterReason,
    Settlement,
)
from actorbus._store import Claimed, GroupLost, StaleClaim, StoreUnavailable
from actorbus.endpoints._answering import Answering
from actorbus.endpoints._decision import is_exit
from actorbus.endpoints._error_handling import ErrorHandling
from actorbus.endpoints._forwarding import forwarded
from actorbus.endpoints._inbox import Notes
from actorbus.endpoints._judging import Judging
from actorbus.endpoints._settling import Settling
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Workload
from actorbus.handling._dispatch import Invoke
from actorbus.handling._start_by import TooLate, starting_within
from actorbus.messages._message import Headers
from actorbus.options._failure_policy import checked_policy
from actorbus.transactions._unit_of_work import UnitOfWork
from supervisors import DrawStream, Verdict, leaves

MOST_LIMITS = 16
"""Limits of time that messages say of themselves, most often a gateway's: so many are planned."""


class Processing:
    """Runs the messages of one workload. Shared by all instances of the endpoint's actor."""

    def __init__(self, bus: Surroundings, workload: Workload, draws: DrawStream) -> None:
        self._bus = bus
        self._store = bus.store
        self._dispatch = bus.dispatch
        self._workload = workload
        self._spec = workload.plan.spec
        self._owner = workload.plan.spec.endpoint_id
        self._invoke = bus.dispatch.with_timeout_of(self._spec)
        self._within = lru_cache(MOST_LIMITS)(self._limited_to)
        self._next = workload.plan.next_channel
        self._total = bus.counts
        self._group = workload.plan.group_commit
        self._answering: Answering | None = None
        if self._spec.kind == "query" and self._next is None and bus.replies is not None:
            self._answering = Answering(bus, workload.plan, bus.replies)
        self._errors = (
            ErrorHandling(bus, self._invoke, self._spec) if self._spec.kind == "error" else None
        )
        remembers = self._next is None and self._errors is None
        self._notes = Notes(self._owner, workload.plan.inbox, remembers=remembers)
        self.settling = Settling(bus, workload)
        self.judging = Judging(bus, workload, self.settling, draws.random)
        self.settled = self.settling.settled

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

    # -- before the start -------------------------------------------------------------------

    def _settle_unstarted(self, claimed: Claimed) -> bool:
        if claimed.expires_at is not None and claimed.expires_at <= self._store.now():
            self.settling.settle(claimed, EXPIRE)
            return True
        if claimed.handled:
            self.settling.settle(claimed, ACK)
            return True
        if (
            claimed.suspect
            and claimed.attempts >= self.judging.last_resort.retry_of(claimed).attempts
        ):
            self.judging.give_up(claimed, DeadLetter(DeadLetterReason.SUSPECT), None)
            return True
        return False

    # -- the handler ------------------------------------------------------------------------

    async def _handle(self, claimed: Claimed, *, alone: bool) -> None:
        workload = self._workload
        headers = Headers.of(claimed, claimed.attempts + 1)
        unit = self._bus.unit_of_work(self._owner, headers, alone=alone, group=self._group)
        workload.counts.started += 1
        self._total.started += 1
        if workload.watcher is not None:
            workload.watcher.began(claimed)
        try:
            settlement = await self._called(claimed, headers, unit)
            if settlement is None:
                await unit.rollback()
                self.settling.settle(claimed, ACK)
            else:
                await self._commit(unit, claimed, settlement, alone=alone)
        except TooLate:
            await unit.rollback()
            workload.counts.started -= 1
            self._total.started -= 1
            self.settling.settle(claimed, EXPIRE)
        except GroupLost as error:  # another transaction's doing: a deadlock, a lock, its group
            await unit.rollback()
            workload.uncommitted += 1
            self.commit_lost(claimed, error, alone=alone)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  whatever it raises is judged
            await unit.rollback()
            self.judging.failed(claimed, error)
        except BaseException as error:
            with trio.CancelScope(shield=True):
                await unit.rollback()
            if is_left_over(error) or is_exit(error):
                self.judging.failed(claimed, error)
                return
            self._ended(claimed, error)
            raise
        else:
            self.judging.succeeded(claimed)
            if settlement is not ACK and settlement is not None:
                self.judging.publish(claimed, settlement, None)

    async def _called(
        self, claimed: Claimed, headers: Headers, unit: UnitOfWork
    ) -> Settlement | None:
        """Run the handler; return the settlement, or None if the message was handled before."""
        if self._notes.first and await self._notes.known(unit, [claimed]):
            return None
        if self._errors is not None:
            return await self._errors.handle(claimed, headers, unit)
        if self._answering is not None:
            await self._answering.answer(claimed, headers, unit)
        elif self._next is None:
            message = self._dispatch.decode(self._spec, claimed)
            plain = claimed.on_failure is None and claimed.expires_at is None
            invoke = self._invoke if plain else self._own_invoke(claimed)
            await invoke(self._spec, message, headers, unit)
        else:
            message = self._dispatch.decode(self._spec, claimed)
            place = self._bus.places.locate(self._next, message, headers.user)
            copy = forwarded(claimed, place, self._store.now())
            unit.stage([self._bus.places.outboxes.bound(copy)])
        return ACK

    def _own_invoke(self, claimed: Claimed) -> Invoke:
        """Return what calls the handler under the message's own limits of time."""
        invoke, timeout = self._invoke, checked_policy(claimed.on_failure).timeout
        if timeout is not None:
            invoke = self._within(timeout)
        if claimed.expires_at is None or self._spec.world not in {"thread", "process"}:
            return invoke
        return starting_within(claimed.expires_at - self._store.now(), invoke)

    def _limited_to(self, timeout: float) -> Invoke:
        return self._dispatch.with_timeout_of(replace(self._spec, timeout=timeout))

    async def _commit(
        self, unit: UnitOfWork, claimed: Claimed, settlement: Settlement, *, alone: bool
    ) -> None:
        workload = self._workload
        workload.uncommitted += 1
        try:
            first = await unit.commit(
                InHand(self, claimed, settlement, alone=alone),
                claimed,
                settlement,
                self._notes.last(claimed),
            )
        except BaseException:
            workload.uncommitted -= 1
            raise
        if not first:  # another copy was handled since this one was claimed
            workload.uncommitted -= 1
            self.settling.settle(claimed, ACK)

    def _ended(self, claimed: Claimed, error: BaseException) -> None:
        if any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error)):
            self._cut(claimed)
        else:  # KeyboardInterrupt and the like: this start counts, or it would be tried for ever
            self.judging.judge(claimed, error, Verdict.FAILED)

    def _cut(self, claimed: Claimed) -> None:
        if self._workload.closed:
            self._workload.cut.append(claimed)
        self.settling.give_back([claimed])

    def commit_lost(
        self, claimed: Claimed, error: StoreUnavailable | StaleClaim, *, alone: bool
    ) -> None:
        """Run a message again whose commit was lost, or, lost alone, judge it or the store."""
        workload = self._workload
        workload.uncommitted -= 1
        if isinstance(error, StaleClaim):
            self.judging.failed(claimed, error)  # unless it was taken back: then that is too late
        elif not alone:
            self.settling.run_again(claimed)
            workload.notify()
        elif isinstance(error, GroupLost):
            self.judging.judge(claimed, error.__cause__ or error, Verdict.FAILED)
        else:
            self.judging.keep(claimed, error)


def is_left_over(error: BaseException) -> bool:
    """Whether it holds a Cancelled that no scope around the handler waits for, and no exit."""
    parts = list(leaves(error))
    return (
        any(isinstance(leaf, trio.Cancelled) for leaf in parts)
        and all(isinstance(leaf, (trio.Cancelled, Exception)) for leaf in parts)
        and trio.current_effective_deadline() > -inf
    )


class InHand:
    """Hears what became of a handled message's commit."""

    __slots__ = ("_alone", "_claimed", "_processing", "_settlement")

    def __init__(
        self, processing: Processing, claimed: Claimed, settlement: Settlement, *, alone: bool
    ) -> None:
        self._processing = processing
        self._claimed = claimed
        self._settlement = settlement
        self._alone = alone

    def committed(self) -> None:
        """Count it."""
        self._processing.settled(self._claimed, self._settlement)

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Run it again."""
        self._processing.commit_lost(self._claimed, error, alone=self._alone)

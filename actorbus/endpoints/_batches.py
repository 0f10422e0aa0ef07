"""What is done with a batch: the handler gets all of it, and each message its own outcome.

Rules:
 1. A batch is one call, one transaction, one commit. A message that is too old, was handled
    before or cannot be decoded is settled alone, before the call.
 2. `BatchFailed` names the messages that failed: each is judged by its own error, and the others
    are committed. Any other error undoes all of it, and counts against nobody: the batch runs
    again in halves, until the message is alone whose error it is. That one is judged as any other.
 3. An outage is nobody's fault: all of the batch is released, and its endpoint falls sick.
 4. While the store fails, all of it is kept. A commit that was lost is run again one by one.
 5. What is not begun again, since the bus stops, the endpoint fell sick or the lease ran out, is
    released uncounted.
 6. A batch that ends its process, or its actor (with what is no Exception), runs again one by one.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import trio

from actorbus._settlement import ACK
from actorbus._store import Claimed, CommitListener, GroupLost, StaleClaim, StoreUnavailable
from actorbus.endpoints._decision import is_exit
from actorbus.endpoints._flow import Flow
from actorbus.endpoints._gathering import Gathering
from actorbus.endpoints._processing import InHand, Processing, is_left_over
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Workload
from actorbus.handling._batch_failed import BatchFailed
from actorbus.handling._batch_headers import BatchHeaders
from actorbus.messages._message import Headers
from actorbus.options._failure_policy import checked_policy
from actorbus.transactions._unit_of_work import UnitOfWork
from supervisors import DrawStream, Health, Verdict, leaves

Part = list[Claimed]


class BatchProcessing(Processing):
    """Runs the messages of one workload in batches."""

    def __init__(
        self,
        bus: Surroundings,
        workload: Workload,
        draws: DrawStream,
        flow: Flow,
        gathering: Gathering,
    ) -> None:
        super().__init__(bus, workload, draws)
        self._flow = flow
        self._gathering = gathering

    async def run(self, claimed: Claimed, *, alone: bool) -> None:
        """Handle the batch that begins with this message; `alone` makes it a batch of one."""
        workload = self._workload
        batch = [claimed] if alone else self._flow.take_along(workload, claimed)
        workload.running.update((one.copy_id, one) for one in batch)
        parts = deque([batch])
        try:
            while parts:
                part = parts.popleft()
                try:
                    following = await self._run_part(part, alone=alone)
                except BaseException:
                    self._end(part)
                    raise
                parts.extendleft(reversed(following))
                self._end_but(part, following)
                if parts and not self._may_go_on(parts[0]):
                    break
        finally:
            for part in parts:
                self._end(part)
                self.settling.give_back(part)
            workload.ask_for_more()

    def _may_go_on(self, part: Part) -> bool:
        workload = self._workload
        if workload.shut or workload.trouble is not None or not self._bus.lease_holds():
            return False
        if self._flow.permits is not None:
            self._flow.permits.started(len(part))
        return workload.outage.health is not Health.SICK

    def _end(self, part: Iterable[Claimed]) -> None:
        for one in part:
            self._workload.running.pop(one.copy_id, None)

    def _end_but(self, part: Part, following: Sequence[Part]) -> None:
        runs_on = {one.copy_id for other in following for one in other}
        self._end(one for one in part if one.copy_id not in runs_on)

    # -- a part of it -----------------------------------------------------------------------

    async def _run_part(self, part: Part, *, alone: bool) -> Sequence[Part]:
        """Handle messages together; return those that run again, as they are to be together."""
        fresh = [one for one in part if not self._settle_unstarted(one)]
        messages = self._decoded(fresh)
        batch = [one for one in fresh if one.copy_id in messages]
        if not batch:
            return ()
        with self._flow.call(self._workload):
            return await self._handle_batch(batch, list(messages.values()), alone=alone)

    def _decoded(self, part: Part) -> dict[str, Any]:
        """Return the messages by copy id; those that cannot be decoded are judged."""
        messages: dict[str, Any] = {}
        for claimed in part:
            self._workload.counts.started += 1
            self._total.started += 1
            if self._workload.watcher is not None:
                self._workload.watcher.began(claimed)
            try:
                checked_policy(claimed.on_failure)
                messages[claimed.copy_id] = self._dispatch.decode(self._spec, claimed)
            except Exception as error:  # noqa: BLE001  whatever it raises is judged
                self.judging.failed(claimed, error)
        return messages

    async def _handle_batch(
        self, batch: Part, messages: list[Any], *, alone: bool
    ) -> Sequence[Part]:
        headers = BatchHeaders([Headers.of(one, one.attempts + 1) for one in batch])
        unit = self._bus.unit_of_work(self._owner, headers, alone=alone)
        try:
            if self._notes.first and (known := await self._notes.known(unit, batch)):
                await unit.rollback()
                return self._without(known, batch)
            failures = await self._call(messages, headers, unit)
            if failures and self._notes.first:
                await unit.rollback()
                return self._without_failed(batch, failures)
            handled = [one for place, one in enumerate(batch) if place not in failures]
            twice = await self._commit_batch(unit, handled, alone=alone)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  whatever it raises is judged
            await unit.rollback()
            return self._batch_failed(batch, error)
        except BaseException as error:
            with trio.CancelScope(shield=True):
                await unit.rollback()
            if is_left_over(error) or is_exit(error):
                return self._batch_failed(batch, error)
            self._batch_ended(batch, error)
            raise
        if twice:
            return self._without(twice, batch)
        self._note(handled, [(batch[place], error) for place, error in failures.items()])
        return ()

    async def _call(
        self, messages: list[Any], headers: Headers, unit: UnitOfWork
    ) -> Mapping[int, Exception]:
        try:
            await self._invoke(self._spec, messages, headers, unit)
        except BatchFailed as failed:
            return failed.within(len(messages))
        return {}

    async def _commit_batch(self, unit: UnitOfWork, handled: Part, *, alone: bool) -> Part:
        """Commit it with the settlements; return messages that others handled, all being undone."""
        if not handled:
            await unit.rollback()
            return []
        workload = self._workload
        workload.uncommitted += len(handled)
        try:
            twice = await unit.commit_batch(
                _AllInHand([InHand(self, one, ACK, alone=alone) for one in handled]),
                [(one, self._notes.last(one)) for one in handled],
            )
        except BaseException:
            workload.uncommitted -= len(handled)
            raise
        if twice:
            workload.uncommitted -= len(handled)
        return twice

    # -- what becomes of it -----------------------------------------------------------------

    def _note(self, handled: Part, failures: Sequence[tuple[Claimed, Exception]]) -> None:
        for claimed in handled:
            self.judging.succeeded(claimed)
        if handled:
            self._gathering.succeeded()
        for claimed, error in failures:
            self.judging.failed(claimed, error)

    def _without(self, twice: Part, batch: Part) -> Sequence[Part]:
        """Settle what was handled elsewhere meanwhile; the others run again without it."""
        ids = {one.copy_id for one in twice}
        for claimed in twice:
            self.settling.settle(claimed, ACK)
        others = [one for one in batch if one.copy_id not in ids]
        return [others] if others else ()

    def _without_failed(self, batch: Part, failures: Mapping[int, Exception]) -> Sequence[Part]:
        """Undo the notes of those that failed with all the rest; the others run again."""
        self._note([], [(batch[place], error) for place, error in failures.items()])
        others = [one for place, one in enumerate(batch) if place not in failures]
        return [others] if others else ()

    def _batch_failed(self, batch: Part, error: BaseException) -> Sequence[Part]:
        if len(batch) == 1:
            self.judging.failed(batch[0], error)
            return ()
        self._workload.failed_last = True
        verdict = self._workload.plan.judge.verdict(error)
        if verdict is Verdict.STORE:
            for claimed in batch:
                self.judging.keep(claimed, error)
        elif verdict is Verdict.STALE:
            self._run_alone(batch)
        elif verdict is Verdict.OUTAGE:
            self._gathering.saw_outage()
            self.judging.saw_outage_together(batch, error)
        else:
            middle = len(batch) // 2
            return batch[:middle], batch[middle:]
        return ()

    def _run_alone(self, batch: Part) -> None:
        for claimed in batch:
            self.settling.run_again(claimed)
        self._workload.notify()

    def _batch_ended(self, batch: Part, error: BaseException) -> None:
        if any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error)):
            for claimed in batch:
                self._cut(claimed)
        elif len(batch) == 1:
            self._ended(batch[0], error)
        else:
            self._run_alone(batch)


class _AllInHand:
    """Hears what became of a batch's commit. `each` hear it where there was no transaction."""

    __slots__ = ("each",)

    def __init__(self, each: Sequence[CommitListener]) -> None:
        self.each = each

    def committed(self) -> None:
        """Count all of them."""
        for one in self.each:
            one.committed()

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Run all of them again: of one that was taken back the others know nothing."""
        if isinstance(error, StaleClaim):
            taken = error
            error = GroupLost("a message of its batch was taken back")
            error.__cause__ = taken
        for one in self.each:
            one.lost(error)

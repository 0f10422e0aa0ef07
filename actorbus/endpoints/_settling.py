"""An endpoint's settlements on their way to the store, and what is counted when they are written.

Rules:
 1. A settlement is written with the store's next commit; nothing waits for it.
 2. One whose commit was lost is kept, and written once the store is back.
 3. One that the store refuses, although it works, becomes a dead letter; a dead letter that it
    refuses is the channel's `final_failure`. The others are written.
 4. One that finds its message taken back, after a lost lease, is counted and no more.
"""

from collections.abc import Callable

from actorbus._settlement import (
    RELEASE,
    Ack,
    DeadLetter,
    Divert,
    Expire,
    Forget,
    Park,
    Release,
    Retry,
    SendBack,
    Settlement,
)
from actorbus._store import Claimed, SettlementRefused, StaleClaim, StoreUnavailable
from actorbus.endpoints._final_failure import Final
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Workload
from actorbus.options._ordering import under


class Settling:
    """Writes the settlements of one workload, and counts them."""

    def __init__(self, bus: Surroundings, workload: Workload) -> None:
        self._bus = bus
        self._store = bus.store
        self._workload = workload
        self._total = bus.counts
        self._final = Final(bus, workload.plan)

    def give_back(self, messages: list[Claimed]) -> None:
        """Release messages that were not started, or not finished."""
        if self._workload.watcher is not None:
            self._workload.watcher.released(messages)
        for claimed in messages:
            self.settle(claimed, RELEASE)

    def settle(
        self, claimed: Claimed, settlement: Settlement, then: Callable[[], None] | None = None
    ) -> None:
        """Write a settlement with the next commit, and again after a commit that was lost.

        `then` is called with the first commit, if that is not lost.
        """
        self._workload.uncommitted += 1
        if claimed.origin is not None and settlement is RELEASE:  # it is written nowhere
            self.settled(claimed, settlement)
            return
        if claimed.ordering_key is not None:
            settlement = under(self._workload.plan.on_failure, settlement)
        settling = _OnItsWay(self, claimed, settlement, then)
        self._store.settle_soon(claimed, settlement, settling.committed, settling.lost)

    async def settle_what_was_lost(self) -> None:
        """Write the settlements whose commits were lost. Raises the store's errors."""
        workload = self._workload
        batch = tuple(workload.unsettled)
        if not batch:
            return
        try:
            self.note_stale(await self._store.settle(batch))
        except SettlementRefused:
            await self._settle_one_by_one()
            return
        del workload.unsettled[: len(batch)]
        workload.uncommitted += len(batch)
        for claimed, settlement in batch:
            self.settled(claimed, settlement)

    async def _settle_one_by_one(self) -> None:
        """Find out which one the store refuses, and do with it what the channel says."""
        workload = self._workload
        while workload.unsettled:
            claimed, settlement = workload.unsettled[0]
            try:
                written, stale = await self._final.write(claimed, settlement)
            except SettlementRefused:  # it was told of; the message is this process's to its end
                del workload.unsettled[0]
                continue
            self.note_stale(stale)
            del workload.unsettled[0]
            workload.uncommitted += 1
            self.settled(claimed, written)

    def settled(self, claimed: Claimed, settlement: Settlement) -> None:
        """Count what was written."""
        workload = self._workload
        workload.uncommitted -= 1
        match settlement:
            case Ack():
                workload.counts.handled += 1
                self._total.handled += 1
            case Forget():
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
            case Divert():
                workload.counts.diverted += 1
                self._total.diverted += 1
                workload.outage.forget(claimed.copy_id)
            case SendBack(delay=delay):
                workload.counts.handled += 1
                self._total.handled += 1
                self._bus.due_in(delay)
            case Expire():
                workload.counts.expired += 1
                self._total.expired += 1
            case Park():
                workload.counts.parked += 1
                self._total.parked += 1
                workload.outage.forget(claimed.copy_id)
        self._over(claimed, settlement)

    def not_settled(
        self, claimed: Claimed, settlement: Settlement, error: StoreUnavailable | StaleClaim
    ) -> None:
        """Keep a settlement whose commit was lost: it is written once the store is back."""
        self._workload.uncommitted -= 1
        if isinstance(error, StaleClaim):
            self.too_late(claimed)
            return
        self._workload.unsettled.append((claimed, settlement))
        self.in_trouble(error)

    def too_late(self, claimed: Claimed) -> None:
        """Count a message that was taken back before its settlement was written."""
        self.note_stale(1)
        self._over(claimed, None)

    def note_stale(self, count: int) -> None:
        """Count settlements of messages that were others' already."""
        self._workload.counts.stale += count
        self._total.stale += count

    def run_again(self, claimed: Claimed) -> None:
        """Keep a message whose commit was lost: it runs again, alone, uncounted."""
        workload = self._workload
        workload.again.append(claimed)
        workload.counts.run_again += 1
        self._total.run_again += 1

    def in_trouble(self, error: BaseException) -> None:
        """Start nothing more: the store failed the endpoint, which is to restart."""
        if self._workload.trouble is None:
            self._workload.trouble = error
        self._workload.notify()

    def _over(self, claimed: Claimed, settlement: Settlement | None) -> None:
        """Go on: one message less is held."""
        if claimed.origin is not None:
            self._workload.on_settled(claimed, settlement)
        if claimed.suspect:  # they come one at a time, and the next may be another channel's
            self._bus.wake_channels()
        self._workload.ask_for_more()


class _OnItsWay:
    """Hears what became of a settlement's commit."""

    __slots__ = ("_claimed", "_settlement", "_settling", "_then")

    def __init__(
        self,
        settling: Settling,
        claimed: Claimed,
        settlement: Settlement,
        then: Callable[[], None] | None,
    ) -> None:
        self._settling = settling
        self._claimed = claimed
        self._settlement = settlement
        self._then = then

    def committed(self) -> None:
        """Count it."""
        self._settling.settled(self._claimed, self._settlement)
        if self._then is not None:
            self._then()

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Keep it."""
        self._settling.not_settled(self._claimed, self._settlement, error)

"""What is done with messages that wait in an outbox: published in batches, then settled.

Rules:
 1. What is ready is claimed, published and settled, in batches and in this order. Whoever dies in
    between leaves it to another process, which publishes it again, with the same ids.
 2. Bodies are not decoded, and no handler's options count: only the outbox's own.
 3. A message that the broker refuses is judged by its own error, as a handler's would be: retried,
    and a dead letter in the end. The others go.
 4. A broker that is down is nobody's fault: what it did not take is released uncounted, the relay
    backs off, and probes with one message.
 5. With a message that is in turn of an ordering key, those that are held behind it are published,
    in their order: no other process can have one of them before the first is settled. Settled are
    those at the head of the line that were taken, together with the first.
 6. What is too old is not published.
"""

from collections.abc import Sequence

import trio

from actorbus._settlement import ACK, EXPIRE, RELEASE, DeadLetter, Divert, Settlement
from actorbus._store import Claimed, StoreError
from actorbus.endpoints._judging import Judging
from actorbus.endpoints._last_resort import LastResort
from actorbus.endpoints._settling import Settling
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Workload
from actorbus.outbox._batch import Line, Outcome, lines_of, outcome_of
from actorbus.outbox._errors import BodyTooLarge
from actorbus.outbox._stretch import Stretch
from supervisors import DrawStream, Health, Retry

BATCH = 1000
"""How many messages are published together, about."""


class RelayProcessing:
    """Relays the messages of one outbox for one broker; see `Runner`."""

    def __init__(
        self, bus: Surroundings, workload: Workload, broker: str, draws: DrawStream
    ) -> None:
        self._bus = bus
        self._store = bus.store
        self._workload = workload
        self._broker = broker
        self._faults = bus.fault_points
        self._stretch = Stretch()
        self.settling = RelaySettling(bus, workload)
        self.judging = Judging(bus, workload, self.settling, draws.random)
        self.judging.last_resort = DeadLetters(workload.plan, bus.error_endpoint)

    async def run(self, claimed: Claimed, *, alone: bool) -> None:
        """Relay the batch that begins with this message; `alone` makes it a batch of one."""
        workload = self._workload
        batch = [claimed]
        if not alone and workload.outage.health is Health.HEALTHY:
            batch += self._taken_along(claimed)
        workload.running.update((one.copy_id, one) for one in batch)
        try:
            fresh = {one.copy_id: one for one in batch if self._is_to_go(one)}
            if fresh:
                await self._relay(fresh)
        finally:
            for one in batch:
                workload.running.pop(one.copy_id, None)
            workload.ask_for_more()

    def _taken_along(self, claimed: Claimed) -> list[Claimed]:
        """Return the messages that are published with this one, and those behind each."""
        unstarted, weight = self._workload.unstarted, self._stretch.weight
        taken: list[Claimed] = []
        left = BATCH - weight(in_line=claimed.ordering_key is not None)
        while unstarted and left > 0:
            taken.append(unstarted.popleft())
            left -= weight(in_line=taken[-1].ordering_key is not None)
        return taken

    def _is_to_go(self, claimed: Claimed) -> bool:
        """Whether a message can be published; if not, it is settled."""
        if claimed.expires_at is not None and claimed.expires_at <= self._store.now():
            self.settling.settle(claimed, EXPIRE)
            return False
        if claimed.unread_bytes:
            self.judging.failed(claimed, BodyTooLarge(claimed.type_name, claimed.unread_bytes))
            return False
        return True

    async def _relay(self, batch: dict[str, Claimed]) -> None:
        """Publish and settle a batch, by copy id; what is not settled in the end is released."""
        self._workload.counts.started += len(batch)
        try:
            self._faults.reach("claimed")
            outcome = await self._publish([*batch.values()])
            if outcome is None:
                batch.clear()
                return
            self._faults.reach("after broker accepted")
            await self._settle(outcome, batch)
        finally:
            for claimed in batch.values():
                self._cut(claimed)

    async def _publish(self, batch: list[Claimed]) -> Outcome | None:
        """Publish a batch; None if the store or the broker failed all of it, which is judged."""
        try:
            lines = await self._lines(batch)
            messages = [one for line in lines for one in line.messages]
            errors = await self._bus.brokers.publish(self._broker, messages)
        except Exception as error:  # noqa: BLE001  whatever it raises is judged
            self._not_published(batch, error)
            return None
        return outcome_of(lines, errors)

    async def _lines(self, batch: list[Claimed]) -> list[Line]:
        """Return the messages, with those behind them, if they are not the probe."""
        first = [one for one in batch if one.ordering_key is not None]
        if not first or self._workload.outage.health is not Health.HEALTHY:
            return [Line(one) for one in batch]
        behind = await self._store.followers(first, self._stretch.length - 1)
        self._stretch.learn([1 + len(each) for each in behind])
        return lines_of(batch, behind, self._store.now())

    def _not_published(self, batch: list[Claimed], error: Exception) -> None:
        """Judge what stopped all of them: the store, or the broker. Nothing else is expected."""
        if isinstance(error, StoreError):
            for claimed in batch:
                self.judging.keep(claimed, error)
        else:
            self.judging.saw_outage_together(batch, error)

    async def _settle(self, outcome: Outcome, in_hand: dict[str, Claimed]) -> None:
        """Settle what arrived, at once; judge the rest. A store that fails is asked later again."""
        self._faults.reach("before mark")
        if outcome.arrived:
            with trio.CancelScope(shield=True):
                await self._mark(outcome.arrived)
            for line in outcome.arrived:
                del in_hand[line.first.copy_id]
        for claimed, error in outcome.refused:
            del in_hand[claimed.copy_id]
            self.judging.failed(claimed, error)
        if outcome.unavailable:
            in_hand.clear()
            messages = [claimed for claimed, _ in outcome.unavailable]
            self.judging.saw_outage_together(messages, outcome.unavailable[0][1])

    async def _mark(self, lines: Sequence[Line]) -> None:
        workload = self._workload
        workload.uncommitted += len(lines)
        try:
            stale = await self._settle_lines(lines)
        except StoreError as error:
            workload.uncommitted -= len(lines)
            workload.unsettled += [(line.first, ACK) for line in lines]
            self.settling.in_trouble(error)
            return
        except BaseException:
            workload.uncommitted -= len(lines)
            raise
        workload.uncommitted -= len(lines)
        workload.counts.relayed += sum(1 + len(line.others) for line in lines) - stale
        self.settling.note_stale(stale)
        self.judging.succeeded(lines[0].first)

    async def _settle_lines(self, lines: Sequence[Line]) -> int:
        if any(line.others for line in lines):
            return await self._store.settle_runs([(line.first, line.others) for line in lines])
        return await self._store.settle([(line.first, ACK) for line in lines])

    def _cut(self, claimed: Claimed) -> None:
        if self._workload.closed:
            self._workload.cut.append(claimed)
        self.settling.settle(claimed, RELEASE)


class RelaySettling(Settling):
    """The settlements of a relay: what was relayed was not handled."""

    def settled(self, claimed: Claimed, settlement: Settlement) -> None:
        """Count what was written."""
        if settlement is ACK:
            self._workload.uncommitted -= 1
            self._workload.counts.relayed += 1
        else:
            super().settled(claimed, settlement)


class DeadLetters(LastResort):
    """What a message carries about failures is its handler's affair: here the outbox decides."""

    def retry_of(self, claimed: Claimed) -> Retry:
        """Return the outbox's retries."""
        return self._plan.judge.retry

    def final(self, claimed: Claimed, letter: DeadLetter) -> DeadLetter | Divert:
        """Return the dead letter."""
        return letter

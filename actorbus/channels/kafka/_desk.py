"""The desk of a channel on Kafka: messages from the store, and those from the broker.

Rules:
 1. It is the desk of a store channel too: retries, delays, suspects and replays lie in the store,
    and are claimed from there as always.
 2. What came from the broker waits here until its endpoint has room. Given back, it waits again:
    nothing is written.
 3. Once its settlement is committed the broker's offset is done with. Of several records of one
    message the others are done with then, too.
 4. Of an ordering key one message at a time is out; where one lies in the store, the others of its
    key follow it there, in their order.
"""

from collections.abc import Callable, Collection, Iterable
from heapq import heapify, heappop, heappush

from actorbus._settlement import DeadLetter, Divert, Park, Release, Retry, Settlement
from actorbus._store import Claimed, Store
from actorbus.channels._desk import Endpoint, EndpointFactory, StoreDesk
from actorbus.channels.kafka._ahead import Ahead
from actorbus.channels.kafka._lines import KeyLines
from actorbus.channels.kafka._partitions import Delivery, Line, Partition, Place
from actorbus.channels.kafka._records import FOREIGN
from actorbus.declaring._kafka_channel import KafkaChannel


class KafkaDesk(StoreDesk):
    """What the actors of a channel on Kafka share; it outlives their instances."""

    channel: KafkaChannel

    def __init__(self, factory: EndpointFactory, channel: KafkaChannel, group: str) -> None:
        super().__init__(factory)
        self.channel = channel
        self.group = group
        self.partitions: dict[Place, Partition] = {}
        self.deliveries: dict[tuple[str, str], Delivery] = {}
        """Those that are not dealt with, by what the inbox knows them by; the first of each."""
        self.lines: KeyLines[Delivery] = KeyLines()
        self.ahead = Ahead()
        """Those that were not looked up yet: none of them has begun, whatever happens."""
        self.asked_again: list[Delivery] = []
        """Handled by another process: they are received again later."""
        self.left_behind: list[Claimed] = []
        """Given back after their partitions were handed over: others are to be told."""
        self.trouble: BaseException | None = None
        """What is wrong with the broker, or the way to it."""
        self.left: int | None = None
        """How many records are on this process's partitions that were not fetched."""
        self.joined = False
        self.wanted: Callable[[], None] = _nobody
        """Called when more, or less, may be fetched."""
        self.moved: Callable[[], None] = _nobody
        """Called when messages are to follow others into the store, or may be looked up."""
        self._waiting: dict[str, list[Delivery]] = {}
        self._count = 0
        self._holding = False
        self._closed = False
        for endpoint in self.endpoints:
            heap = self._waiting.setdefault(endpoint.workload.plan.spec.endpoint_id, [])
            endpoint.workload.backlog = heap
            endpoint.workload.on_settled = self._settled
        takes_transaction = factory.bus.takes_transaction
        self.noting = tuple(
            name for name, one in self._by_id.items() if not takes_transaction(_id_of(one))
        )
        """Endpoints whose handlers take no transaction: it is noted that they handle a message."""

    @property
    def foreign_endpoint(self) -> str | None:
        """The endpoint that takes the records of other programs, if there is one."""
        for endpoint in self.endpoints:
            if endpoint.workload.plan.spec.type_name == FOREIGN:
                return _id_of(endpoint)
        return None

    def serves(self, endpoint: str) -> bool:
        """Whether messages for this endpoint are handled here."""
        return endpoint in self._by_id

    # -- how much is fetched ----------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many messages of the broker wait for an endpoint."""
        return sum(map(len, self._waiting.values()))

    @property
    def fewest_waiting(self) -> int:
        """How many wait for that one of the endpoints with more behind which has the fewest."""
        counts = (len(self._waiting[_id_of(self._by_id[one])]) for one in self.ahead.endpoints)
        return min(counts, default=0)

    @property
    def is_holding(self) -> bool:
        """Whether nothing is to be fetched: enough waits, or the channel is closed."""
        if len(self.deliveries) >= self.channel.prefetch:
            self._holding = True
        elif len(self.deliveries) <= self.channel.prefetch // 2:
            self._holding = False
        return self._holding or self._closed

    def full_partitions(self) -> frozenset[Place]:
        """Return the partitions that have to pause."""
        return frozenset(one.place for one in self.partitions.values() if one.is_full)

    # -- messages come ----------------------------------------------------------------------

    def delivered(self, claimed: Claimed, partition: Partition, offset: int) -> Delivery | None:
        """Take over a message that was fetched; None if a record of it is here already."""
        self._count += 1
        delivery = Delivery(claimed, partition, offset, self._count)
        partition.open[offset] = delivery
        first = self.deliveries.setdefault(delivery.key, delivery)
        if first is not delivery:
            first.others.append(delivery)
            return None
        return delivery

    def arrived(self, received: Iterable[Claimed]) -> None:
        """Let messages wait for their endpoints that are to be handled here."""
        for claimed in received:
            delivery = self.deliveries.get((claimed.endpoint, claimed.message_id))
            if delivery is not None:
                delivery.claimed = claimed
                if delivery.in_line or self.lines_up(delivery):
                    self._let_out(delivery)
        self.bell.ask()

    def lines_up(self, delivery: Delivery) -> bool:
        """Add a message to those of its ordering key; return whether it is the first."""
        if delivery.line is None:
            return True
        delivery.in_line = True
        return self.lines.join(delivery.line, delivery)

    def ask_again(self, delivery: Delivery) -> None:
        """Have a message received again later, that another process is handling."""
        if delivery.in_line or self.lines_up(delivery):
            self.asked_again.append(delivery)

    def is_in_line(self, delivery: Delivery) -> bool:
        """Whether messages of its ordering key are here, before it."""
        return delivery.line is not None and delivery.line in self.lines

    def _let_out(self, delivery: Delivery) -> None:
        delivery.begun = False
        heappush(self._waiting[_id_of(self._by_id[delivery.claimed.endpoint])], delivery)

    async def claim(self, store: Store) -> int:
        """Claim from the store, then hand out what waits here; return how many came."""
        count = await super().claim(store)
        return count + self._hand_out_waiting()

    async def _may_claim(self, store: Store) -> bool:
        if self.throttling is None or not any(self._waiting.values()):
            return await super()._may_claim(store)
        return self.throttling.allows("")

    def _hand_out_waiting(self) -> int:
        if self._closed or (self.throttling is not None and self.throttling.refuses("")):
            return 0
        count = 0
        for endpoint in self.endpoints:
            batch = self._next_of(endpoint)
            if batch:
                count += len(batch)
                endpoint.take(batch)
        if count and self.throttling is not None:
            self.throttling.used("")
        self.claimed += count
        if self.ahead.is_wanted(self.fewest_waiting):
            self.moved()
        return count

    def _next_of(self, endpoint: Endpoint) -> list[Claimed]:
        heap, workload = self._waiting[_id_of(endpoint)], endpoint.workload
        room = workload.room() if self.throttling is None else workload.idle_workers()
        batch: list[Claimed] = []
        while heap and len(batch) < room:
            delivery = heappop(heap)
            delivery.begun = True
            batch.append(delivery.claimed)
        return batch

    def look_again(self) -> None:
        """Ring the bell if an endpoint may have more, and has room."""
        super().look_again()
        if self._could_hand_out:
            self.bell.ask()

    @property
    def _could_hand_out(self) -> bool:
        return any(heap and one.workload.room() for heap, one in self._heaps())

    @property
    def holds_ready(self) -> bool:
        """Whether what was fetched should be handed out now."""
        if self._closed or (self.throttling is not None and self.throttling.refuses("")):
            return False
        return self._could_hand_out

    def _heaps(self) -> list[tuple[list[Delivery], Endpoint]]:
        return [(self._waiting[_id_of(one)], one) for one in self.endpoints]

    @property
    def is_dry(self) -> bool:
        """Whether nothing is ready, neither in the store nor here."""
        return not self.deliveries and self.left in {0, None} and super().is_dry

    @property
    def has_more(self) -> bool:
        """Whether messages of the broker are here, or may come at once."""
        if self._closed:
            return False
        return bool(self.deliveries) or bool(self.left) or not (self.joined or self.trouble)

    # -- messages go ------------------------------------------------------------------------

    def _settled(self, claimed: Claimed, settlement: Settlement | None) -> None:
        """Take note of a settlement that is committed; None: another record's was before it."""
        delivery = self.deliveries.get((claimed.endpoint, claimed.message_id))
        if delivery is None:
            return
        if type(settlement) is Release:
            self._given_back(delivery)
            return
        self.done(delivery, stored=_lies_in_store(settlement))

    def done(self, delivery: Delivery, *, stored: bool = False) -> None:
        """Note that a message is dealt with, and all records of it.

        If it lies in the store now, the others of its ordering key are to follow it there.
        """
        self.deliveries.pop(delivery.key, None)
        was_full = False
        for one in (delivery, *delivery.others):
            was_full = one.partition.complete(one.offset) or was_full
        if was_full or (self._holding and not self.is_holding):
            self.wanted()
        if delivery.in_line and delivery.line is not None:
            self._end_of(delivery, delivery.line, stored=stored)

    def _end_of(self, delivery: Delivery, line: Line, *, stored: bool) -> None:
        """Let out who is next of an ordering key, or have all others follow into the store."""
        delivery.in_line = False
        if stored:
            self.lines.move(line)
            self.moved()
            return
        following = self.lines.leave(line)
        if following is not None:
            self._let_out(following)
            self.bell.ask()

    def _given_back(self, delivery: Delivery) -> None:
        if not delivery.partition.closed:
            self._let_out(delivery)
            return
        self._remove(delivery)
        self.left_behind.append(delivery.claimed)
        if delivery.in_line and delivery.line is not None:
            self._end_of(delivery, delivery.line, stored=False)

    # -- partitions go ----------------------------------------------------------------------

    def withdraw(self, partitions: Collection[Partition]) -> list[Claimed]:
        """Take back what was not started of partitions that go; return it. The rest runs on."""
        for partition in partitions:
            partition.closed = True
        unstarted: dict[Delivery, None] = {}
        for endpoint in self.endpoints:
            for claimed in endpoint.workload.withdraw(self._is_closed):
                unstarted[self.deliveries[claimed.endpoint, claimed.message_id]] = None
        for partition in partitions:
            for one in list(partition.open.values()):
                if not one.begun or one in unstarted:
                    self._remove(one)
                    unstarted[one] = None
        for heap in self._waiting.values():
            heap[:] = [one for one in heap if one not in unstarted]
            heapify(heap)
        self.asked_again = [one for one in self.asked_again if one not in unstarted]
        for let_out in self.lines.drop(unstarted.__contains__):
            self._let_out(let_out)
        return [one.claimed for one in unstarted]

    def _is_closed(self, claimed: Claimed) -> bool:
        delivery = self.deliveries.get((claimed.endpoint, claimed.message_id))
        return claimed.origin is not None and delivery is not None and delivery.partition.closed

    def _remove(self, delivery: Delivery) -> None:
        """Forget a record that another process will get; other records of it take its place."""
        delivery.partition.forget(delivery.offset)
        first = self.deliveries.get(delivery.key)
        if first is not delivery:
            if first is not None and delivery in first.others:
                first.others.remove(delivery)
            return
        del self.deliveries[delivery.key]
        others = [one for one in delivery.others if not one.partition.closed]
        if others:
            heir, heir_others = others[0], others[1:]
            heir.others = heir_others
            self.deliveries[heir.key] = heir
            self.asked_again.append(heir)

    def still_running(self, partitions: Collection[Partition]) -> list[Claimed]:
        """Return what of these partitions was begun and is not settled."""
        return [one.claimed for partition in partitions for one in partition.open.values()]

    def close(self) -> None:
        """Start nothing more; give back what was not started."""
        self._closed = True
        super().close()
        self.wanted()


def _lies_in_store(settlement: Settlement | None) -> bool:
    """Whether a key has a message in the store from now on, or waits for a dead letter."""
    if isinstance(settlement, DeadLetter | Divert):
        return settlement.parks_key
    return isinstance(settlement, Retry | Park)


def _id_of(endpoint: Endpoint) -> str:
    return endpoint.workload.plan.spec.endpoint_id


def _nobody() -> None:
    """Tell nobody: nothing is fetched now."""

"""The consumer of one channel: a member of its group, on the loop of the drivers' thread.

Rules:
 1. It fetches without a pause, so that the group never thinks it dead however slow handlers are.
    Partitions that are not wanted are paused: they are not asked, and keep what they prefetched.
 2. What it fetched is told in batches, at most `MOST_TOLD` that nobody has looked at yet.
 3. Before partitions are revoked whoever handles their messages is asked, within a limit, which
    offsets to commit; those are committed while the partitions are still ours.
 4. Now and then it asks the group's coordinator, which may be another broker, what was committed,
    and the partitions' leaders how far they go: that says whether they answer, and how much is
    left. A topic that is not there is looked for again and again.
 5. Whoever does not answer in time, because it is away or has moved, is in trouble; the driver goes
    on looking for it meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from actorbus.channels.kafka._careful import CarefulReader, is_about_records
from actorbus.channels.kafka._partitions import Place
from actorbus.channels.kafka._records import Record
from actorbus.declaring._kafka_channel import KafkaChannel
from actorbus.options._options import as_seconds

T = TypeVar("T")

MOST_TOLD: Final = 2
MOST_RECORDS: Final = 500
"""Records in a batch, at most."""
POLL: Final = 0.2
"""Seconds that a fetch waits for records."""
KEEP_ALIVE: Final = 30.0
"""Seconds between fetches while nothing is wanted; the group's limit is 300."""
LOOK_EVERY: Final = 2.0
ANSWER_WITHIN: Final = 4.0
"""Seconds after which a broker that does not answer is in trouble."""
STOP_WITHIN: Final = 3.0


class Assigned(NamedTuple):
    """These partitions are this process's now."""

    places: Sequence[Place]


class Fetched(NamedTuple):
    """Records by partition, each in the order of its offsets."""

    records: Mapping[Place, Sequence[Record]]


class Revoked(NamedTuple):
    """Partitions are to be handed over; `answer` (once, any thread) takes offsets to commit."""

    places: Sequence[Place]
    answer: Callable[[Mapping[Place, int]], None]


class Looked(NamedTuple):
    """How it is: what is wrong, if anything, and how many records are left on the partitions."""

    trouble: BaseException | None
    left: int | None
    """None: there are no partitions, or nobody knows."""


SessionEvent = Assigned | Fetched | Revoked | Looked


class TopicMissing(LookupError):
    """The topic is not there, yet."""


class Unanswered(TimeoutError):
    """A broker has not answered in time; it is asked again."""


class Session:
    """Runs on the drivers' loop; `call_soon` carries `want` and `looked_at` there."""

    def __init__(
        self, channel: KafkaChannel, group: str, tell: Callable[[SessionEvent], None]
    ) -> None:
        self._channel = channel
        self._group = group
        self._tell = tell
        self._consumer: AIOKafkaConsumer | None = None
        self._most = min(MOST_RECORDS, channel.prefetch)
        self._told = 0
        self._paused: frozenset[Place] = frozenset()
        self._all_paused = False
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._changed = asyncio.Event()
        self._next: dict[TopicPartition, int] = {}
        """The offset after the last that was told."""
        self._careful: CarefulReader | None = None

    # -- life -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Join the group and fetch, until cancelled. Raises the driver's errors."""
        self._consumer = consumer = make_consumer(self._channel, self._group)
        try:
            await consumer.start()
            consumer.subscribe([self._channel.topic_name], listener=_Listener(self))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._look(consumer))
                both.create_task(self._fetch(consumer))
        finally:
            self._consumer = None
            with contextlib.suppress(TimeoutError, KafkaError):  # its partitions time out then
                await asyncio.wait_for(consumer.stop(), STOP_WITHIN)

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Commit offsets of partitions that are still ours.

        Raises the driver's errors, and Unanswered: then they were committed or not.
        """
        mine = {
            TopicPartition(*place): offset
            for place, offset in offsets.items()
            if TopicPartition(*place) in self._assigned
        }
        if mine and self._consumer is not None:
            await self._coordinator_answers(self._consumer.commit(mine))

    # -- what is wanted ---------------------------------------------------------------------

    def want(self, pauses: tuple[frozenset[Place], bool]) -> None:
        """Fetch from all partitions but those given; True: from none."""
        self._paused, self._all_paused = pauses
        self._changed.set()

    def looked_at(self) -> None:
        """Note that a batch was looked at: the next one may be told."""
        self._told -= 1
        self._changed.set()

    async def _fetch(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            self._changed.clear()
            wanted = self._wanted(consumer)
            if wanted:
                self._tell_of(await self._fetched(consumer, wanted))
            else:
                await self._wait(consumer)

    async def _fetched(
        self, consumer: AIOKafkaConsumer, wanted: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        if self._careful is not None:
            found = await self._careful.read(wanted)
            if self._careful.is_over:
                self._careful = None
            return found
        try:
            return await consumer.getmany(  # type: ignore[no-any-return]  # the driver has no types
                *wanted, timeout_ms=int(POLL * 1000), max_records=self._most
            )
        except Exception as error:
            if not is_about_records(error):
                raise
        await self._rewind(consumer, wanted)
        self._careful = CarefulReader(consumer, self._most)
        return {}

    async def _rewind(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> None:
        """Go back to what was not told: what the driver had read when it failed is lost."""
        for each in partitions:
            offset = self._next.get(each)
            if offset is None:
                offset = await consumer.committed(each)
            if each not in consumer.assignment():
                continue
            if offset is not None:
                consumer.seek(each, offset)
            elif self._channel.start == "earliest":
                await consumer.seek_to_beginning(each)
            else:
                await consumer.seek_to_end(each)

    def _wanted(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """Return the partitions to fetch from; the others are paused."""
        wanted: list[TopicPartition] = []
        full = self._all_paused or self._told >= MOST_TOLD
        for each in self._assigned & consumer.assignment():
            if full or (each.topic, each.partition) in self._paused:
                consumer.pause(each)
            else:
                consumer.resume(each)
                wanted.append(each)
        return wanted

    async def _wait(self, consumer: AIOKafkaConsumer) -> None:
        """Wait until something is wanted; the group hears of it now and then that we live."""
        try:
            await asyncio.wait_for(self._changed.wait(), KEEP_ALIVE)
        except TimeoutError:
            paused = consumer.paused()
            if paused:  # fetches nothing: a partition that is paused returns nothing
                await consumer.getmany(next(iter(paused)), timeout_ms=0)

    def _tell_of(self, found: Mapping[TopicPartition, Sequence[Record]]) -> None:
        records = {
            (each.topic, each.partition): batch
            for each, batch in found.items()
            if batch and each in self._assigned
        }
        if records:
            for place, batch in records.items():
                self._next[TopicPartition(*place)] = batch[-1].offset + 1
            self._told += 1
            self._tell(Fetched(records))

    # -- rebalances -------------------------------------------------------------------------

    async def revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Ask what is to be committed of partitions that go, and commit it."""
        mine = self._assigned & frozenset(revoked)
        self._assigned -= mine
        if not mine or self._consumer is None:
            return
        loop = asyncio.get_running_loop()
        offsets: asyncio.Future[Mapping[Place, int]] = loop.create_future()

        def answer(found: Mapping[Place, int]) -> None:
            loop.call_soon_threadsafe(_settle, offsets, found)

        self._tell(Revoked([(each.topic, each.partition) for each in mine], answer))
        limit = (as_seconds(self._channel.handover_timeout) or 0.0) + 1.0
        try:
            found = await asyncio.wait_for(offsets, limit)
            if found:
                offsets_of = {TopicPartition(*place): offset for place, offset in found.items()}
                await self._coordinator_answers(self._consumer.commit(offsets_of))
        except (TimeoutError, KafkaError) as error:  # they come again, and the inbox knows them
            self._tell(Looked(error, None))

    def assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Note what is ours now."""
        self._assigned = frozenset(assigned)
        self._next.clear()
        self._tell(Assigned([(each.topic, each.partition) for each in assigned]))
        self._changed.set()

    # -- how it is --------------------------------------------------------------------------

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            self._tell(await self.looked(consumer))
            await asyncio.sleep(LOOK_EVERY)

    async def looked(self, consumer: AIOKafkaConsumer | None = None) -> Looked:
        """Ask the coordinator whether it is there, and the leaders how far the partitions go."""
        consumer = consumer or self._consumer
        if consumer is None:
            return Looked(None, None)
        try:
            left = await self._left(consumer)
            return Looked(self._careful.trouble if self._careful else None, left)
        except IllegalStateError:  # a partition has gone to another process meanwhile
            return Looked(None, None)
        except (KafkaError, TopicMissing, OSError) as error:
            return Looked(error, None)

    async def _left(self, consumer: AIOKafkaConsumer) -> int | None:
        mine, topic = self._assigned & consumer.assignment(), self._channel.topic_name
        if not mine:
            await self._leaders_answer(self._look_for_topic(consumer))
        await self._coordinator_answers(consumer.committed(TopicPartition(topic, 0)))
        return await self._leaders_answer(self._lag(consumer, mine)) if mine else None

    async def _look_for_topic(self, consumer: AIOKafkaConsumer) -> None:
        topic = self._channel.topic_name
        if topic not in await consumer.topics():
            raise TopicMissing(f"topic {topic!r} is not there")
        if not consumer.partitions_for_topic(topic):
            # It has come: the group is told, which otherwise would look for it now and then.
            await consumer._client.force_metadata_update()  # noqa: SLF001  nothing public does

    async def _lag(self, consumer: AIOKafkaConsumer, mine: Collection[TopicPartition]) -> int:
        ends = await consumer.end_offsets(mine)
        positions = {each: await consumer.position(each) for each in mine}
        return sum(max(0, ends[each] - positions[each]) for each in mine)

    async def _leaders_answer(self, asked: Awaitable[T]) -> T:
        return await _within(asked, f"topic {self._channel.topic_name!r}: its brokers do not")

    async def _coordinator_answers(self, asked: Awaitable[T]) -> T:
        return await _within(asked, f"group {self._group!r}: its coordinator does not")


async def _within(asked: Awaitable[T], who: str) -> T:
    """Return the answer. Raises Unanswered."""
    try:
        return await asyncio.wait_for(asked, ANSWER_WITHIN)
    except TimeoutError as error:
        raise Unanswered(f"{who} answer within {ANSWER_WITHIN:g} s") from error


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the driver has no types
    def __init__(self, session: Session) -> None:
        self._session = session

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._session.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._session.assigned(assigned)


def _settle(future: "asyncio.Future[Mapping[Place, int]]", found: Mapping[Place, int]) -> None:
    if not future.done():
        future.set_result(found)


def make_consumer(channel: KafkaChannel, group: str) -> AIOKafkaConsumer:
    """Return the driver's consumer, as the channel's options have it; not started."""
    session = as_seconds(channel.session_timeout) or 10.0
    handover = as_seconds(channel.handover_timeout) or 5.0
    options: dict[str, Any] = {
        # A member that stays learns with its next heartbeat that another one has gone.
        "heartbeat_interval_ms": int(min(3.0, session / 10) * 1000),
        "isolation_level": "read_committed",
        "metadata_max_age_ms": 60_000,
        "request_timeout_ms": int(max(15.0, session + handover + 5.0) * 1000),
        **channel.consumer_options,
    }
    return AIOKafkaConsumer(
        bootstrap_servers=channel.server_list,
        group_id=group,
        auto_offset_reset=channel.start,
        enable_auto_commit=False,
        session_timeout_ms=int(session * 1000),
        rebalance_timeout_ms=int((max(session, handover) + 5.0) * 1000),
        **channel.security(),
        **options,
    )

"""Produces a channel's messages: in record batches, acknowledged by all replicas, idempotent.

Rules:
 1. Messages with a key go to the partition that Java's clients would choose; those without one are
    dealt out over the partitions that have a leader, a stretch of them to each.
 2. A partition's records are produced in order, as few batches as they fit in, one after the other.
    Partitions do not wait for each other.
 3. A batch that the broker refuses is produced again record by record: whose fault it is, is to
    show. Behind one that is refused nothing of its key is produced.
 4. Whatever else fails says that the broker is unavailable: no message is to blame. Then, or when
    `PATIENCE` is over, the producer is given up, with what it still holds, and made anew.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final

from actorbus._store import Claimed, Outgoing
from actorbus.channels._broker import BrokerUnavailable
from actorbus.channels.kafka._records import Produced, to_record

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from actorbus.declaring._kafka_channel import KafkaChannel

logger = logging.getLogger("actorbus")

PATIENCE: Final = 10.0
"""Seconds to wait for a broker: for its first answer, and for its acknowledgement of a batch."""

BATCH_BYTES: Final = 256 * 1024
"""How large a record batch gets, uncompressed, unless `producer_options` say otherwise."""

STRETCH: Final = 100
"""How many messages without a key go to one partition before the next one's turn."""

Message = Claimed | Outgoing
Errors = list[Exception | None]
Records = list[tuple[int, Produced]]
"""Records with their places in what was to be published."""


class KafkaBroker:
    """See `Broker`. All of it runs on the drivers' loop."""

    def __init__(self, channel: "KafkaChannel", now: Callable[[], float]) -> None:
        self.name = channel.name
        self._channel = channel
        self._topic = channel.topic_name
        self._now = now
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._turns = count()
        self._partition_of = lru_cache(maxsize=50_000)(_hash)

    # -- life -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect. Raises BrokerUnavailable."""
        await self._ready()

    async def stop(self) -> None:
        """Send what is on its way, within `PATIENCE`, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await producer.stop()
        except Exception as error:  # noqa: BLE001  it is gone in any case
            logger.warning("channel %r: the producer did not stop in order: %r", self.name, error)
            await _give_up(producer)

    async def _ready(self) -> "AIOKafkaProducer":
        """Return a producer that is connected, a new one if the last one was given up."""
        async with self._starting:
            if self._producer is None:
                self._producer = await self._connected()
            return self._producer

    async def _connected(self) -> "AIOKafkaProducer":
        producer = self._made()
        try:
            async with asyncio.timeout(PATIENCE):
                await producer.start()
        except Exception as error:
            await _give_up(producer)
            raise self._unavailable(error) from error
        except BaseException:
            await _give_up(producer)
            raise
        return producer

    def _made(self) -> "AIOKafkaProducer":
        from aiokafka import AIOKafkaProducer

        channel = self._channel
        options: dict[str, Any] = {
            "max_batch_size": BATCH_BYTES,
            "request_timeout_ms": int(PATIENCE * 1000),
            **channel.producer_options,
        }
        return AIOKafkaProducer(
            bootstrap_servers=channel.server_list,
            enable_idempotence=True,
            **channel.security(),
            **options,
        )

    def _unavailable(self, error: BaseException) -> BrokerUnavailable:
        text = (
            f"no answer within {PATIENCE:g} s" if isinstance(error, TimeoutError) else repr(error)
        )
        return BrokerUnavailable(f"channel {self.name!r}, topic {self._topic!r}: {text}")

    # -- publishing -------------------------------------------------------------------------

    async def publish(self, batch: Sequence[Message]) -> Errors:
        """Produce messages; return what became of each, see `Broker.publish`."""
        errors: Errors = [None] * len(batch)
        records = self._records(batch, errors)
        producer = await self._ready()
        try:
            async with asyncio.timeout(PATIENCE):
                partitions = await self._dealt_out(producer, records)
                await asyncio.gather(
                    *(
                        self._produce(producer, partition, some, errors)
                        for partition, some in partitions.items()
                    )
                )
        except Exception as error:  # noqa: BLE001  no message is to blame
            return await self._failed(producer, records, errors, error)
        except BaseException:
            await self._drop(producer)
            raise
        return errors

    def _records(self, batch: Sequence[Message], errors: Errors) -> Records:
        """Return the records; a message that none can be made of has its error."""
        now = self._now()
        failed: set[str] = set()
        records: Records = []
        for place, message in enumerate(batch):
            if failed and message.ordering_key in failed:
                errors[place] = _behind(message)
                continue
            try:
                records.append((place, to_record(message, now)))
            except Exception as error:  # noqa: BLE001  it is this message's own
                errors[place] = error
                if message.ordering_key is not None:
                    failed.add(message.ordering_key)
        return records

    async def _dealt_out(
        self, producer: "AIOKafkaProducer", records: Records
    ) -> dict[int, Records]:
        """Return the records of each partition, in order."""
        everywhere = sorted(await producer.partitions_for(self._topic))
        available = sorted(producer.client.cluster.available_partitions_for_topic(self._topic))
        count_of, partition_of = len(everywhere), self._partition_of
        anywhere = _anywhere(available or everywhere, self._turns)
        found: dict[int, Records] = {}
        for record in records:
            key = record[1].key
            place = next(anywhere) if key is None else everywhere[partition_of(key) % count_of]
            some = found.get(place)
            if some is None:
                found[place] = [record]
            else:
                some.append(record)
        return found

    async def _produce(
        self, producer: "AIOKafkaProducer", partition: int, records: Records, errors: Errors
    ) -> None:
        """Produce a partition's records, a batch after the other. Raises what is nobody's fault."""
        failed: set[bytes] = set()
        at = alone_until = 0
        while at < len(records):
            place, record = records[at]
            if record.key in failed:
                errors[place] = BrokerUnavailable("behind one of its key that was refused")
                at += 1
                continue
            most = 1 if at < alone_until else None
            builder, end = self._filled(producer, islice(records, at, None), failed, most)
            end += at
            future = await producer.send_batch(builder, self._topic, partition=partition)
            try:
                await future
            except Exception as error:
                if not _is_a_records(error):
                    raise
                if end - at > 1:
                    alone_until = end
                    continue
                errors[place] = error
                if record.key is not None:
                    failed.add(record.key)
            at = end

    def _filled(
        self,
        producer: "AIOKafkaProducer",
        records: Iterable[tuple[int, Produced]],
        failed: set[bytes],
        most: int | None,
    ) -> tuple[Any, int]:
        """Return a batch of the first records, and how many they are; one at least fits."""
        builder, timestamp = producer.create_batch(), int(self._now() * 1000)
        filled = 0
        for _, (key, value, headers) in islice(records, most):
            if key in failed:
                break
            if not builder.append(timestamp=timestamp, key=key, value=value, headers=headers):
                break
            filled += 1
        return builder, filled

    # -- giving up --------------------------------------------------------------------------

    async def _failed(
        self, producer: "AIOKafkaProducer", records: Records, errors: Errors, error: Exception
    ) -> Errors:
        """Say that nothing could be produced, as far as is known, and begin anew next time."""
        await self._drop(producer)
        unavailable = self._unavailable(error)
        unavailable.__cause__ = error
        for place, _ in records:
            if errors[place] is None:
                errors[place] = unavailable
        return errors

    async def _drop(self, producer: "AIOKafkaProducer") -> None:
        if self._producer is producer:
            self._producer = None
            await _give_up(producer)


async def _give_up(producer: "AIOKafkaProducer") -> None:
    """End a producer without sending what it holds: `stop` would wait for a broker that is down."""
    producer._closed = True  # noqa: SLF001  it has no way to say so, and warns otherwise
    with suppress(Exception):
        async with asyncio.timeout(1.0):
            await producer.client.close()
            await producer._sender.close()  # noqa: SLF001  the task that `stop` would end, too late


def _is_a_records(error: BaseException) -> bool:
    """Whether an error is about the records of a batch, and not about the broker."""
    from aiokafka import errors

    return isinstance(
        error,
        errors.MessageSizeTooLargeError
        | errors.RecordListTooLargeError
        | errors.RecordTooLargeError
        | errors.InvalidMessageError
        | errors.CorruptRecordException
        | errors.InvalidTimestampError
        | errors.UnsupportedForMessageFormatError
        | errors.PolicyViolationError
        | errors.UnknownError,  # which also stands for those that the driver has no name for
    )


def _anywhere(partitions: Sequence[int], turns: Iterator[int]) -> Iterator[int]:
    """Return the partitions of messages without a key, one after the other."""
    while True:
        partition = partitions[next(turns) % len(partitions)]
        for _ in range(STRETCH):
            yield partition


def _hash(key: bytes) -> int:
    from aiokafka.partitioner import murmur2

    return int(murmur2(key)) & 0x7FFFFFFF


def _behind(message: Message) -> BrokerUnavailable:
    return BrokerUnavailable(f"behind one of the key {message.ordering_key!r} that was refused")

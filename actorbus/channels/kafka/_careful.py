"""Reading partition by partition, where the driver fails with what it has fetched.

Rules:
 1. The driver raises for all partitions when it cannot read a record of one, and does so each time.
    Asked for one partition only, it loses nothing, and it is known which one that is.
 2. There the batch is fetched once more, as bytes: what is in it is told, with what cannot be read
    of it, and the partition goes on behind it.
 3. Where a library for a compression is missing the partition waits, and others go on. This is
    trouble with the broker until the library is there.
"""

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    KafkaError,
    NotLeaderForPartitionError,
    UnsupportedCodecError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest

from actorbus.channels.kafka._batches import READ_COMMITTED, Fetch, read_on
from actorbus.channels.kafka._records import Record, Unreadable

PAUSE: Final = 0.02
"""Seconds until all partitions are asked again, when none had records."""
CAREFUL_FOR: Final = 60.0
"""Seconds for which partitions are read one by one after the last record that was unreadable."""
LOOK_AGAIN_AFTER: Final = 5.0
"""Seconds after which a partition that waits for a library is looked at again."""
MOST_BYTES: Final = 52_428_800
"""Of one fetch, but for a batch that is larger."""
WITHIN: Final = 10.0
"""Seconds for the broker's answer."""
WITH_REPLICA: Final = 11
"""The first version of the answer that ends with a replica to prefer, and then the records."""


class CodecMissing(LookupError):
    """There is no library for the compression of a batch; its partition waits for one."""


def is_about_records(error: Exception) -> bool:
    """Whether an error of the driver's is about what it has fetched, and not about the broker."""
    if isinstance(error, CorruptRecordException | UnsupportedCodecError):
        return True
    if isinstance(error, gzip.BadGzipFile):
        return True
    return not isinstance(error, KafkaError | ConsumerStoppedError | OSError)


class CarefulReader:
    """Reads in place of the driver's `getmany`, until it `is_over`."""

    def __init__(self, consumer: AIOKafkaConsumer, most: int) -> None:
        self._consumer = consumer
        self._most = most
        self._waiting: dict[TopicPartition, tuple[float, CodecMissing]] = {}
        self._until = _now() + CAREFUL_FOR

    @property
    def is_over(self) -> bool:
        """Whether all was readable for long enough."""
        return not self._waiting and _now() >= self._until

    @property
    def trouble(self) -> CodecMissing | None:
        """Why a partition waits, if one does."""
        return next((error for _, error in self._waiting.values()), None)

    async def read(
        self, wanted: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Return records of these partitions. Raises the driver's errors about the broker."""
        found: dict[TopicPartition, Sequence[Record]] = {}
        most = max(1, self._most // len(wanted))
        for each in wanted:
            if each in self._waiting and _now() < self._waiting[each][0]:
                continue
            records = await self._of(each, most)
            if records:
                found[each] = records
        if not found:
            await asyncio.sleep(PAUSE)
        return found

    async def _of(self, partition: TopicPartition, most: int) -> Sequence[Record]:
        try:
            some = await self._consumer.getmany(partition, timeout_ms=0, max_records=most)
        except Exception as error:
            if not is_about_records(error):
                raise
            return await self._read_past(partition, error)
        records: Sequence[Record] = some.get(partition, ())
        if records:
            self._waiting.pop(partition, None)
        return records

    async def _read_past(self, partition: TopicPartition, error: Exception) -> Sequence[Record]:
        """Return what is there up to what the driver cannot read, and with it; go on behind it."""
        self._until = _now() + CAREFUL_FOR
        offset: int = await self._consumer.position(partition)
        try:
            fetch = await asyncio.wait_for(fetched(self._consumer, partition, offset), WITHIN)
            records, after = read_on(partition, offset, fetch)
        except UnsupportedCodecError as missing:
            self._waits(partition, offset, missing)
            return ()
        except (AttributeError, ImportError, TypeError, ValueError):  # the driver is another one
            why = f"the driver cannot read it: {error!r}"
            records, after = [Unreadable.at(partition, offset, b"", why)], offset + 1
        self._waiting.pop(partition, None)
        if partition in self._consumer.assignment():
            self._consumer.seek(partition, after)
        return records

    def _waits(self, partition: TopicPartition, offset: int, error: Exception) -> None:
        text = (
            f"topic {partition.topic!r}, partition {partition.partition}, offset {offset}: {error};"
            " pip install 'aiokafka[lz4,snappy,zstd]'"
        )
        self._waiting[partition] = _now() + LOOK_AGAIN_AFTER, CodecMissing(text)


async def fetched(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> Fetch:
    """Fetch from an offset on, as bytes. Raises KafkaError."""
    client = consumer._client  # noqa: SLF001  the driver gives bytes to nobody
    leader = client.cluster.leader_for_partition(partition)
    if leader is None or leader < 0:
        raise NotLeaderForPartitionError(partition)
    ask = (partition.partition, offset, MOST_BYTES)
    topics = [(partition.topic, [ask])]
    response = await client.send(leader, FetchRequest(500, 1, MOST_BYTES, READ_COMMITTED, topics))
    ((_, ((_, code, highwater, *rest),)),) = response.topics
    if code:
        raise for_code(code)(partition)
    return Fetch(rest[-1] or b"", _aborted(response, rest), highwater)


def _aborted(response: Any, rest: Sequence[Any]) -> Sequence[tuple[int, int]] | None:
    """Return the transactions that were aborted: their place depends on the version."""
    aborted: Sequence[tuple[int, int]] | None
    aborted = rest[2] if response.API_VERSION >= WITH_REPLICA else rest[-2]
    return aborted


def _now() -> float:
    return asyncio.get_running_loop().time()

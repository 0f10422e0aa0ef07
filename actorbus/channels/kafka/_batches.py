"""Record batches that the driver cannot read: what can be told of them, so that others go on. Pure.

Rules:
 1. All that the driver can read is as the driver reads it, up to the first record that it cannot.
 2. A batch whose checksum holds is read here: bytes of a header's name that are not UTF-8 are
    escaped. A record that is broken in itself is `Unreadable`, the others of its batch are not.
 3. Of any other batch no record can be told: it is one `Unreadable`, at its first offset.
 4. A batch whose compression there is no library for is not to blame: the driver's error is raised.
"""

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition, codec
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c, decode_varint

from actorbus.channels.kafka._partitions import Place
from actorbus.channels.kafka._records import Record, Unreadable

READ_COMMITTED: Final = 1

_HEAD: Final = Struct(">qiibIhiqqqhii")
"""Base offset, length, epoch, magic, checksum, attributes, last offset's delta, first and last
timestamp, producer (3), count."""
_OFFSET_AND_LENGTH: Final = Struct(">qi")
FORMAT: Final = 2
_CHECKED_FROM: Final = 21
"""Where that begins which the checksum is of."""
_APPEND_TIME: Final = 0x08
_CODECS: Final[dict[int, Callable[[bytes], bytes]]] = {
    0: bytes,
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class Fetch(NamedTuple):
    """What a broker has answered: batches as bytes, the first one with the offset asked for."""

    batches: bytes
    aborted: Sequence[tuple[int, int]] | None
    """Transactions that were: the number of the producer, and the first offset."""
    end: int
    """The offset that the next record will have."""


def read_on(place: Place, offset: int, fetch: Fetch) -> tuple[list[Record], int]:
    """Return what is there from an offset on, and the offset after it; with it what is unreadable.

    Raises UnsupportedCodecError.
    """
    batches = _Batches(fetch.batches)
    driver = PartitionRecords(
        TopicPartition(*place), batches, fetch.aborted, offset, None, None, True, READ_COMMITTED
    )
    found: list[Record] = []
    try:
        for record in driver:
            found.append(record)  # noqa: PERF402  those before an error are wanted
    except UnsupportedCodecError:
        if not found:
            raise
    except Exception as error:  # noqa: BLE001  whatever a batch that is damaged leads to
        first, batch, behind = batches.taken()
        start = max(driver.next_fetch_offset, first)
        end = fetch.end if behind is None else behind
        more, after = _salvaged(place, start, batch, max(end, start + 1), error)
        return found + more, after
    return found, driver.next_fetch_offset


def _salvaged(
    place: Place, offset: int, content: bytes, end: int, error: Exception
) -> tuple[list[Record], int]:
    """Return what can be told of a batch from an offset on, and the offset after it."""
    try:
        batch = _Batch(place, content)
        return [one for one in batch if one.offset >= offset], max(batch.end, offset + 1)
    except Exception:  # noqa: BLE001  it is damaged: what the driver says of it is told
        why = f"its batch cannot be read: {error!r}"
        return [Unreadable.at(place, offset, content, why)], end


class _Batches:
    """What the driver takes batches from; it knows which one it took last."""

    def __init__(self, content: bytes) -> None:
        self._driver = MemoryRecords(content)
        self._split = list(_split(content))
        self._taken = 0
        self.has_next = self._driver.has_next

    def next_batch(self) -> Any:
        self._taken += 1
        return self._driver.next_batch()

    def taken(self) -> tuple[int, bytes, int | None]:
        """Return its first offset, its bytes, and the first offset of the next one."""
        first, content = self._split[self._taken - 1]
        behind = self._split[self._taken :]
        return first, content, behind[0][0] if behind else None


def _split(batches: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each batch with its first offset; of the last one perhaps only a part was fetched."""
    at = 0
    while at + _OFFSET_AND_LENGTH.size <= len(batches):
        first, length = _OFFSET_AND_LENGTH.unpack_from(batches, at)
        end = at + _OFFSET_AND_LENGTH.size + max(length, 0)
        yield first, batches[at:end]
        at = end


class _Batch:
    """A batch of today's format. Raises ValueError, and what its codec does, for a damaged one."""

    def __init__(self, place: Place, batch: bytes) -> None:
        head = _HEAD.unpack_from(batch.ljust(_HEAD.size, b"\0"))
        self._place = place
        self._base, self._attributes, self._count = head[0], head[5], head[12]
        self._first_at, self._last_at = head[7], head[8]
        self.end = head[0] + head[6] + 1
        if head[3] != FORMAT or head[4] != calc_crc32c(batch[_CHECKED_FROM:]):
            raise ValueError("its checksum is another one")
        self._bytes = bytes(_CODECS[self._attributes & 0x07](batch[_HEAD.size :]))

    def __iter__(self) -> Iterator[Record]:
        at, offset = 0, self._base
        for _ in range(self._count):
            length, start = _varint(self._bytes, at)
            at = start + length
            if length < 0 or at > len(self._bytes):
                raise ValueError("a record ends behind its batch")
            record = self._record(self._bytes[start:at], offset)
            offset = record.offset + 1
            yield record

    def _record(self, content: bytes, offset: int) -> Record:
        """Return a record; `offset` is the one that it has unless it says another one."""
        reader = _Reader(content)
        try:
            reader.at = 1  # attributes: none are used
            at = self._first_at + reader.number()
            if self._attributes & _APPEND_TIME:
                at = self._last_at
            offset = max(offset, self._base + reader.number())
            key, value = reader.nullable(), reader.nullable()
            headers = [(reader.name(), reader.nullable() or b"") for _ in range(reader.number())]
        except (IndexError, ValueError) as error:
            return Unreadable.at(self._place, offset, content, f"it cannot be read: {error!r}")
        return Salvaged(*self._place, offset, at, key, value, tuple(headers))


class Salvaged(NamedTuple):
    """A record that was read here."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class _Reader:
    """Reads the parts of a record one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def number(self) -> int:
        number, self.at = _varint(self._content, self.at)
        return number

    def nullable(self) -> bytes | None:
        length = self.number()
        return None if length < 0 else self._take(length)

    def name(self) -> str:
        return self._take(self.number()).decode(errors="backslashreplace")

    def _take(self, length: int) -> bytes:
        start, self.at = self.at, self.at + length
        if length < 0 or self.at > len(self._content):
            raise ValueError(f"{length} bytes are said to follow")
        return self._content[start : self.at]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number and where the next one begins. Raises IndexError and ValueError."""
    number, at = decode_varint(content, at)
    return int(number), int(at)

"""A message as a record of Kafka's, and back.

Rules:
 1. The value is the message's body, as it is: nothing is encoded anew on the way.
 2. The key is the ordering key, so that a key's messages share a partition; or there is none.
 3. The header "actorbus" is a JSON object with what else is known of the message; the user's
    headers are headers of their own, text in UTF-8: other programs can read and write them.
 4. A record without that header, or with one that cannot be read, is foreign: another program's.
    So is one with texts that not every store can hold: its partition would stand still for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from actorbus._store import Claimed, Origin, Outgoing
from actorbus.messages._message import NO_HEADERS, headers_to_text

HEADER: Final = "actorbus"
"""The header that says that a record is a message of a bus."""
VERSION: Final = 1
FOREIGN: Final = "actorbus.ForeignRecord"
"""The name of the type of messages that foreign records are handled as."""
MSGPACK: Final = "application/msgpack"

KafkaHeaders = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A record that no bus has sent: what a handler on a `KafkaChannel` is given that takes one.

    `timestamp` is in milliseconds of Unix time, as the broker has it. `why` says why it is no
    message. Its message id is topic/partition/offset/timestamp.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    why: str

    @property
    def id(self) -> str:
        """What tells it from all other records."""
        return f"{self.topic}/{self.partition}/{self.offset}/{self.timestamp}"


class Record(Protocol):
    """What is read of a record that was fetched."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Iterable[tuple[str, bytes]]: ...


class Unreadable(NamedTuple):
    """What lies at an offset that no record can be made of; `value` has it, as bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    why: str

    @classmethod
    def at(cls, place: tuple[str, int], offset: int, content: bytes, why: str) -> "Unreadable":
        """Return what lies at a place; when it was written is not known."""
        return cls(*place, offset, 0, None, content, (), why)


class Produced(NamedTuple):
    """A record to be sent."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class _Wire(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON object in the header; a field that is not known is left alone."""

    v: int
    id: str
    copy: str
    endpoint: str
    type: str
    content_type: str
    correlation: str
    timestamp: float
    enqueued: float
    causation: str | None = None
    expires: float | None = None
    tenant: str = ""
    deduplicate: str | None = None
    on_failure: str | None = None
    order: str | None = None
    header: str | None = None
    """The user's own header of the name that is ours."""


LARGEST_KEY: Final = 2400
"""Bytes in texts that a store looks messages up by. PostgreSQL's indexes hold 2,704, with the
channel's name."""
_NUL: Final = rb"\u0000"
"""A NUL in JSON, perhaps: it has to be escaped."""
_TEXTS: Final = tuple(
    field.name
    for field in msgspec.structs.fields(_Wire)
    if field.name != "header" and field.type not in {int, float, float | None}
)
_KEYS: Final = (
    ("endpoint", "id"),
    ("copy",),
    ("endpoint", "tenant", "order"),
    ("endpoint", "deduplicate"),
)
"""What lies in one index."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Wire).decode
_decode_version = msgspec.json.Decoder(dict[str, Any]).decode
_decode_user = msgspec.json.Decoder(dict[str, str]).decode
_pack = msgspec.msgpack.Encoder().encode


def to_record(message: Claimed | Outgoing, now: float) -> Produced:
    """Return the record of a message; `now` is the Unix time by the store's clock.

    It is for the endpoint behind the broker, where the message names one.
    """
    own: str | None = None
    headers: list[tuple[str, bytes]] = []
    if message.headers != NO_HEADERS:
        user = _decode_user(message.headers)
        own = user.pop(HEADER, None)
        headers = [(name, text.encode()) for name, text in user.items()]
    order = message.ordering_key
    wire = _Wire(
        VERSION,
        message.message_id,
        message.copy_id,
        message.for_endpoint or message.endpoint,
        message.type_name,
        message.content_type,
        message.correlation_id,
        message.timestamp,
        now if isinstance(message, Outgoing) else message.enqueued_at,
        message.causation_id,
        _expires(message, now),
        message.tenant,
        message.deduplication_key,
        message.on_failure,
        order,
        own,
    )
    headers.append((HEADER, _encode(wire)))
    return Produced(None if order is None else order.encode(), message.body, headers)


def _expires(message: Claimed | Outgoing, now: float) -> float | None:
    if isinstance(message, Claimed):
        return message.expires_at
    return None if message.time_to_live is None else now + message.time_to_live


def from_record(record: Record, channel: str) -> Claimed | ForeignRecord:
    """Return the message of a record that was fetched for a channel, or the record itself."""
    wire: _Wire | None = None
    encoded = b""
    others: dict[str, bytes] = {}
    for name, value in record.headers:
        if name == HEADER:
            try:
                wire, encoded = _decode(value), value
            except (msgspec.MsgspecError, TypeError) as error:
                return _foreign(record, f"its header {HEADER!r} cannot be read: {error}")
        else:
            others[name] = value
    if wire is None:
        why = record.why if isinstance(record, Unreadable) else f"it has no header {HEADER!r}"
        return _foreign(record, why)
    if wire.v != VERSION:
        return _foreign(record, f"its header {HEADER!r} is of version {wire.v}, not {VERSION}")
    if record.value is None:
        return _foreign(record, "it has no value")
    if (unfit := _unfit(wire, encoded)) is not None:
        return _foreign(record, f"its header {HEADER!r} {unfit}")
    return Claimed(
        sequence=0,
        epoch=0,
        attempts=0,
        suspect=False,
        replays=0,
        priority=0,
        due_at=record.timestamp / 1000,
        expires_at=wire.expires,
        enqueued_at=wire.enqueued,
        copy_id=wire.copy,
        channel=channel,
        endpoint=wire.endpoint,
        tenant=wire.tenant,
        message_id=wire.id,
        type_name=wire.type,
        content_type=wire.content_type,
        correlation_id=wire.correlation,
        causation_id=wire.causation,
        timestamp=wire.timestamp,
        deduplication_key=wire.deduplicate,
        on_failure=wire.on_failure,
        headers=_user_headers(others, wire.header),
        body=record.value,
        ordering_key=wire.order,
        origin=Origin(record.topic, record.partition, record.offset),
    )


def _unfit(wire: _Wire, encoded: bytes) -> str | None:
    """Return why a database could not hold what the header says, or None."""
    if len(encoded) <= LARGEST_KEY and _NUL not in encoded:  # nothing in it can be wrong
        return None
    for name in _TEXTS:
        if "\0" in (getattr(wire, name) or ""):
            return f"has a NUL in {name!r}"
    for names in _KEYS:
        size = sum(len((getattr(wire, name) or "").encode()) for name in names)
        if size > LARGEST_KEY:
            words = ", ".join(map(repr, names))
            return f"has {size} bytes in {words}; {LARGEST_KEY} are allowed"
    return None


def foreign_message(record: ForeignRecord, channel: str, endpoint: str) -> Claimed:
    """Return the message for the handler of foreign records; its body is the record."""
    at = record.timestamp / 1000
    return Claimed(
        sequence=0,
        epoch=0,
        attempts=0,
        suspect=False,
        replays=0,
        priority=0,
        due_at=at,
        expires_at=None,
        enqueued_at=at,
        copy_id=record.id,
        channel=channel,
        endpoint=endpoint,
        tenant="",
        message_id=record.id,
        type_name=FOREIGN,
        content_type=MSGPACK,
        correlation_id=record.id,
        causation_id=None,
        timestamp=at,
        deduplication_key=None,
        on_failure=None,
        headers=NO_HEADERS,
        body=_pack(record),
        origin=Origin(record.topic, record.partition, record.offset),
    )


def _user_headers(others: Mapping[str, bytes | None], own: str | None) -> str:
    if not others and own is None:
        return NO_HEADERS
    texts = {name: (value or b"").decode(errors="replace") for name, value in others.items()}
    if own is not None:
        texts[HEADER] = own
    return headers_to_text(texts)


def _foreign(record: Record, why: str) -> ForeignRecord:
    return ForeignRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple((name, value or b"") for name, value in record.headers),
        why,
    )

"""What travels: the envelope, the headers that handlers see, and the ids that link messages."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

MSGPACK = "application/msgpack"
JSON = "application/json"


def new_id() -> str:
    """Return a new message or copy id: a UUID of version 7 as 32 hexadecimal digits.

    Its first 48 bits are milliseconds, so ids made one after another are neighbours in an index.
    """
    random = os.urandom(10).hex()
    milliseconds = time.time_ns() // 1_000_000
    return f"{milliseconds:012x}7{random[:3]}{_VARIANTS[random[3]]}{random[4:19]}"


_VARIANTS = {f"{digit:x}": "89ab"[digit % 4] for digit in range(16)}
"""The two bits that all such UUIDs have, before two random ones."""


class Envelope(msgspec.Struct, frozen=True):
    """One message as it was sent, before it is copied to the endpoints.

    `headers` are the user's own. `timestamp` is the store's wall clock at sending, in seconds.
    """

    message_id: str
    type_name: str
    content_type: str
    body: bytes
    headers: Mapping[str, str]
    correlation_id: str
    causation_id: str
    timestamp: float


class Stored(Protocol):
    """What a stored copy tells about its message; `headers` is JSON text."""

    @property
    def copy_id(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def type_name(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def headers(self) -> str: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def causation_id(self) -> str | None: ...
    @property
    def timestamp(self) -> float: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def tenant(self) -> str: ...


class Headers(Mapping[str, str]):
    """The headers of the message being handled: the user's by name, the bus's as attributes.

    `id` is shared by all copies of a message, `copy_id` is this endpoint's own. `correlation_id`
    is the id of the message that began the chain, `causation_id` of the one whose handler sent
    this one ("" for the first). `timestamp` is when it was sent, in seconds of the store's wall
    clock. `attempt` counts from 1. `tenant` is "" on channels without tenants.
    """

    __slots__ = (
        "_text",
        "_user",
        "attempt",
        "causation_id",
        "content_type",
        "copy_id",
        "correlation_id",
        "endpoint",
        "id",
        "tenant",
        "timestamp",
        "type_name",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002  the attribute's name, which users read
        copy_id: str = "",
        correlation_id: str = "",
        causation_id: str = "",
        type_name: str = "",
        content_type: str = MSGPACK,
        timestamp: float = 0.0,
        attempt: int = 1,
        endpoint: str = "",
        tenant: str = "",
        user: Mapping[str, str] | str = "",
    ) -> None:
        self.id = id
        self.copy_id = copy_id
        self.correlation_id = correlation_id
        self.causation_id = causation_id
        self.type_name = type_name
        self.content_type = content_type
        self.timestamp = timestamp
        self.attempt = attempt
        self.endpoint = endpoint
        self.tenant = tenant
        self._text = user if isinstance(user, str) else None
        self._user = None if isinstance(user, str) else user

    @classmethod
    def of(cls, stored: Stored, attempt: int) -> "Headers":
        """Return the headers of a stored copy; its JSON is parsed when first looked at."""
        headers = cls.__new__(cls)  # a call of `cls` with all these costs three times as much
        headers.id = stored.message_id
        headers.copy_id = stored.copy_id
        headers.correlation_id = stored.correlation_id
        headers.causation_id = stored.causation_id or ""
        headers.type_name = stored.type_name
        headers.content_type = stored.content_type
        headers.timestamp = stored.timestamp
        headers.attempt = attempt
        headers.endpoint = stored.endpoint
        headers.tenant = stored.tenant
        headers._text = stored.headers  # noqa: SLF001  it is this class
        headers._user = None  # noqa: SLF001  it is this class
        return headers

    def with_user(self, user: Mapping[str, str]) -> "Headers":
        """Return a copy with other headers of the user's."""
        return Headers(
            id=self.id,
            copy_id=self.copy_id,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            type_name=self.type_name,
            content_type=self.content_type,
            timestamp=self.timestamp,
            attempt=self.attempt,
            endpoint=self.endpoint,
            tenant=self.tenant,
            user=user,
        )

    @property
    def user(self) -> Mapping[str, str]:
        """The user's headers."""
        if self._user is None:
            self._user = _decode_headers(self._text) if self._text else {}
        return self._user

    @property
    def text(self) -> str:
        """The user's headers as JSON text, as they are stored."""
        if self._text is None:
            self._text = headers_to_text(self._user or {})
        return self._text

    def __getitem__(self, name: str) -> str:
        return self.user[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.user)

    def __len__(self) -> int:
        return len(self.user)

    def __repr__(self) -> str:
        return f"Headers(id={self.id!r}, endpoint={self.endpoint!r}, {dict(self.user)!r})"


_decode_headers = msgspec.json.Decoder(dict[str, str]).decode
_encode_headers = msgspec.json.Encoder(order="deterministic").encode


NO_HEADERS = "{}"


def headers_to_text(headers: Mapping[str, str]) -> str:
    """Return the user's headers as they are stored: a JSON object."""
    return _encode_headers(dict(headers)).decode() if headers else NO_HEADERS

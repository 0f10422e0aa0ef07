"""What lies in the store and waits for its time, as a test sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from actorbus._errors import UndecodableMessage
from actorbus._store import DeadLetterRow
from actorbus.configuration._configuration import Configuration
from actorbus.messages._decoding import Decoding

QUERY = """
SELECT channel, endpoint, tenant, message_id, type_name, content_type, body, headers, due_at,
    attempts, priority
FROM actorbus_messages WHERE state = 'waiting' ORDER BY due_at, sequence
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits until `due`: it was delayed, or failed `attempts` times so far.

    `message` is what the handler will get; plain data if it could not be decoded.
    """

    message: Any
    message_id: str
    type_name: str
    channel: str
    endpoint: str
    tenant: str
    headers: Mapping[str, str]
    due: datetime
    attempts: int
    priority: int

    def __str__(self) -> str:
        tried = f", failed {self.attempts} times" * (self.attempts > 0)
        return f"{self.due:%Y-%m-%d %H:%M:%S} {self.endpoint}: {self.message!r}{tried}"


@dataclass(frozen=True, slots=True)
class _Body:
    type_name: str
    content_type: str
    body: bytes
    unread_bytes: int = 0


class Reader:
    """Makes of rows what they mean on one bus."""

    def __init__(self, configuration: Configuration, timezone: Any) -> None:
        self._handlers = {
            name: spec
            for spec in configuration.handlers
            for name in (spec.endpoint_id, *spec.aliases)
        }
        self._decoding = Decoding(configuration)
        self._timezone = timezone

    def read(self, row: Any) -> Waiting:
        """Return what a row of `QUERY` means."""
        return Waiting(
            message=self._message(row),
            message_id=row["message_id"],
            type_name=row["type_name"],
            channel=row["channel"],
            endpoint=row["endpoint"],
            tenant=row["tenant"],
            headers=msgspec.json.decode(row["headers"], type=dict[str, str]),
            due=datetime.fromtimestamp(row["due_at"], self._timezone),
            attempts=row["attempts"],
            priority=row["priority"],
        )

    def decoded(self, row: DeadLetterRow) -> Any:
        """Return the message of a dead letter, its body if that cannot be decoded."""
        return self._decoded(row.endpoint, _Body(row.type_name, row.content_type, row.body))

    def function_of(self, endpoint: str) -> Callable[..., Any] | None:
        """Return the handler's function; None for an endpoint that the bus does not have."""
        spec = self._handlers.get(endpoint)
        return None if spec is None else spec.function

    def _message(self, row: Any) -> Any:
        body = _Body(row["type_name"], row["content_type"], bytes(row["body"]))
        return self._decoded(row["endpoint"], body)

    def _decoded(self, endpoint: str, stored: Any) -> Any:
        spec = self._handlers.get(endpoint)
        if spec is None:
            return stored.body
        try:
            return self._decoding.decode(spec, stored)
        except UndecodableMessage:
            return stored.body

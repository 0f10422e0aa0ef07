"""What lies in a store, and what is claimed from it."""

from typing import NamedTuple

import msgspec

from actorbus._settlement import Failed
from actorbus.consuming._pauses import Pause


class Origin(NamedTuple):
    """Where a message is on its broker."""

    topic: str
    partition: int
    offset: int


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of a message, for one endpoint, on its way into the store.

    Make a changed one with `msgspec.structs.replace(copy, tenant="acme")`.
    """

    copy_id: str
    channel: str
    endpoint: str
    tenant: str = ""
    """"" is no tenant."""
    message_id: str
    type_name: str
    content_type: str
    headers: str
    """The user's headers as JSON text."""
    body: bytes
    correlation_id: str
    causation_id: str | None = None
    timestamp: float
    """Unix time at which the message was made."""
    priority: int = 0
    """Higher goes first."""
    delay: float = 0.0
    """Seconds until it is due; `deliver_at` wins."""
    deliver_at: float | None = None
    """Unix time at which it is due."""
    time_to_live: float | None = None
    """Seconds, from the time it is due, after which no handler starts on it."""
    deduplication_key: str | None = None
    """With it, a copy for the same endpoint that was sent before is not stored again."""
    on_failure: str | None = None
    """What its gateway says about failures, as JSON text; see `_failure_policy`."""
    failed: Failed | None = None
    """It has failed in a synchronous handler already, and is for an error channel."""
    forwarded: bool = False
    """It comes from another channel: its deduplication key was noted when it was sent."""
    ordering_key: str | None = None
    """Of one endpoint's copies with the same key one at a time is ready, in order of sending."""
    parked: str | None = None
    """Why it is held back: it is stored as parked, with this reason, until it is let go on."""
    for_endpoint: str | None = None
    """Of a message that waits in an outbox: the endpoint behind the broker. `endpoint` is the
    relay's then, and deduplication keys are this one's."""


class Claimed(msgspec.Struct, frozen=True):
    """A message in this process's hands, until it is settled or the lease runs out."""

    sequence: int
    """Place in the order of sending; never used twice."""
    epoch: int
    """Fencing token: grows whenever the message changes hands."""
    attempts: int
    """Handler starts before this one. The next start is number `attempts + 1`."""
    suspect: bool
    """True if a process ended uncleanly while it had this message; its start is counted already."""
    replays: int
    """How often it came back from the dead letters."""
    priority: int
    due_at: float
    expires_at: float | None
    """Unix time after which no handler may start on it."""
    enqueued_at: float
    copy_id: str
    channel: str
    endpoint: str
    tenant: str
    message_id: str
    type_name: str
    content_type: str
    correlation_id: str
    causation_id: str | None
    timestamp: float
    deduplication_key: str | None
    on_failure: str | None
    """What its gateway says about failures, as JSON text; see `_failure_policy`."""
    headers: str
    body: bytes
    handled: bool = False
    """Its endpoint has handled this deduplication key already: it is not to be started."""
    ordering_key: str | None = None
    """While it is claimed, no other message of its endpoint with this key is."""
    unread_bytes: int = 0
    """The length of a body that is larger than this process wants to read; `body` is empty then."""
    for_endpoint: str | None = None
    """The endpoint behind the broker that it is relayed to; None: it is handled from here."""
    origin: Origin | None = None
    """It comes from a broker: no row of the store is behind it (its sequence is 0). Its settlement
    notes in the inbox that it was dealt with, so that no other record of it is."""
    inbox_owner: str | None = None
    """The process that has received it from its broker."""

    @property
    def inbox_key(self) -> str:
        """What the inbox knows it by; no key for deduplication begins like this."""
        return f"message:{self.message_id}"


class Demand(NamedTuple):
    """What a channel can take now: up to `credit` messages, for these endpoints."""

    channel: str
    endpoint_ids: tuple[str, ...]
    tenant: str | None
    """"" is no tenant, None is any: those that wait take turns, after the one last served."""
    credit: int


class Received(NamedTuple):
    """What becomes of messages that came from a broker."""

    fresh: list[Claimed]
    """To be handled, by this process."""
    handled: list[Claimed]
    """Dealt with already: other records of them, or the same ones before."""
    busy: list[Claimed]
    """Being handled by another process: to be received again later."""
    stored: list[Claimed]
    """Behind others of their ordering key, which lie in the store: to be adopted."""


class Poll(NamedTuple):
    """What `Store.poll` noticed."""

    changed: bool
    """Messages came due here, or another process committed something since the last poll."""
    next_due: float | None
    """Unix time (`Store.now`) at which the next waiting message comes due or expires."""
    expired: int = 0
    """Messages whose time to live ran out now."""
    pauses: tuple[Pause, ...] = ()
    """What is paused now."""
    supervised: int = 0
    """How often the supervision of endpoints was changed so far, all together."""

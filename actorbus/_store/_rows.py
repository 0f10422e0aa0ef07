"""What a store tells those who operate it: processes, queues, dead letters, schedules."""

from dataclasses import dataclass

import msgspec

from actorbus._settlement import Failure


class ProcessInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who opens the store."""

    process_id: str
    """Unique for each start of each process."""
    bus: str
    host: str
    pid: int
    lease: float = 10.0
    """Seconds for which a lease holds after its last renewal."""
    largest_body: int = 2_147_483_647
    """Bytes. Of a larger body, which others may have sent, a claim reads only the length."""


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A process as the others see it."""

    process_id: str
    bus: str
    host: str
    pid: int
    started_at: float
    renewed_at: float
    """Unix time of the last renewal."""
    alive: bool
    """Its lease holds."""
    snapshot: str | None
    """What it published of itself (JSON), for `actorbus tree`."""
    snapshot_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """How much lies in the queue of one endpoint (of one tenant) on one channel."""

    channel: str
    endpoint: str
    tenant: str
    ready: int = 0
    waiting: int = 0
    claimed: int = 0
    held: int = 0
    """Behind another message of their ordering key."""
    parked: int = 0
    """Until someone lets them go on; also those held behind a dead letter."""
    dead: int = 0
    expired: int = 0
    """Since the store was made."""
    oldest_enqueued_at: float | None = None
    """Unix time; of those that are not dead."""


class ParkedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked messages are meant: those that match everything that is given."""

    channel: str | None = None
    tenant: str | None = None
    endpoint: str | None = None
    reason: str | None = None


class ParkedMessages(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one queue that are held back for the same reason."""

    channel: str
    tenant: str
    endpoint: str
    reason: str
    count: int
    oldest_enqueued_at: float
    """Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The deduplication keys that a store remembers."""

    sent: int
    """Noted when a message was sent."""
    handled: int
    """Noted when a message was handled, or sent through a gateway that deduplicates."""
    oldest_at: float | None
    """Unix time at which the oldest of them was noted."""
    forgotten: int
    """By this process since it started, after their retention."""


class DeadLetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter with what is needed to understand and to replay it."""

    number: int
    """Place in the order of their deaths: the `after` of the next page."""
    copy_id: str
    channel: str
    endpoint: str
    tenant: str
    message_id: str
    type_name: str
    content_type: str
    headers: str
    body: bytes
    """Empty in lists, unless they were asked for with bodies."""
    body_bytes: int
    """The length of the body as it is stored."""
    correlation_id: str
    causation_id: str | None
    timestamp: float
    priority: int
    enqueued_at: float
    died_at: float
    reason: str
    exception: str | None
    """Of the last attempt, as are the next two."""
    exception_message: str | None
    traceback: str | None
    attempts: int
    replays: int
    deduplication_key: str | None
    ordering_key: str | None = None
    for_endpoint: str | None = None
    """Of one that could not be relayed to a broker: the endpoint behind it."""
    failures: tuple[Failure, ...] = ()
    """All failed attempts, oldest first; filled by `dead_letter(copy_id)`, empty in lists."""


class StoredReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a query, on its way to the process that asked. Exactly one of two is set."""

    process_id: str
    """Who asked."""
    query_id: str
    body: bytes | None = None
    """The answer, encoded."""
    failure: tuple[str, str] | None = None
    """Type and text of the handler's exception."""
    expires_at: float
    """Unix time; nobody waits for it any more after that."""


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of a schedule: when it ticks next, and when it did. Unix times."""

    name: str
    definition: str
    """When it ticks, in words; another text means another plan."""
    channel: str
    anchor: float
    """From here an interval counts."""
    next_at: float
    """The planned time of the next tick."""
    fires_at: float
    """The same with its jitter: the tick is sent then."""
    ticks: int = 0
    """How many were sent."""
    last_at: float | None = None
    """The planned time of the last tick."""
    last_fired_at: float | None = None
    last_fired_by: str | None = None
    """The process that sent it: host and pid."""
    paused: bool = False
    version: int = 1
    """Grows by one with each change; see `Store.write_schedule`."""


class SupervisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was set of an endpoint's supervision while its bus ran."""

    endpoint: str
    settings: str
    """A JSON object; "{}" once it was reset."""
    changed_at: float
    """Unix time, as are all times here."""
    changed_by: str
    reason: str
    version: int = 1
    """Grows by one with each change; see `Store.write_supervision`."""


class SupervisionChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an endpoint's supervision, in the history."""

    endpoint: str
    version: int
    """The number of the change, for each endpoint from 1."""
    old_settings: str
    """What was set before, a JSON object."""
    new_settings: str
    changed_at: float
    changed_by: str
    reason: str


class DeadLetterGroup(msgspec.Struct, frozen=True):
    """How many dead letters are alike, and the times at which the first and the last died."""

    channel: str
    endpoint: str
    type_name: str
    reason: str
    exception: str | None
    count: int
    oldest: float
    newest: float


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: those that match everything that is given."""

    copy_ids: tuple[str, ...] | None = None
    channel: str | None = None
    endpoint: str | None = None
    tenant: str | None = None
    type_name: str | None = None
    message_id: str | None = None
    reason: str | None = None
    exception: str | None = None
    """Qualified name of the last exception's type."""
    died_after: float | None = None
    died_before: float | None = None
    up_to: int | None = None
    """The `number` of the last one that is meant: what dies later is not."""

"""What happens on a bus, as typed values on its system's event stream.

The runtime's own events (restarts, backoffs) are in `actors`. `path` is the actor's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.events import Event


@dataclass(frozen=True, slots=True)
class EndpointSick(Event):
    """An endpoint saw an outage, or its breaker opened: it asks for no work until a probe."""

    endpoint: str
    tenant: str
    cause: BaseException
    outages: int
    """How often this has happened to it, failed probes included."""


@dataclass(frozen=True, slots=True)
class EndpointHealthy(Event):
    """A probe succeeded: the endpoint asks for work again."""

    endpoint: str
    tenant: str


@dataclass(frozen=True, slots=True)
class MessageRetried(Event):
    """A handler failed; the message waits for its next attempt."""

    endpoint: str
    tenant: str
    copy_id: str
    message_id: str
    attempt: int
    delay: float
    exception: BaseException


@dataclass(frozen=True, slots=True)
class MessageDied(Event):
    """A message became a dead letter."""

    endpoint: str
    tenant: str
    copy_id: str
    message_id: str
    attempt: int
    reason: str
    exception: BaseException | None


@dataclass(frozen=True, slots=True)
class QueryRejected(Event):
    """The handler of a query from a channel failed; its asker was told, or waits no more."""

    endpoint: str
    tenant: str
    message_id: str
    exception: BaseException


@dataclass(frozen=True, slots=True)
class LateReply(Event):
    """The answer to a query came when nobody waited for it any more; it was dropped."""

    message_id: str


@dataclass(frozen=True, slots=True)
class MessageDiverted(Event):
    """A message failed for good and went to the handler of an error channel."""

    endpoint: str
    tenant: str
    copy_id: str
    message_id: str
    attempt: int
    reason: str
    error_channel: str
    exception: BaseException | None


@dataclass(frozen=True, slots=True)
class MessageParked(Event):
    """A stored message is held back now; `bus.parked` lists such ones and lets them go on."""

    endpoint: str
    tenant: str
    copy_id: str
    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class MessageNotProduced(Event):
    """A broker did not take a message of a channel declared `outbox=False`: it is lost."""

    endpoint: str
    tenant: str
    copy_id: str
    message_id: str
    channel: str
    exception: BaseException


@dataclass(frozen=True, slots=True)
class DeadLetterFailed(Event):
    """The store works, but refused a dead letter: the channel's `final_failure` was done."""

    endpoint: str
    tenant: str
    copy_id: str
    message_id: str
    channel: str
    policy: str
    """"release", "resend" or "stop": after that one the channel is paused. "none": the store
    refused that too, and the message stays this process's until it ends."""
    exception: BaseException


@dataclass(frozen=True, slots=True)
class SupervisionChanged(Event):
    """How an endpoint is supervised was set, or reset, in whatever process; it holds here now.

    `path` is the system's. The store keeps the history: `bus.supervision.history`.
    """

    endpoint: str
    changed_by: str
    changed_at: float
    """Unix time."""
    reason: str
    old: Mapping[str, Any]
    """What was set before, in place of what is declared, by the names of `SupervisionOptions`."""
    new: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SupervisionLeftOut(Event):
    """What was set of an endpoint's supervision does not go with what is declared now.

    It is supervised as declared until that is set anew, or reset.
    """

    endpoint: str
    changed_by: str
    settings: Mapping[str, Any]
    error: Exception


@dataclass(frozen=True, slots=True)
class RecordingEnded(Event):
    """A recording ended by itself: it reached a limit, or its file cannot be written any more.

    The bus goes on. `path` is the system's.
    """

    file: str
    ending: str
    """"limit" or "failed"."""
    events: int
    """How many are in the file."""
    dropped: int
    """How many are not, since the file could not be written as fast as they came."""
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class StoreTrouble(Event):
    """The store failed an actor of the delivery; it is tried again under the actor's backoff."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class BrokerTrouble(Event):
    """A channel's message broker does not answer, or refuses; it is tried again, with a backoff.

    What was fetched is handled meanwhile. A topic that is not there yet is such a trouble too.
    """

    channel: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class PartitionsAssigned(Event):
    """Partitions of a channel's topic are this process's now, after a rebalance of its group."""

    channel: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PartitionsRevoked(Event):
    """Partitions were handed over; `running` messages of them had not ended within the time."""

    channel: str
    partitions: tuple[int, ...]
    running: int


@dataclass(frozen=True, slots=True)
class BrokerRecovered(Event):
    """A channel's message broker answers again."""

    channel: str


@dataclass(frozen=True, slots=True)
class MessagesTakenBack(Event):
    """Messages of a process that ended uncleanly, or lost its lease, are ready again: suspects."""

    count: int


@dataclass(frozen=True, slots=True)
class MessagesParked(Event):
    """Messages are held back, and listed with the reason: no process has their endpoint."""

    channel: str
    endpoint: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class MessagesLetGo(Event):
    """Parked messages go on: this process has their endpoint."""

    channel: str
    endpoint: str
    count: int


@dataclass(frozen=True, slots=True)
class LeaseLost(Event):
    """This process's lease had run out, and others took back what it held.

    It was suspended, or too busy to renew it. What was begun is handled elsewhere as well, and its
    settlement here will be stale.
    """

    dropped: int
    """Claimed messages that had not begun here, and will not."""


@dataclass(frozen=True, slots=True)
class ChannelStalled(Event):
    """A channel with ready messages and room for them claimed nothing for `seconds`; restarted."""

    channel: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TicksMissed(Event):
    """Ticks of a schedule were left out: no process was there to send them at their time."""

    schedule: str
    left_out: int
    sent: int
    """How many of those that had been missed were sent all the same."""
    policy: str


@dataclass(frozen=True, slots=True)
class TenantStarted(Event):
    """A tenant's channel was made."""

    channel: str
    tenant: str


@dataclass(frozen=True, slots=True)
class TenantEnded(Event):
    """A tenant's channel was idle and has ended."""

    channel: str
    tenant: str


@dataclass(frozen=True, slots=True)
class TenantsNotRefreshed(Event):
    """A channel's `tenants=` function failed: those known before stay known; it is tried again."""

    channel: str
    exception: BaseException
    delay: float
    """Seconds until then."""


@dataclass(frozen=True, slots=True)
class TenantOptionsFailed(Event):
    """A channel's `tenant_options=` function failed: the tenant has the channel's options."""

    channel: str
    tenant: str
    exception: BaseException


@dataclass(frozen=True, slots=True)
class ThrottleFailed(Event):
    """A channel's `throttle=` function failed: nothing is taken until it was asked again."""

    channel: str
    tenant: str
    exception: BaseException
    delay: float
    """Seconds until then."""

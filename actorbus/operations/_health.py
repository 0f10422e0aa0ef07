"""How a running bus is: per channel, endpoint and tenant; and whether it makes progress."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

import trio

from actorbus._store import Connected, QueueStatistics, Remembered, Store, StoreError
from actorbus.channels._desk import Desk, Endpoint, intake_path
from actorbus.channels.kafka._desk import KafkaDesk
from actorbus.consuming._pauses import Pause, Paused
from actorbus.distributed._counts import DistributedCounts
from actorbus.endpoints._synchronous import Calls
from actorbus.endpoints._workload import Counts, Workload
from actors import ActorSnapshot, ActorSystem


class Condition(StrEnum):
    """One word for an endpoint, a channel or the bus; the worst of its parts."""

    HEALTHY = "healthy"
    PROBING = "probing"
    SICK = "sick"
    STORE_TROUBLE = "store trouble"
    BROKER_TROUBLE = "broker trouble"


_WORST_FIRST = (
    Condition.STORE_TROUBLE,
    Condition.BROKER_TROUBLE,
    Condition.SICK,
    Condition.PROBING,
)


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """One asynchronous endpoint of this process, or one tenant's; counts are since its start."""

    channel: str
    endpoint: str
    tenant: str
    condition: Condition
    restarts: int
    running: int
    in_flight: int
    """Claimed and not settled: unstarted, running and uncommitted ones."""
    started: int
    handled: int
    retried: int
    released: int
    dead: int
    diverted: int
    """Handed to the handler of an error channel."""
    expired: int
    parked: int
    stale: int
    run_again: int
    outages: int
    ready: int
    """In the store, for any process."""
    waiting: int
    oldest_enqueued_at: float | None
    concurrency: int = 0
    """How many may run at once, now: it changes with `concurrency=ByLoad(...)`."""
    relayed: int = 0
    """Taken from an outbox to a broker."""
    throttled_for: float | None = None
    """Seconds for which messages have waited for a permit of `rate_limit=`; None if none does."""
    next_permit_in: float | None = None
    """Seconds until the next permit, while throttled."""


COUNTED = tuple(
    {count.name for count in fields(Counts)} & {shown.name for shown in fields(EndpointHealth)}
)
"""The counts of a workload that are part of its endpoint's health."""


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """How a channel's message broker is, as this process sees it."""

    trouble: str | None
    """What is wrong with it, or on the way to it; None if it answers."""
    partitions: int
    """How many of the topic's partitions this process has now."""
    in_hand: int
    """Messages that were fetched and are not dealt with."""
    left: int | None
    """Records on these partitions that were not fetched, a short while ago; None: not known."""


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """One channel that this process consumes."""

    channel: str
    condition: Condition
    intake_restarts: int
    claimed: int
    endpoints: tuple[EndpointHealth, ...]
    paused: tuple[Pause, ...] = ()
    """What of it is paused, by whom it may concern; a pause is no illness."""
    broker: BrokerHealth | None = None
    """None: it is on the store alone."""


@dataclass(frozen=True, slots=True)
class SynchronousHealth:
    """One synchronous endpoint: what became of its calls in this process."""

    endpoint: str
    succeeded: int
    failed: int
    failures_in_a_row: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class BusHealth:
    """A running bus at one moment. `queues` are None while the store does not answer."""

    condition: Condition
    store_error: str | None
    channels: tuple[ChannelHealth, ...]
    synchronous: tuple[SynchronousHealth, ...]
    queues: tuple[QueueStatistics, ...] | None
    distributed: DistributedCounts = field(default_factory=DistributedCounts)
    """What passed between this service and others, in this process."""
    remembered: Remembered | None = None
    """The deduplication keys in the store; None while it does not answer."""
    database: dict[str, int | str | bool] = field(default_factory=dict)
    """What goes on between this process and a database server, by name: connections in use and
    thrown away, whether it listens or only polls (behind a pooler), what came too late. Empty for
    a store that is a file."""

    @property
    def is_healthy(self) -> bool:
        """Whether everything is."""
        return self.condition is Condition.HEALTHY


async def look(
    store: Store,
    system: ActorSystem,
    desks: Sequence[Desk],
    calls: Iterable[Calls],
    *,
    distributed: DistributedCounts,
    paused: Paused,
) -> BusHealth:
    """Return the health of a bus. A failing store is part of the answer, not an error."""
    queues, remembered, error = await _stored(store)
    actors = {actor.path: actor for actor in system.tree().walk()}
    channels = tuple(
        _channel(desk, actors, queues or [], system.name, paused.of(desk.channel.name))
        for desk in desks
    )
    conditions = [channel.condition for channel in channels]
    if error is not None:
        conditions.append(Condition.STORE_TROUBLE)
    return BusHealth(
        condition=worst(conditions),
        store_error=None if error is None else repr(error),
        channels=channels,
        synchronous=tuple(map(_synchronous, calls)),
        queues=None if queues is None else tuple(queues),
        distributed=replace(distributed),
        remembered=remembered,
        database=dict(store.connection_statistics()) if isinstance(store, Connected) else {},
    )


def worst(conditions: Iterable[Condition]) -> Condition:
    """Return the worst of the conditions."""
    found = set(conditions)
    return next((one for one in _WORST_FIRST if one in found), Condition.HEALTHY)


async def _stored(
    store: Store,
) -> tuple[list[QueueStatistics] | None, Remembered | None, StoreError | None]:
    try:
        return await store.statistics(), await store.remembered(), None
    except StoreError as error:
        return None, None, error


def _channel(
    desk: Desk,
    actors: dict[str, ActorSnapshot],
    queues: Iterable[QueueStatistics],
    root: str,
    paused: tuple[Pause, ...],
) -> ChannelHealth:
    by_key = {(queue.channel, queue.endpoint, queue.tenant): queue for queue in queues}
    endpoints = tuple(_endpoint(one, actors, by_key) for one in desk.all_endpoints())
    intake = actors.get(intake_path(desk, root))
    broker = _broker(desk) if isinstance(desk, KafkaDesk) else None
    conditions = [endpoint.condition for endpoint in endpoints]
    if broker is not None and broker.trouble is not None:
        conditions.append(Condition.BROKER_TROUBLE)
    return ChannelHealth(
        channel=desk.channel.name,
        condition=worst(conditions),
        intake_restarts=0 if intake is None else intake.restarts,
        claimed=desk.claimed,
        endpoints=endpoints,
        paused=paused,
        broker=broker,
    )


def _broker(desk: KafkaDesk) -> BrokerHealth:
    return BrokerHealth(
        trouble=None if desk.trouble is None else repr(desk.trouble),
        partitions=len(desk.partitions),
        in_hand=len(desk.deliveries),
        left=desk.left,
    )


def _endpoint(
    endpoint: Endpoint,
    actors: dict[str, ActorSnapshot],
    queues: dict[tuple[str, str, str], QueueStatistics],
) -> EndpointHealth:
    workload = endpoint.workload
    plan = workload.plan
    actor = actors.get(plan.path)
    queue = queues.get((plan.channel, plan.spec.endpoint_id, plan.tenant))
    counts: dict[str, Any] = {name: getattr(workload.counts, name) for name in COUNTED}
    return EndpointHealth(
        channel=plan.channel,
        endpoint=plan.spec.endpoint_id,
        tenant=plan.tenant,
        condition=Condition(workload.health),
        restarts=0 if actor is None else actor.restarts,
        running=len(workload.running),
        in_flight=workload.held,
        outages=workload.outage.outages,
        ready=0 if queue is None else queue.ready,
        waiting=0 if queue is None else queue.waiting,
        oldest_enqueued_at=None if queue is None else queue.oldest_enqueued_at,
        concurrency=workload.concurrency,
        **_throttling(workload, 0 if queue is None else queue.ready),
        **counts,
    )


def _throttling(workload: Workload, ready: int) -> dict[str, Any]:
    since = workload.throttled_since
    if since is None or not ready:
        return {}
    return {
        "throttled_for": trio.current_time() - since,
        "next_permit_in": workload.permitted_in(),
    }


def _synchronous(calls: Calls) -> SynchronousHealth:
    return SynchronousHealth(
        endpoint=calls.spec.endpoint_id,
        succeeded=calls.succeeded,
        failed=calls.failed,
        failures_in_a_row=calls.failures_in_a_row,
        last_error=calls.last_error,
    )

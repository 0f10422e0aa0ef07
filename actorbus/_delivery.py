"""Start and stop everything that moves messages: the store's actors, channels, endpoints.

/store/...                      what the store needs again and again (`_poller`)
/channels/<channel>             a store channel: its intake, an actor per endpoint
/channels/<channel>/<tenant>    below a dynamic channel's router: a channel per tenant
/endpoints/<endpoint>           synchronous endpoints
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import trio

from actorbus._bus_events import LeaseLost, MessagesTakenBack
from actorbus._channel import Channel, DynamicChannel
from actorbus._dispatch import Dispatch
from actorbus._handlers import HandlerSpec
from actorbus._log import log_events
from actorbus._message import Headers
from actorbus._poller import Alarm, Polling, Task, store_spec
from actorbus._replies import Replies
from actorbus._store import Store
from actorbus._unit_of_work import UnitOfWork
from actorbus.channels._channels import channel_spec, lasting
from actorbus.channels._desk import Desk, Endpoint, EndpointFactory, StoreDesk
from actorbus.channels._tenant_desk import TenantDesk
from actorbus.distributed._counts import DistributedCounts
from actorbus.endpoints._plan import actor_name
from actorbus.endpoints._synchronous import Calls, SynchronousEndpoint
from actorbus.endpoints._workers import Slice
from actorbus.endpoints._workload import Counts
from actorbus.operations._health import BusHealth, look
from actorbus.operations._snapshot import snapshot_text
from actorbus.operations._watch import ProgressWatch
from actors import ActorSystem, Supervisor
from actors.events import Event
from supervisors import ChildSpec, OneForOne

logger = logging.getLogger("actorbus")

MOST_PAUSE = 0.1
"""Seconds between two polls of a quiet store, at most: how late another process's message is."""

MOST_PAUSE_ALONE = 1.0
"""The same for a store that no other process uses: how late a delay may be that was just sent."""

LEAST_PAUSE = 0.01
"""Seconds between two polls at least: how late a retry may be that comes due after others."""

WATCH_EVERY = 5.0
IDLE_LOOK_EVERY = 0.02
SNAPSHOT_EVERY = 2.0
PURGE_EVERY = 60.0


class BusRuntime(Protocol):
    """What the delivery needs of a running bus. All of it is used on the trio side."""

    @property
    def system(self) -> ActorSystem: ...
    @property
    def store(self) -> Store: ...
    @property
    def dispatch(self) -> Dispatch: ...
    @property
    def seed(self) -> int | None:
        """What jitter is drawn from; None for a different one in each run."""
        ...

    @property
    def lease(self) -> float:
        """Seconds for which the process's lease holds after its last renewal."""
        ...

    @property
    def counts(self) -> Counts:
        """The counts of all endpoints together, which outlive the run."""
        ...

    @property
    def distributed_counts(self) -> DistributedCounts:
        """The counts of what passes between services."""
        ...

    @property
    def channels(self) -> Sequence[Channel]:
        """The declared channels that this process consumes."""
        ...

    @property
    def replies(self) -> Replies | None:
        """The answers to queries; None where no channel carries queries."""
        ...

    def endpoints_of(self, channel: str) -> Sequence[HandlerSpec]:
        """Return the asynchronous handlers on this channel, in declared order."""
        ...

    def channel(self, name: str) -> Channel:
        """Return a declared channel, consumed here or not."""
        ...

    def synchronous(self) -> Sequence[HandlerSpec]:
        """Return the handlers without a channel, queries included."""
        ...

    def unit_of_work(self, owner: str, headers: Headers, *, alone: bool) -> UnitOfWork:
        """Make the unit of work of one message; `alone`: its turn is a commit of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A message that was begun and not finished when the bus stopped. It is ready for others."""

    endpoint: str
    copy_id: str
    message_id: str


class Surroundings:
    """What the parts of the delivery see of the bus, and of each other."""

    def __init__(self, runtime: BusRuntime) -> None:
        self.store = runtime.store
        self.dispatch = runtime.dispatch
        self.channel = runtime.channel
        self.unit_of_work = runtime.unit_of_work
        self.counts = runtime.counts
        self.replies = runtime.replies
        self.desks: tuple[Desk, ...] = ()
        self.alarm = Alarm(rest=LEAST_PAUSE)
        self.lease_alarm = Alarm()
        self._stood_still = False
        self._events = runtime.system.events

    def publish(self, event: Event) -> None:
        """Put an event on the system's stream."""
        self._events.publish(event)

    def due_in(self, delay: float) -> None:
        """Have the poller look again in `delay` seconds, at the latest."""
        self.alarm.due_in(delay)

    def lease_holds(self) -> bool:
        """Whether messages may be started. If the lease has run out it is renewed at once."""
        if self.store.lease_holds:
            return True
        self._stood_still = True
        self.lease_alarm.due_in(0)
        return False

    def stood_still(self) -> bool:
        """Return whether the lease was found to have run out since the last call."""
        stood_still, self._stood_still = self._stood_still, False
        return stood_still

    def wake_channels(self) -> None:
        """Have every channel look for messages."""
        for desk in self.desks:
            desk.bell.wake()


class Delivery:
    """What runs once the bus does; `start_delivery` makes it."""

    def __init__(self, runtime: BusRuntime) -> None:
        self._runtime = runtime
        self._system = runtime.system
        self._store = runtime.store
        self._surroundings = Surroundings(runtime)
        self._by_name = {channel.name: self._desk(channel) for channel in runtime.channels}
        self._surroundings.desks = tuple(self._by_name.values())
        self.calls = {spec.endpoint_id: Calls(spec) for spec in runtime.synchronous()}
        self.counts = runtime.counts
        self._slice = Slice()
        self._snapshots = Alarm()

    @property
    def desks(self) -> tuple[Desk, ...]:
        """The desks of the channels that this process consumes."""
        return self._surroundings.desks

    @property
    def endpoints(self) -> list[Endpoint]:
        """The asynchronous endpoints that there are now, tenants' included."""
        return [endpoint for desk in self.desks for endpoint in desk.all_endpoints()]

    def report(self, spec: HandlerSpec, error: BaseException | None) -> None:
        """Take the outcome of a synchronous call to its endpoint's actor. Never blocks."""
        self.calls[spec.endpoint_id].note(error)

    async def health(self) -> BusHealth:
        """Return how everything is. A failing store is part of the answer, not an error."""
        calls, distributed = self.calls.values(), self._runtime.distributed_counts
        return await look(self._store, self._system, self.desks, calls, distributed)

    async def idle(self) -> None:
        """Return when nothing that is consumed here is ready, due or in hand.

        Messages that wait for a later time do not count, nor do those of endpoints that this
        process does not have. Raises the store's errors.
        """
        # Counts change in many places, all of them hot; looking now and then is cheap enough.
        while self._holds_messages() or await self._has_ready_messages():  # noqa: ASYNC110  # polled with others
            await trio.sleep(IDLE_LOOK_EVERY)

    def _holds_messages(self) -> bool:
        return any(endpoint.workload.held for endpoint in self.endpoints)

    async def _has_ready_messages(self) -> bool:
        if (await self._store.poll()).changed:  # the poller will not hear of it any more
            self._surroundings.wake_channels()
        here = self._consumed()
        queues = await self._store.statistics()
        return any(
            queue.ready + queue.claimed
            for queue in queues
            if queue.endpoint in here.get(queue.channel, ())
        )

    # -- start ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Spawn all actors; returns when the top ones have started."""
        self._store.on_ready(self._wake)
        specs = [store_spec(self._tasks(), self._surroundings.publish)]
        specs.append(self._family("endpoints", self._synchronous()))
        channels = [channel_spec(self._surroundings, desk, self._slice) for desk in self.desks]
        specs.append(self._family("channels", channels))
        for spec in specs:
            await self._system.spawn(spec).started()
        self._snapshots.due_in(0)  # the first was written before there were channels

    def _desk(self, channel: Channel) -> Desk:
        factory = EndpointFactory(
            self._surroundings,
            channel,
            self._runtime.endpoints_of(channel.name),
            root=self._system.name,
            seed=self._runtime.seed,
        )
        if isinstance(channel, DynamicChannel):
            return TenantDesk(factory, channel)
        return StoreDesk(factory)

    def _family(self, name: str, children: Iterable[ChildSpec]) -> ChildSpec:
        return ChildSpec(
            Supervisor,
            kwargs={"strategy": OneForOne(max_restarts=None), "children": list(children)},
            name=name,
            restart="permanent",
        )

    def _synchronous(self) -> list[ChildSpec]:
        return [
            lasting(SynchronousEndpoint, calls, name=actor_name(endpoint_id))
            for endpoint_id, calls in self.calls.items()
        ]

    def _wake(self, channels: Collection[str]) -> None:
        for name in channels:
            desk = self._by_name.get(name)
            if desk is not None:
                desk.bell.wake()

    # -- what is done again and again -------------------------------------------------------

    def _tasks(self) -> dict[str, tuple[Task, Alarm]]:
        surroundings, lease = self._surroundings, self._runtime.lease
        shared = self._store.is_shared
        polling = Polling(
            self._store,
            surroundings.wake_channels,
            surroundings.replies,
            at_least=LEAST_PAUSE,
            at_most=MOST_PAUSE if shared else MOST_PAUSE_ALONE,
        )
        watch = ProgressWatch(self._store, self._system, self.desks)
        tasks = {
            "poller": (Task("poller", polling), surroundings.alarm),
            "lease": (_each(lease / 4, "lease", self._keep_lease), surroundings.lease_alarm),
            "watch": (_each(WATCH_EVERY, "watch", watch.look), Alarm()),
            "snapshots": (
                _each(SNAPSHOT_EVERY, "snapshots", self._publish_snapshot),
                self._snapshots,
            ),
            "purge": (_each(PURGE_EVERY, "purge", self._purge), Alarm()),
        }
        if surroundings.replies is not None:
            surroundings.replies.hurry = partial(surroundings.due_in, LEAST_PAUSE)
        elif not self.desks:
            return {name: tasks[name] for name in ("lease", "snapshots")}
        return tasks

    async def _keep_lease(self) -> None:
        path, publish = f"{self._system.name}/store/lease", self._surroundings.publish
        if not await self._store.renew():
            dropped = sum(endpoint.workload.forget() for endpoint in self.endpoints)
            publish(LeaseLost(path, trio.current_time(), dropped))
        if self._surroundings.stood_still():
            self._go_on()
        count = await self._store.take_back()
        if count:
            publish(MessagesTakenBack(path, trio.current_time(), count))
            self._surroundings.wake_channels()

    def _go_on(self) -> None:
        """Wake what stood still while there was no lease."""
        for endpoint in self.endpoints:
            endpoint.workload.notify()
        self._surroundings.wake_channels()

    async def _publish_snapshot(self) -> None:
        text = snapshot_text(self._system, self.endpoints, self._consumed())
        await self._store.publish_process(text)

    def _consumed(self) -> dict[str, list[str]]:
        """Return the endpoint ids whose messages are taken here, by channel."""
        return {
            name: [
                id_
                for spec in self._runtime.endpoints_of(name)
                for id_ in (spec.endpoint_id, *spec.aliases)
            ]
            for name in self._by_name
        }

    async def _purge(self) -> None:
        await self._store.purge()

    # -- stop -------------------------------------------------------------------------------

    async def stop(self, timeout: float) -> Collection[Unfinished]:
        """Stop taking messages, finish what was begun, release the rest; return what was cut.

        Takes at most `timeout` seconds and what the cancelled handlers need to end. Messages whose
        release cannot be written, because the store fails, become ready when it is closed, or
        when the lease has run out.
        """
        until = trio.current_time() + timeout
        for desk in self.desks:
            desk.close()
        cut = _Cut(self.endpoints)
        with trio.move_on_at(until):
            await cut.drained()
        cut.note_running()
        await self._stop_actors()
        with trio.move_on_at(max(until, trio.current_time() + 1.0)):
            await cut.settled()
        for one in cut.unfinished:
            logger.warning("not finished: %s of %s", one.copy_id, one.endpoint)
        return cut.unfinished

    async def _stop_actors(self) -> None:
        for name in ("channels", "endpoints", "store"):
            ref = self._system[name]
            ref.stop(block=False)
            await ref.terminated()


class _Cut:
    """The endpoints at the end: closed, drained, and asked what they did not finish."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self.unfinished: list[Unfinished] = []

    async def drained(self) -> None:
        """Wait until nothing runs, and everything is settled."""
        await self._until(lambda workload: not workload.running and not workload.uncommitted)

    async def settled(self) -> None:
        """Wait until everything is settled."""
        await self._until(lambda workload: not workload.uncommitted)

    def note_running(self) -> None:
        """Remember what runs still, and will be cancelled."""
        for endpoint in self._endpoints:
            workload = endpoint.workload
            name = workload.plan.spec.endpoint_id
            for claimed in workload.running.values():
                self.unfinished.append(Unfinished(name, claimed.copy_id, claimed.message_id))

    async def _until(self, done: Callable[..., bool]) -> None:
        # The counts change in many places, all of them hot; at the end looking is cheap enough.
        while not all(done(endpoint.workload) for endpoint in self._endpoints):  # noqa: ASYNC110  # no bell
            await trio.sleep(0.005)


def _each(interval: float, name: str, work: Callable[[], Awaitable[None]]) -> Task:
    async def once() -> float:
        await work()
        return interval

    return Task(name, once)


async def start_delivery(runtime: BusRuntime) -> Delivery:
    """Spawn /store, /channels and /endpoints; returns when they have started."""
    log_events(runtime.system.events)
    delivery = Delivery(runtime)
    await delivery.start()
    return delivery

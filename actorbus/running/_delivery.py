"""Start and stop everything that moves messages: the store's actors, channels, endpoints.

/store/...                      what the store needs again and again (`_poller`)
/channels/<channel>             a store channel: its intake, an actor per endpoint
/channels/<channel>/<tenant>    below a dynamic channel's router: a channel per tenant
/endpoints/<endpoint>           synchronous endpoints
"""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from math import inf
from typing import Any, Protocol

import trio

from actorbus._bus_events import LeaseLost, MessagesTakenBack
from actorbus._store import Store
from actorbus._user_calls import UserCalls
from actorbus.channels._allowance import Allowance
from actorbus.channels._channels import channel_spec, lasting
from actorbus.channels._desk import Desk, Endpoint, EndpointFactory, StoreDesk
from actorbus.channels._family import Channels, StartChannel, StopChannel
from actorbus.channels._registrar import Registrar
from actorbus.channels._routers import router_spec
from actorbus.channels._tenant_desk import TenantDesk
from actorbus.consuming._consumption import Consumption
from actorbus.consuming._limits import Limits
from actorbus.consuming._limits import Unfinished as Unfinished
from actorbus.consuming._pauses import Pause, Paused
from actorbus.consuming._winding_up import wind_up
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._routed_channel import Routing
from actorbus.distributed._counts import DistributedCounts
from actorbus.distributed._elsewhere import Reached
from actorbus.endpoints._plan import actor_name
from actorbus.endpoints._synchronous import Calls, SynchronousEndpoint
from actorbus.endpoints._workers import Slice
from actorbus.endpoints._workload import Counts
from actorbus.gateways._way import Receipt
from actorbus.handling._dispatch import Dispatch
from actorbus.messages._message import Headers
from actorbus.operations._health import BusHealth, look
from actorbus.operations._log import log_events
from actorbus.operations._log_tenants import log_tenants
from actorbus.operations._snapshot import snapshot_text
from actorbus.operations._unknown import UnknownEndpoints
from actorbus.operations._watch import ProgressWatch
from actorbus.running._pace import Pace
from actorbus.running._poller import Alarm, Polling, Task, store_spec
from actorbus.schedules._scheduler import Scheduler
from actorbus.sending._placing import Places
from actorbus.sending._replies import Replies
from actorbus.transactions._unit_of_work import UnitOfWork
from actors import ActorRef, ActorSystem, Supervisor
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
    def pace(self) -> Pace | None:
        """How often the store is looked after, if not as usual."""
        ...

    @property
    def deduplicate_for(self) -> float | None:
        """Seconds for which deduplication keys are remembered; None leaves it to the store."""
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
    def reaches(self) -> Sequence[Reached]:
        """The endpoints that other services reach."""
        ...

    @property
    def distributed_counts(self) -> DistributedCounts:
        """The counts of what passes between services."""
        ...

    @property
    def scheduler(self) -> Scheduler | None:
        """What sends the ticks of schedules, if there are any."""
        ...

    @property
    def channels(self) -> Sequence[Channel]:
        """The declared channels that this process consumes from its start on."""
        ...

    @property
    def limits(self) -> Limits:
        """What ends their consumption."""
        ...

    @property
    def prioritised(self) -> bool:
        """Whether a channel waits while those before it have something ready."""
        ...

    @property
    def replies(self) -> Replies | None:
        """The answers to queries; None where no channel carries queries."""
        ...

    @property
    def declared_channels(self) -> Sequence[Channel | Routing]:
        """All declared channels, consumed here or not."""
        ...

    @property
    def user_calls(self) -> UserCalls:
        """What calls functions of the program's."""
        ...

    async def store_message(self, channel: str, message: Any) -> Receipt:
        """Store a message on a channel, as a gateway would."""
        ...

    def endpoints_of(self, channel: str) -> Sequence[HandlerSpec]:
        """Return the asynchronous handlers on this channel, in declared order."""
        ...

    @property
    def places(self) -> Places:
        """Where messages are stored that are sent on a channel."""
        ...

    def error_endpoint(self, channel: str) -> str | None:
        """Return the endpoint id of a channel's error handler; None if it has none here."""
        ...

    def synchronous(self) -> Sequence[HandlerSpec]:
        """Return the handlers without a channel, queries included."""
        ...

    def unit_of_work(self, owner: str, headers: Headers, *, alone: bool) -> UnitOfWork:
        """Make the unit of work of one message; `alone`: its turn is a commit of its own."""
        ...


class Surroundings:
    """What the parts of the delivery see of the bus, and of each other."""

    def __init__(self, runtime: BusRuntime) -> None:
        self.store = runtime.store
        self.dispatch = runtime.dispatch
        self.places = runtime.places
        self.user_calls = runtime.user_calls
        self.error_endpoint = runtime.error_endpoint
        self.unit_of_work = runtime.unit_of_work
        self.counts = runtime.counts
        self.replies = runtime.replies
        self.desks: tuple[Desk, ...] = ()
        self.paused = Paused()
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

    async def pause_channel(self, channel: str, reason: str) -> None:
        """Have no process take a channel's messages until it is resumed."""
        await self.store.pause(Pause(channel, "", self.store.now(), None, reason))
        self.heed(tuple(await self.store.pauses()))

    def heed(self, pauses: tuple[Pause, ...]) -> None:
        """Hold what is paused now; let go on what is not any more."""
        if pauses != self.paused.pauses and self.paused.change(pauses):
            for desk in self.desks:
                desk.heed(self.paused)


class Delivery:
    """What runs once the bus does; `start_delivery` makes it."""

    def __init__(self, runtime: BusRuntime) -> None:
        self._runtime = runtime
        self._system = runtime.system
        self._store = runtime.store
        self._surroundings = Surroundings(runtime)
        self._slice = Slice()
        self._by_name: dict[str, Desk] = {}
        self._specs: list[ChildSpec] = []
        self.consumption = self._consume(
            runtime.channels, runtime.limits, prioritised=runtime.prioritised
        )
        self.calls = {spec.endpoint_id: Calls(spec) for spec in runtime.synchronous()}
        self.counts = runtime.counts
        self._registrars = {
            channel.name: Registrar(
                self._surroundings, channel, f"{self._system.name}/routers/{channel.name}"
            )
            for channel in runtime.declared_channels
        }
        self._snapshots = Alarm()
        self._ticking = Alarm()
        self._scheduler = runtime.scheduler
        if self._scheduler is not None:
            self._scheduler.consumed = self._by_name.keys()
        self._rare = [Alarm(), Alarm(), Alarm()]
        self._ending = trio.Lock()
        self.stopping = trio.Event()
        self._closed = False

    @property
    def desks(self) -> tuple[Desk, ...]:
        """The desks of the channels that this process consumes."""
        return self._surroundings.desks

    @property
    def endpoints(self) -> list[Endpoint]:
        """The asynchronous endpoints that there are now, tenants' included."""
        return [endpoint for desk in self.desks for endpoint in desk.all_endpoints()]

    def look_at_schedules(self) -> None:
        """Have the scheduler look again: somebody has changed a plan."""
        self._ticking.due_in(0)

    def due_in(self, delay: float) -> None:
        """Have the poller look again in `delay` seconds, at the latest."""
        self._surroundings.due_in(delay)

    def report(self, spec: HandlerSpec, error: BaseException | None) -> None:
        """Take the outcome of a synchronous call to its endpoint's actor. Never blocks."""
        self.calls[spec.endpoint_id].note(error)

    def router(self, channel: str) -> ActorRef[Any]:
        """Return the actor that stores what it is told on a channel."""
        found: ActorRef[Any] = self._system[f"routers/{actor_name(channel)}"]
        return found

    async def refresh_tenants(self, channel: str) -> None:
        """Ask who a dynamic channel's tenants are, and let go on what was parked for them."""
        registrar = self._registrars[channel]
        await registrar.load()
        await registrar.reconsider()

    async def health(self) -> BusHealth:
        """Return how everything is. A failing store is part of the answer, not an error."""
        calls, distributed = self.calls.values(), self._runtime.distributed_counts
        return await look(
            self._store,
            self._system,
            self.desks,
            calls,
            distributed=distributed,
            paused=self.paused,
        )

    async def idle(self) -> None:
        """Return when nothing that is consumed here is ready, due or in hand.

        Messages that wait for a later time do not count, nor do those that are paused or of
        endpoints that this process does not have, nor what is left once `stop` was called. Raises
        the store's errors.
        """
        # Counts change in many places, all of them hot; looking now and then is cheap enough.
        while self._holds_messages() or (not self._closed and await self._has_ready_messages()):  # noqa: ASYNC110  # polled with others
            await trio.sleep(IDLE_LOOK_EVERY)

    def _holds_messages(self) -> bool:
        if self._scheduler is not None and self._scheduler.is_behind:
            return True
        return any(endpoint.workload.held for endpoint in self.endpoints)

    async def _has_ready_messages(self) -> bool:
        if (await self._store.poll()).changed:  # the poller will not hear of it any more
            self._surroundings.wake_channels()
        here = self._consumed()
        queues = await self._store.statistics()
        paused = self._surroundings.paused
        return any(
            queue.ready + queue.claimed
            for queue in queues
            if queue.endpoint in here.get(queue.channel, ())
            and not paused.holds(queue.channel, [queue.endpoint])
        )

    # -- start ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Spawn all actors; returns when the top ones have started."""
        self._store.on_ready(self._wake)
        self._surroundings.heed(tuple(await self._store.pauses()))
        for registrar in self._registrars.values():
            await registrar.load()
        specs = [store_spec(self._tasks(), self._surroundings.publish)]
        specs.append(self._family("endpoints", self._synchronous()))
        specs.append(self._family("channels", self._specs, Channels))
        specs.append(self._family("routers", self._routers()))
        for spec in specs:
            await self._system.spawn(spec).started()
        self._snapshots.due_in(0)  # the first was written before there were channels

    def _consume(
        self, channels: Sequence[Channel], limits: Limits, *, prioritised: bool
    ) -> Consumption:
        """Make the desks of channels, and the specs of their actors."""
        consumption = Consumption(
            channels,
            self._desk,
            self._surroundings.lease_holds,
            messages=limits.messages,
            prioritised=prioritised,
        )
        self._by_name.update((desk.channel.name, desk) for desk in consumption.desks)
        self._specs += [self._spec(desk) for desk in consumption.desks]
        self._surroundings.desks = tuple(self._by_name.values())
        return consumption

    def _spec(self, desk: Desk) -> ChildSpec:
        return channel_spec(self._surroundings, desk, self._slice)

    def _desk(
        self, channel: Channel, may_start: Callable[[], bool], allowance: Allowance | None
    ) -> Desk:
        factory = EndpointFactory(
            self._surroundings,
            channel,
            self._runtime.endpoints_of(channel.name),
            root=self._system.name,
            seed=self._runtime.seed,
            may_start=may_start,
            allowance=allowance,
        )
        if isinstance(channel, DynamicChannel):
            return TenantDesk(factory, channel)
        return StoreDesk(factory)

    def _family(
        self, name: str, children: list[ChildSpec], kind: type[Supervisor] = Supervisor
    ) -> ChildSpec:
        return ChildSpec(
            kind,
            kwargs={"strategy": OneForOne(max_restarts=None), "children": children},
            name=name,
            restart="permanent",
        )

    def _routers(self) -> list[ChildSpec]:
        return [
            router_spec(name, self._runtime.store_message, registrar)
            for name, registrar in self._registrars.items()
        ]

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
        most_pause = MOST_PAUSE if self._store.is_shared else MOST_PAUSE_ALONE
        pace = self._runtime.pace or Pace(
            most_pause, WATCH_EVERY, SNAPSHOT_EVERY, PURGE_EVERY, lease
        )
        polling = Polling(
            self._store,
            surroundings.wake_channels,
            surroundings.heed,
            surroundings.replies,
            at_least=LEAST_PAUSE,
            at_most=pace.poll,
        )
        watch = ProgressWatch(self._store, self._system, lambda: self.desks)
        watch_alarm, purge_alarm, unknown_alarm = self._rare
        path, publish = f"{self._system.name}/store/unknown", surroundings.publish
        unknown = UnknownEndpoints(self._store, self._consumed, publish, path)
        tasks = {
            "poller": (self._if_consuming(Task("poller", polling)), surroundings.alarm),
            "lease": (_each(lease / 4, "lease", self._keep_lease), surroundings.lease_alarm),
            "watch": (
                self._if_consuming(_each(pace.watch, "watch", watch.look)),
                watch_alarm,
            ),
            "snapshots": (
                Task("snapshots", partial(self._publish_in_measure, pace.snapshots)),
                self._snapshots,
            ),
            "unknown": (
                self._if_consuming(_each(pace.watch, "unknown", unknown.look)),
                unknown_alarm,
            ),
            "purge": (
                self._if_consuming(_each(pace.purge, "purge", self._purge)),
                purge_alarm,
            ),
        }
        if self._scheduler is not None:
            task = self._if_consuming(Task("scheduler", self._scheduler))
            tasks["scheduler"] = task, self._ticking
        if surroundings.replies is not None:
            surroundings.replies.hurry = partial(surroundings.due_in, LEAST_PAUSE)
        return tasks

    def _if_consuming(self, task: Task) -> Task:
        """Do a task only while this process consumes something, or waits for answers."""

        async def work() -> float:
            if self.desks or self._surroundings.replies is not None:
                return await task.work()
            return inf

        return Task(task.name, work)

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

    async def _publish_in_measure(self, interval: float) -> float:
        """Publish it, and return when it is due again: it takes a hundredth of the time at most."""
        start = time.perf_counter()
        await self._publish_snapshot()
        return max(interval, 100 * (time.perf_counter() - start))

    async def _publish_snapshot(self) -> None:
        reaches = self._runtime.reaches
        text = snapshot_text(self._system, self.endpoints, self._consumed(), reaches)
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
        await self._store.purge(self._runtime.deduplicate_for)

    # -- more channels, for a while ---------------------------------------------------------

    async def begin(
        self, channels: Sequence[Channel], limits: Limits, *, prioritised: bool = False
    ) -> Consumption:
        """Consume further channels, from now on until `end`."""
        surroundings = self._surroundings
        surroundings.heed(tuple(await self._store.pauses()))
        consumption = self._consume(channels, limits, prioritised=prioritised)
        for desk in consumption.desks:
            await self._system["channels"].request(StartChannel(self._spec(desk)))
        if self._scheduler is not None:
            self._scheduler.begin(channel.name for channel in channels)
        for alarm in (surroundings.alarm, *self._rare, self._snapshots, self._ticking):
            alarm.due_in(0)
        return consumption

    async def end(self, consumption: Consumption, timeout: float) -> tuple[Unfinished, ...]:
        """Consume these channels no more; finish what was begun. Stopping all does it as well."""
        async with self._ending:
            if self.stopping.is_set():
                return ()
            names = [desk.channel.name for desk in consumption.desks]
            unfinished = await wind_up(
                consumption.desks, timeout, partial(self._stop_channels, names)
            )
            for name in names:
                del self._by_name[name]
            self._surroundings.desks = tuple(self._by_name.values())
            self._snapshots.due_in(0)
            return unfinished

    async def _stop_channels(self, names: Collection[str]) -> None:
        actors = [actor_name(name) for name in names]
        self._specs[:] = [spec for spec in self._specs if spec.name not in actors]
        for name in actors:
            await self._system["channels"].request(StopChannel(name))

    @property
    def paused(self) -> Paused:
        """What is paused now."""
        return self._surroundings.paused

    # -- pausing ----------------------------------------------------------------------------

    async def pause(self, pause: Pause) -> None:
        """Note a pause, and heed it here at once; other processes do when they poll."""
        await self._store.pause(pause)
        self._surroundings.heed(tuple(await self._store.pauses()))

    async def resume(self, channel: str, endpoint: str) -> bool:
        """End a pause; False if none holds."""
        found = await self._store.resume(channel, endpoint)
        self._surroundings.heed(tuple(await self._store.pauses()))
        return found

    # -- stop -------------------------------------------------------------------------------

    def close(self) -> None:
        """Start nothing more; give back what was not started."""
        self._closed = True
        for desk in self.desks:
            desk.close()

    async def stop(self, timeout: float) -> tuple[Unfinished, ...]:
        """Stop taking messages, finish what was begun, release the rest; return what was cut.

        Takes at most `timeout` seconds and what the cancelled handlers need to end. Messages whose
        release cannot be written, because the store fails, become ready when it is closed, or
        when the lease has run out.
        """
        self.stopping.set()
        self.close()
        async with self._ending:
            return await wind_up(self.desks, timeout, self._stop_actors)

    async def _stop_actors(self) -> None:
        for name in ("routers", "channels", "endpoints", "store"):
            ref = self._system[name]
            ref.stop(block=False)
            await ref.terminated()


def _each(interval: float, name: str, work: Callable[[], Awaitable[None]]) -> Task:
    async def once() -> float:
        await work()
        return interval

    return Task(name, once)


async def start_delivery(runtime: BusRuntime) -> Delivery:
    """Spawn /store, /channels and /endpoints; returns when they have started."""
    log_events(runtime.system.events)
    log_tenants(runtime.system.events)
    delivery = Delivery(runtime)
    await delivery.start()
    return delivery

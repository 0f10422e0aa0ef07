"""Start and stop everything that moves messages: the store's actors, channels, endpoints.

/store/...                      what the store needs again and again (`_poller`)
/channels/<channel>             a store channel: its intake, an actor per endpoint
/channels/<channel>/<tenant>    below a dynamic channel's router: a channel per tenant
/endpoints/<endpoint>           synchronous endpoints
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import trio

from actorbus.channels._allowance import Allowance
from actorbus.channels._channels import channel_spec, lasting
from actorbus.channels._desk import Desk, EndpointFactory, StoreDesk
from actorbus.channels._family import Channels, StartChannel, StopChannel
from actorbus.channels._registrar import Registrar
from actorbus.channels._routers import router_spec
from actorbus.channels._tenant_desk import TenantDesk
from actorbus.channels.kafka._desk import KafkaDesk
from actorbus.consuming._consumption import Consumption
from actorbus.consuming._limits import Limits, Unfinished
from actorbus.consuming._pauses import Pause, Paused
from actorbus.consuming._winding_up import wind_up
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._kafka_channel import KafkaChannel
from actorbus.endpoints._plan import actor_name
from actorbus.endpoints._synchronous import Calls, SynchronousEndpoint
from actorbus.endpoints._watcher import Watcher
from actorbus.endpoints._workers import Slice
from actorbus.endpoints._workload import Workload
from actorbus.operations._health import BusHealth, look
from actorbus.operations._log import log_events
from actorbus.operations._log_broker import log_broker
from actorbus.operations._log_tenants import log_tenants
from actorbus.operations._log_tuning import log_tuning
from actorbus.running._bus_runtime import BusRuntime
from actorbus.running._housekeeping import Housekeeping
from actorbus.running._poller import store_spec
from actorbus.running._surroundings import Surroundings
from actors import ActorRef, Supervisor
from supervisors import ChildSpec, OneForOne

IDLE_LOOK_EVERY = 0.02


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
        self.housekeeping = Housekeeping(runtime, self._surroundings)
        self._scheduler = runtime.scheduler
        if self._scheduler is not None:
            self._scheduler.consumed = self._by_name.keys()
        self._ending = trio.Lock()
        self.stopping = trio.Event()
        self._closed = False

    @property
    def desks(self) -> tuple[Desk, ...]:
        """The desks of the channels that this process consumes."""
        return self._surroundings.desks

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
        if any(isinstance(desk, KafkaDesk) and desk.has_more for desk in self.desks):
            return True
        return any(endpoint.workload.held for endpoint in self._surroundings.endpoints)

    async def _has_ready_messages(self) -> bool:
        if (await self._store.poll()).changed:  # the poller will not hear of it any more
            self._surroundings.wake_channels()
        here = self._surroundings.consumed()
        queues = await self._store.statistics()
        paused = self._surroundings.paused
        return any(
            queue.ready + queue.claimed
            for queue in queues
            if queue.endpoint in here.get(queue.channel, ())
            and not paused.holds(queue.channel, [queue.endpoint])
        )

    def record(self, watcher_of: Callable[[Workload], Watcher] | None) -> None:
        """Have all endpoints watched from now on, new ones as well; None: not any more."""
        self._surroundings.record(watcher_of)

    # -- start ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Spawn all actors; returns when the top ones have started."""
        self._store.on_ready(self._wake)
        self._surroundings.heed(tuple(await self._store.pauses()))
        await self._surroundings.tuned.start()
        for registrar in self._registrars.values():
            await registrar.load()
            await registrar.reconsider()
        await self.housekeeping.let_go()
        specs = [store_spec(self.housekeeping.tasks(), self._surroundings.publish)]
        specs.append(self._family("endpoints", self._synchronous()))
        specs.append(self._family("channels", self._specs, Channels))
        specs.append(self._family("routers", self._routers()))
        for spec in specs:
            await self._system.spawn(spec).started()
        self.housekeeping.snapshot_soon()  # the first was written before there were channels

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
            seed=self._system.seed,
            may_start=may_start,
            allowance=allowance,
        )
        if isinstance(channel, DynamicChannel):
            return TenantDesk(factory, channel)
        if isinstance(channel, KafkaChannel):
            return KafkaDesk(factory, channel, channel.group_name(self._runtime.name))
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

    # -- more channels, for a while ---------------------------------------------------------

    async def begin(
        self, channels: Sequence[Channel], limits: Limits, *, prioritised: bool = False
    ) -> Consumption:
        """Consume further channels, from now on until `end`."""
        self._surroundings.heed(tuple(await self._store.pauses()))
        consumption = self._consume(channels, limits, prioritised=prioritised)
        await self.housekeeping.let_go()
        for desk in consumption.desks:
            await self._system["channels"].request(StartChannel(self._spec(desk)))
        if self._scheduler is not None:
            self._scheduler.begin(channel.name for channel in channels)
        self.housekeeping.look_again()
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
            self.housekeeping.snapshot_soon()
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

    async def look_at_supervision(self) -> None:
        """Heed at once how endpoints are to be supervised; other processes do when they poll."""
        await self._surroundings.tuned.look()

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


async def start_delivery(runtime: BusRuntime) -> Delivery:
    """Spawn /store, /channels and /endpoints; returns when they have started."""
    log_events(runtime.system.events)
    log_tenants(runtime.system.events)
    log_broker(runtime.system.events)
    log_tuning(runtime.system.events)
    delivery = Delivery(runtime)
    if runtime.recorder is not None:
        runtime.recorder.attach(runtime.system, runtime.store, delivery)
    await delivery.start()
    return delivery

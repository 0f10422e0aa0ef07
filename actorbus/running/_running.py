"""One run of a bus, on the trio side: what is started, in which order, and how it ends.

    start   store, app services, gateways, delivery (poller, channels, endpoints)
    stop    intake, endpoints drained, settlements flushed, services left, store closed

The gateways work until the endpoints have drained: what is being handled may still send.
"""

import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import trio

from actorbus._calls import Worlds
from actorbus._driver_thread import DriverThread
from actorbus._errors import BusStateError
from actorbus._store import ProcessInfo, Store
from actorbus._user_calls import UserCalls
from actorbus.configuration._configuration import Configuration
from actorbus.consuming._limits import Ending, Limits, Unfinished
from actorbus.consuming._worker import Wait, first, limited
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._routed_channel import Routing
from actorbus.declaring._services import Entrance
from actorbus.distributed._counts import DistributedCounts
from actorbus.distributed._elsewhere import told
from actorbus.distributed._gateway import DistributedBus, DistributedDoor, is_distributed
from actorbus.distributed._inbox import own_endpoints
from actorbus.distributed._sending import Sends
from actorbus.endpoints._workload import BusCounts
from actorbus.gateways._gateway import Door, Gateway
from actorbus.gateways._interface import implementation, is_interface
from actorbus.gateways._way import Receipt
from actorbus.handling._dispatch import Dispatch
from actorbus.handling._inject import Injector, is_gateway
from actorbus.interceptors._chain import Chains
from actorbus.messages._decoding import Decoding
from actorbus.messages._message import Headers, new_id
from actorbus.options._options import as_seconds
from actorbus.outbox._after_commit import AfterCommit as ProducedAfterCommit
from actorbus.outbox._brokers import Brokers
from actorbus.running._after_commit import AfterCommit
from actorbus.running._delivery import Delivery, start_delivery
from actorbus.running._pace import Pace
from actorbus.running._settings import Settings, Terms
from actorbus.schedules._scheduler import Scheduler, Ticks, drawing
from actorbus.sending._asking import Asking
from actorbus.sending._leaving import Leaving
from actorbus.sending._placing import Places
from actorbus.sending._publish import Press
from actorbus.sending._replies import Replies
from actorbus.sending._sending import BusSender
from actorbus.transactions._listeners import Hook
from actorbus.transactions._transaction import Transaction
from actorbus.transactions._unit_of_work import UnitOfWork
from actors import ActorSystem, Reply

if TYPE_CHECKING:
    from actorbus.tuning._recorder import Recorder

logger = logging.getLogger("actorbus")


class BusDoor(Door, DistributedDoor, Protocol):
    """Where all gateways find the running bus."""


class BusRun:
    """A running bus. It is what the delivery and the gateways see of it."""

    def __init__(
        self,
        settings: Settings,
        configuration: Configuration,
        store: Store,
        system: ActorSystem,
        *,
        door: BusDoor,
        terms: Terms,
    ) -> None:
        self.settings = settings
        self.configuration = configuration
        self.store = store
        self.system = system
        by_name = {channel.name: channel for channel in configuration.channels}
        self.channels: tuple[Channel, ...] = tuple(by_name[name] for name in terms.channels)
        self.limits = terms.limits
        self.prioritised = terms.prioritised
        self.places = Places(configuration.channels, configuration.routings)
        self.unfinished: tuple[Unfinished, ...] = ()
        self.asked_to_stop = trio.Event()
        self.stop_reason = (Ending.STOPPED, "")
        self._for_a_while = trio.Lock()
        self._door = door
        self._dispatch: Dispatch | None = None
        self._sender: BusSender | None = None
        self._delivery: Delivery | None = None
        self._after_commit = AfterCommit(system)
        self._stop = trio.Event()
        self._process_id = new_id()
        self.scheduler: Scheduler | None = None
        self.recorder: Recorder | None = None
        self.counts = BusCounts()
        self.replies: Replies | None = None
        self.distributed_counts = DistributedCounts()
        self.reaches = told(configuration.distribution.reachable)
        self._sends: Sends | None = None
        self.drivers = DriverThread(f"actorbus drivers of {settings.name}")
        """The thread of asyncio drivers; started when the first of them is needed."""
        self.brokers = Brokers(configuration.channels, lambda: self.drivers, store.now)
        self.fault_points = store.fault_points
        self._leaving = Leaving(store)
        if channels := self.places.outboxes.after_commit:
            publish = system.events.publish
            self._leaving.after_commit = ProducedAfterCommit(
                channels, self.brokers, publish, system.name
            )
        self.worlds: Worlds

    # -- for the gateways -------------------------------------------------------------------

    @property
    def sender(self) -> BusSender:
        """The gateways' other side. Raises BusStateError before the start and after the end."""
        if self._sender is None:
            raise BusStateError(f"bus {self.settings.name!r} is starting, or has stopped")
        return self._sender

    @property
    def distributed_sender(self) -> Sends:
        """The other side of the gateways to other services. Raises BusStateError."""
        if self._sends is None or self._sender is None:
            raise BusStateError(f"bus {self.settings.name!r} is starting, or has stopped")
        return self._sends

    def report(self, spec: HandlerSpec, error: BaseException | None) -> None:
        """Take the outcome of a synchronous handler to its endpoint's actor."""
        if self._delivery is not None:
            self._delivery.report(spec, error)

    def run_hooks(self, hooks: Sequence[Hook]) -> None:
        """Run `after_commit` functions, in their order, in a task of the system's."""
        self._after_commit.run(hooks)

    def look_at_schedules(self) -> None:
        """Have the scheduler look at once, if there is one."""
        if self._delivery is not None:
            self._delivery.housekeeping.look_at_schedules()

    # -- for the delivery -------------------------------------------------------------------

    @property
    def seed(self) -> int | None:
        """What jitter is drawn from; None for a different one in each run."""
        return self.settings.seed

    @property
    def pace(self) -> Pace | None:
        """How often the store is looked after, if not as usual."""
        return self.settings.pace

    @property
    def deduplicate_for(self) -> float | None:
        """Seconds for which deduplication keys are remembered; None leaves it to the store."""
        return as_seconds(self.settings.deduplicate_for)

    @property
    def lease(self) -> float:
        """Seconds for which the process's lease holds after its last renewal."""
        return self.settings.lease if self.pace is None else self.pace.lease

    @property
    def name(self) -> str:
        """The bus's name."""
        return self.settings.name

    @property
    def largest_body(self) -> int:
        """Bytes; a larger message is refused where it arrives."""
        return self.configuration.messages.max_message_bytes

    def takes_transaction(self, endpoint: str) -> bool:
        """Whether the handler of an endpoint is given a Transaction."""
        parameters = self.configuration.parameters.get(endpoint, ())
        return any(parameter.annotation is Transaction for parameter in parameters)

    @property
    def dispatch(self) -> Dispatch:
        """What decodes messages and calls handlers."""
        if self._dispatch is None:
            raise BusStateError(f"bus {self.settings.name!r} has not started")
        return self._dispatch

    @property
    def declared_channels(self) -> tuple[Channel | Routing, ...]:
        """All declared channels, consumed here or not."""
        return (*self.configuration.channels, *self.configuration.routings)

    @property
    def user_calls(self) -> UserCalls:
        """What calls functions of the program's."""
        return UserCalls(self.worlds, self.configuration.runs_on)

    async def store_message(self, channel: str, message: Any) -> Receipt:
        """Store a message on a channel, as a gateway would. Raises what a gateway raises."""
        behind = self.places.outboxes.broker_of(channel) or channel
        handlers = {spec.endpoint_id for spec in self.endpoints_of(behind)}
        return await self.sender.send_on(channel, handlers, message)

    def endpoints_of(self, channel: str) -> tuple[HandlerSpec, ...]:
        """Return the handlers that are sent messages through a channel, in declared order."""
        return self.configuration.endpoints_of(channel)

    def channel(self, name: str) -> Channel:
        """Return a declared channel, consumed here or not."""
        return self.configuration.channel(name)

    def error_endpoint(self, channel: str) -> str | None:
        """Return the endpoint id of a channel's error handler; None if it has none here."""
        return self.configuration.error_endpoint(channel)

    def synchronous(self) -> tuple[HandlerSpec, ...]:
        """Return the handlers that run when they are called, in declared order."""
        return self.configuration.synchronous()

    def unit_of_work(
        self, owner: str, headers: Headers, *, alone: bool, group: int = 1
    ) -> UnitOfWork:
        """Make the unit of work of one message."""
        return UnitOfWork(
            self.store, owner, headers, alone=alone, group=group, run_hooks=self.run_hooks
        )

    @property
    def delivery(self) -> Delivery:
        """What moves messages. Raises BusStateError before it has started."""
        if self._delivery is None:
            raise BusStateError(f"bus {self.settings.name!r} has not started")
        return self._delivery

    async def look_at_supervision(self) -> None:
        """Heed at once how endpoints are to be supervised."""
        if self._delivery is not None:
            await self._delivery.look_at_supervision()

    def record(self, recorder: "Recorder") -> None:
        """Have a recording begin now."""
        self.recorder = recorder
        recorder.attach(self.system, self.store, self.delivery)

    # -- consuming --------------------------------------------------------------------------

    @property
    def only_looks(self) -> bool:
        """Whether nothing but the store was opened."""
        return self._delivery is None

    def ask_to_stop(self, ending: Ending, reason: str) -> None:
        """Stop the intake, and have whoever consumes come to an end. The first one's reason."""
        if not self.asked_to_stop.is_set():
            self.stop_reason = ending, reason
            self.asked_to_stop.set()
            if self._delivery is not None:
                self._delivery.close()

    async def wait_until_asked(self) -> str:
        """Return the reason once somebody asked for the end."""
        await self.asked_to_stop.wait()
        ending, reason = self.stop_reason
        return reason or ending.value

    async def until_over(self, more: Mapping[Ending, Wait]) -> tuple[Ending, str]:
        """Wait for the first limit, or until somebody asks for the end; return which, and why."""
        delivery = self.delivery
        endings = {
            Ending.STOPPED: self.asked_to_stop.wait,
            **limited(delivery.consumption, self.limits, delivery.idle),
            **more,
        }
        ending = await first(endings)
        delivery.close()
        return self.stop_reason if ending is Ending.STOPPED else (ending, "")

    async def consume_for(self, seconds: float, names: Sequence[str] | None) -> int:
        """Consume channels that are not consumed yet, until nothing is left, or the time is over.

        Return how many messages were handled. Calls of it take turns, within their time.
        """
        delivery = self.delivery
        count = 0
        with trio.move_on_after(seconds):
            async with self._for_a_while:
                consumption = await delivery.begin(self._not_consumed(names), Limits())
                try:
                    await first(
                        {
                            Ending.STOPPED: delivery.stopping.wait,
                            Ending.IDLE: partial(
                                consumption.nothing_left,
                                self.store,
                                delivery.paused,
                                self._ticks_come,
                            ),
                            Ending.SIGNAL: self.asked_to_stop.wait,
                        }
                    )
                finally:
                    with trio.CancelScope(shield=True):
                        await delivery.end(consumption, self.settings.shutdown_timeout)
                        count = consumption.counts().handled
        return count

    def _ticks_come(self) -> bool:
        """Whether ticks may be sent that were missed before their channels were consumed."""
        return self.scheduler is not None and self.scheduler.is_behind

    def _not_consumed(self, names: Sequence[str] | None) -> list[Channel]:
        consumed = [desk.channel.name for desk in self.delivery.desks]
        twice = [name for name in names or () if name in consumed]
        wanted = [
            channel
            for channel in self.configuration.channels
            if channel.name not in consumed and (names is None or channel.name in names)
        ]
        if twice or not wanted:
            which = ", ".join(map(repr, twice or consumed)) or "no channel, since it has none"
            raise BusStateError(
                f"bus {self.settings.name!r} consumes {which} already; enter it with"
                " consume='none', or the other channels, to consume for a while"
            )
        return wanted

    # -- start and stop ---------------------------------------------------------------------

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Start everything; stop it at the end. Enter and leave it in one task."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.opened())
            stack.push_async_callback(_shielded, self._stop_drivers)
            await self._assemble(stack)
            self._delivery = await start_delivery(self)
            if self.pace is not None:
                self._leaving.due_in = self._delivery.due_in
            stack.push_async_callback(self._wind_down)
            yield

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the store; close it at the end."""
        async with AsyncExitStack() as stack:
            await self.store.open(self._process())
            stack.push_async_callback(_shielded, self.store.close)
            self.worlds = Worlds(self.system)
            yield

    async def serve(self, ready: Reply[None]) -> None:
        """Run until `stop` is called, for callers in another world."""
        try:
            async with self.started():
                ready.settle((None, None, None))
                await self._stop.wait()
        except Exception as error:
            if not ready.fail(error):
                raise
        except BaseException as error:
            ready.fail(error)
            raise

    async def stop(self) -> None:
        """End `serve`."""
        self._stop.set()

    def _replies(self) -> Replies:
        publish, codecs = self.system.events.publish, self.configuration.codecs
        return Replies(self._process_id, self.store, codecs, self.counts, publish)

    def _process(self) -> ProcessInfo:
        return ProcessInfo(
            process_id=self._process_id,
            bus=self.settings.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            lease=self.lease,
            largest_body=self.configuration.messages.max_message_bytes,
        )

    async def _assemble(self, stack: AsyncExitStack) -> None:
        """Make the app services, plan all calls, and open the gateways."""
        configuration, worlds = self.configuration, self.worlds
        services, world = configuration.services, configuration.runs_on
        entrance = Entrance(self.system, world, stack)
        app = await services.make_app(self._constant, entrance)
        injector = Injector(services, app, self._constant, worlds, world)
        handlers = [
            (spec, configuration.parameters[spec.endpoint_id]) for spec in configuration.endpoints
        ]
        decoding = Decoding(configuration)
        self._dispatch = Dispatch(handlers, injector, worlds, decoding)
        press = Press(configuration, self.store.now, self.places)
        leaving = self._leaving
        self._sender = BusSender(press, leaving, self._dispatch, worlds, self)
        if configuration.has_queries_on_channels:
            self.replies = self._replies()
            self._sender.asking = Asking(press, self.store, self.replies)
        self.scheduler = self._make_scheduler(press)
        chains = Chains(configuration.interceptors, injector, worlds, world)
        self._dispatch.intercept(chains)
        self._sender.intercept(chains)
        counts = self.distributed_counts
        self._sends = Sends(configuration, press, leaving, worlds, counts)
        self._sends.intercept(chains)
        if own := own_endpoints(configuration, decoding, press, self.store, counts):
            self._dispatch.install(own)

    def _make_scheduler(self, press: Press) -> Scheduler | None:
        """Return what sends the ticks of schedules, if there are any."""
        if not self.configuration.schedules:
            return None
        return Scheduler(
            self.configuration.schedules,
            self.store,
            Ticks(press, self.configuration.handlers),
            drawing(self.seed),
            self.system.events.publish,
            path=f"{self.system.name}/store/scheduler",
            process=f"{socket.gethostname()} {os.getpid()}",
        )

    def _constant(self, kind: Any) -> Any:
        """Return what the bus itself injects, the same for every message."""
        if is_gateway(kind):
            gateway: type[Gateway] = kind
            return gateway.at(self._door)
        if is_distributed(kind):
            distributed: type[DistributedBus] = kind
            return distributed.at(self._door)
        if is_interface(kind):
            return implementation(kind)(self._door)
        return self.system

    async def _stop_drivers(self) -> None:
        """Disconnect from brokers, within the time limit, and end the thread."""
        with trio.move_on_after(self.settings.shutdown_timeout):
            await self.brokers.stop()
        await self.drivers.stop()

    async def _wind_down(self) -> None:
        """Stop in order, within the time limit, also if cancelled."""
        timeout = self.settings.shutdown_timeout
        with trio.CancelScope(shield=True):
            try:
                self.unfinished = tuple(await self.delivery.stop(timeout))
            finally:
                if self.recorder is not None:
                    self.recorder.finish()
                await self._after_commit.finish(timeout)
                self._sender = None


async def _shielded(function: Callable[[], Any]) -> None:
    with trio.CancelScope(shield=True):
        await function()

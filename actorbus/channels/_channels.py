"""The actors of channels: each supervises its intake and its endpoints, or its tenants'."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from actorbus._bus_events import TenantEnded, TenantStarted
from actorbus.channels._desk import Desk, Endpoint, StoreDesk
from actorbus.channels._intake import Intake
from actorbus.channels._tenant_desk import Tenant, TenantDesk
from actorbus.channels.kafka._desk import KafkaDesk
from actorbus.channels.kafka._intake import BROKER, KafkaIntake
from actorbus.endpoints._actor import EndpointActor, Sharing
from actorbus.endpoints._plan import INTAKE, actor_name
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workers import Slice
from actorbus.options._options import as_seconds
from actors import Actor, ActorRef, NameTaken, Terminated
from supervisors import Backoff, ChildSpec, Directive, Intensity, OneForOne

NEVER_GIVES_UP = Intensity(max_restarts=None)
STORE_BACKOFF = Backoff(initial=0.05, maximum=5.0, reset_after=5.0)
"""How long those wait whose only dependency is the store."""
BROKER_BACKOFF = Backoff(initial=0.2, maximum=10.0, reset_after=10.0)
"""How long a channel waits before it joins its consumer group again."""


def lasting(
    factory: Callable[..., Any],
    *args: Any,
    name: str,
    backoff: Backoff = STORE_BACKOFF,
    intensity: Intensity = NEVER_GIVES_UP,
) -> ChildSpec:
    """Return the spec of a child that is restarted for ever, alone, under its own backoff.

    Also after a SystemExit in a handler: a consumer never stops silently.
    """
    return ChildSpec(
        factory,
        args,
        name=name,
        restart="permanent",
        intensity=intensity,
        backoff=backoff,
        decider={BaseException: Directive.Restart},
    )


def endpoint_spec(
    bus: Surroundings,
    endpoint: Endpoint,
    time_slice: Slice,
    sharing: Sharing | None,
) -> ChildSpec:
    """Return the spec of an endpoint's actor."""
    workload = endpoint.workload
    args = (bus, workload, endpoint.processing, time_slice, sharing)
    name, supervision = workload.plan.name, workload.supervision
    backoff, intensity = supervision.backoff, supervision.intensity
    return lasting(EndpointActor, *args, name=name, backoff=backoff, intensity=intensity)


class StoreChannelActor(Actor, restart="permanent", runs_on="trio"):
    """A store channel: its intake, and an actor for each endpoint on it."""

    strategy = OneForOne(max_restarts=None)

    def __init__(self, bus: Surroundings, desk: StoreDesk, time_slice: Slice) -> None:
        super().__init__()
        self._bus = bus
        self._desk = desk
        self._slice = time_slice

    async def on_start(self) -> None:
        """Start the endpoints, then the intake that feeds them."""
        spawn = self.context.spawn
        for endpoint in self._desk.endpoints:
            spawn(endpoint_spec(self._bus, endpoint, self._slice, None))
        spawn(lasting(Intake, self._bus, self._desk, name=INTAKE))

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        name = self._desk.channel.name
        return {"kind": "channel", "channel": name, "paused": self._bus.paused.words(name)}


class KafkaChannelActor(StoreChannelActor, restart="permanent", runs_on="trio"):
    """A channel on Kafka: a store channel with a second intake, that of the broker.

    That one starts first and stops last, so that it hands over what the endpoints give back.
    """

    def __init__(self, bus: Surroundings, desk: KafkaDesk, time_slice: Slice) -> None:
        super().__init__(bus, desk, time_slice)
        self._broker = lasting(KafkaIntake, bus, desk, name=BROKER, backoff=BROKER_BACKOFF)

    async def on_start(self) -> None:
        """Start the broker's intake, then all that a store channel has."""
        self.context.spawn(self._broker)
        await super().on_start()


@dataclass(frozen=True, slots=True)
class StartTenant:
    """A tenant has messages and no channel."""

    tenant: Tenant


@dataclass(frozen=True, slots=True)
class EndTenant:
    """A tenant was idle for long enough."""

    tenant: Tenant


@dataclass(frozen=True, slots=True)
class Reap:
    """Look for idle tenants."""


class Router(Actor, restart="permanent", runs_on="trio"):
    """A dynamic channel: the router makes a channel for each tenant, and ends the idle ones.

    Which tenant a message belongs to was found when it was sent; which of them may claim how
    much is decided at the desk. A tenant that is wanted again while its actor still ends is
    started once that has ended.
    """

    strategy = OneForOne(max_restarts=None)

    def __init__(self, bus: Surroundings, desk: TenantDesk, time_slice: Slice) -> None:
        super().__init__()
        self._bus = bus
        self._desk = desk
        self._slice = time_slice
        self._started: dict[str, tuple[Tenant, ActorRef[TenantActor]]] = {}
        self._waiting: dict[str, Tenant] = {}

    async def on_start(self) -> None:
        """Start the tenants that there are, then the intake; look for idle ones now and then."""
        ref = self.context.ref
        self._desk.on_new = lambda tenant: ref.tell(StartTenant(tenant))
        self._desk.on_end = lambda tenant: ref.tell(EndTenant(tenant))
        for tenant in list(self._desk.tenants.values()):
            self._start(tenant)
        self.context.spawn(lasting(Intake, self._bus, self._desk, name=INTAKE))
        idle = as_seconds(self._desk.channel.idle_timeout) or 60.0
        self.context.schedule_every(idle / 4, Reap())

    async def on_receive(self, message: StartTenant | EndTenant | Reap | Terminated) -> None:
        """Start a tenant, end one, or look for idle ones."""
        match message:
            case StartTenant(tenant):
                self._start(tenant)
            case EndTenant(tenant):
                self._end(tenant)
            case Reap():
                self._desk.reap(trio.current_time())
            case Terminated():
                self._start_those_that_waited()

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        desk = self._desk
        return {
            "kind": "dynamic channel",
            "channel": desk.channel.name,
            "tenants": len(desk.tenants),
            "workers": desk.channel.workers,
            "busy": desk.shares.busy,
            "paused": self._bus.paused.words(desk.channel.name),
        }

    def _start(self, tenant: Tenant) -> None:
        name = tenant.name
        started, _ = self._started.get(name, (None, None))
        if self._desk.tenants.get(name) is not tenant or started is tenant:
            return
        spec = lasting(
            TenantActor,
            *(self._bus, self._desk, tenant, self._slice),
            name=actor_name(name),
            backoff=self._desk.channel.backoff,
        )
        try:
            ref: ActorRef[TenantActor] = self.context.spawn(spec)
        except NameTaken:
            self._waiting[name] = tenant  # its last actor still ends: `Terminated` starts the next
            return
        self._started[name] = tenant, ref
        self.context.watch(ref)
        self._publish(TenantStarted, ref.path, name)

    def _end(self, tenant: Tenant) -> None:
        name = tenant.name
        started, ref = self._started.get(name, (None, None))
        if ref is None or started is not tenant:
            return
        del self._started[name]
        ref.stop(block=False)
        self._publish(TenantEnded, ref.path, name)

    def _publish(
        self, event: type[TenantStarted] | type[TenantEnded], path: str, name: str
    ) -> None:
        self._bus.publish(event(path, trio.current_time(), self._desk.channel.name, name))

    def _start_those_that_waited(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for tenant in waiting.values():
            self._start(tenant)


class TenantActor(Actor, restart="permanent", runs_on="trio"):
    """One tenant's channel: an actor for each endpoint, with a health of its own."""

    strategy = OneForOne(max_restarts=None)

    def __init__(
        self,
        bus: Surroundings,
        desk: TenantDesk,
        tenant: Tenant,
        time_slice: Slice,
    ) -> None:
        super().__init__()
        self._bus = bus
        self._desk = desk
        self._tenant = tenant
        self._slice = time_slice

    async def on_start(self) -> None:
        """Start the endpoints."""
        for endpoint in self._tenant.endpoints:
            spec = endpoint_spec(self._bus, endpoint, self._slice, self._desk.sharing)
            self.context.spawn(spec)

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        return {"kind": "tenant", "channel": self._desk.channel.name, "tenant": self._tenant.name}


def channel_spec(bus: Surroundings, desk: Desk, time_slice: Slice) -> ChildSpec:
    """Return the spec of a channel's actor."""
    name = actor_name(desk.channel.name)
    if isinstance(desk, KafkaDesk):
        return lasting(KafkaChannelActor, bus, desk, time_slice, name=name)
    if isinstance(desk, TenantDesk):
        return lasting(Router, bus, desk, time_slice, name=name)
    return lasting(StoreChannelActor, bus, desk, time_slice, name=name)

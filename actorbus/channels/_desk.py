"""What the actors of one channel share: its endpoints' workloads, and who may claim how much.

A plain object that outlives the actors' instances.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from actorbus._store import Claimed, Demand, Store
from actorbus.channels._bell import Bell
from actorbus.channels._tenant_options import channel_of
from actorbus.channels._throttle import Throttling, throttling_of
from actorbus.consuming._pauses import Paused
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._flow import Allowed
from actorbus.endpoints._making import SharedPermits, make_flow, make_processing
from actorbus.endpoints._plan import INTAKE, actor_name, plan_endpoint
from actorbus.endpoints._runner import Runner
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Counts, Workload, total
from actorbus.outbox._outboxes import broker_of, is_relay
from actorbus.outbox._plan import plan_relay
from actorbus.outbox._relay import RelayProcessing
from supervisors import draw_stream


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint's workload and what runs it."""

    workload: Workload
    processing: Runner

    def take(self, batch: Sequence[Claimed]) -> None:
        """Take over claimed messages; those that came too late are released."""
        self.processing.settling.give_back(self.workload.take(batch))

    def close(self) -> None:
        """Start nothing more, and give back what was not started."""
        self.workload.close()
        self.give_back()

    def hold(self, why: str, *, wanted: bool) -> None:
        """Start nothing for the time being, and give back what was not started; or go on."""
        if wanted and why not in self.workload.holds:
            self.workload.hold(why)
            self.give_back()
        elif not wanted and self.workload.let_go(why):
            self.workload.notify()

    def give_back(self) -> None:
        """Release what was not started."""
        workload = self.workload
        self.processing.settling.give_back([*workload.give_up_waiting(), *workload.again])
        workload.again.clear()


class EndpointFactory:
    """Makes the endpoints of one channel."""

    def __init__(
        self,
        bus: Surroundings,
        channel: Channel,
        specs: Sequence[HandlerSpec],
        *,
        root: str = "",
        seed: object = None,
        may_start: Callable[[], bool] | None = None,
        allowance: Allowed | None = None,
    ) -> None:
        self.bus = bus
        self._may_start = may_start or bus.lease_holds
        self._allowance = allowance
        self.channel = channel
        self.specs = tuple(specs)
        self.bell = Bell()
        self.shared: SharedPermits = {}
        self.root = root
        self._seed = seed

    @property
    def path(self) -> str:
        """The path of the channel's actor."""
        return f"{self.root}/channels/{actor_name(self.channel.name)}"

    def throttling(self) -> Throttling | None:
        """Return what is asked before messages are taken, None if nobody is."""
        return throttling_of(self.bus, self.channel, self.bell, self.path)

    def make(self, tenant: str = "") -> tuple[Endpoint, ...]:
        """Return new endpoints, for a tenant or for the channel without tenants."""
        return tuple(self._make(spec, tenant) for spec in self.specs)

    def _make(self, spec: HandlerSpec, tenant: str) -> Endpoint:
        if is_relay(spec.endpoint_id):
            return self._make_relay(spec)
        channel = channel_of(self.bus, self.channel, tenant, self.path)
        plan = plan_endpoint(spec, channel, tenant, self.root)
        workload = Workload(plan, self.bell, self._may_start, make_flow(plan, self.shared))
        workload.allowance = self._allowance
        self.bus.prepare(workload)
        draws = draw_stream(self._seed, plan.path, "messages")
        endpoint = Endpoint(workload, make_processing(self.bus, workload, draws))
        hold_if_paused(endpoint, self.bus.paused)
        return endpoint

    def _make_relay(self, spec: HandlerSpec) -> Endpoint:
        """Make what relays to a broker; no limit on handled messages is its own."""
        plan = plan_relay(spec, self.channel, self.root)
        workload = Workload(plan, self.bell, self.bus.lease_holds)
        draws = draw_stream(self._seed, plan.path, "messages")
        broker = broker_of(spec.endpoint_id)
        endpoint = Endpoint(workload, RelayProcessing(self.bus, workload, broker, draws))
        hold_if_paused(endpoint, self.bus.paused)
        return endpoint


def always() -> bool:
    """Say yes: channels that are not ranked claim whenever they have room."""
    return True


PAUSED = "paused"
"""Why an endpoint holds that an operator paused."""


def hold_if_paused(endpoint: Endpoint, paused: Paused) -> None:
    """Hold an endpoint that is paused; let one go that is not any more."""
    plan = endpoint.workload.plan
    endpoint.hold(PAUSED, wanted=paused.holds(plan.channel, plan.ids))


class Desk(Protocol):
    """What an intake, and whoever watches it, needs of its channel."""

    has_turn: Callable[[], bool]
    """Whether it may claim: channels that are consumed by priority take turns."""
    claiming: bool
    """Whether a claim is under way, so that messages may be in nobody's hands."""

    @property
    def channel(self) -> Channel: ...
    @property
    def endpoint_ids(self) -> Collection[str]:
        """The ids of the endpoints that it serves, aliases included."""
        ...

    @property
    def bell(self) -> Bell: ...
    @property
    def throttling(self) -> Throttling | None:
        """What is asked before messages are taken, if anybody is."""
        ...

    @property
    def claimed(self) -> int:
        """How many messages were claimed so far."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether a claim would ask for messages."""
        ...

    @property
    def holds_ready(self) -> bool:
        """Whether messages that are here already should be handed out now."""
        ...

    def could_take(self, endpoint: str, tenant: str) -> bool:
        """Whether a ready message of this queue should be claimed now."""
        ...

    async def claim(self, store: Store) -> int:
        """Claim what there is room for, hand it out, and return how many messages came."""
        ...

    @property
    def pause(self) -> float:
        """Seconds until a look at what the last claim left out; 0 if it left out nothing."""
        ...

    def look_again(self) -> None:
        """Ring the bell if there may be more to claim, after a claim that brought messages."""
        ...

    def all_endpoints(self) -> Iterable[Endpoint]:
        """Return the endpoints that there are now."""
        ...

    @property
    def is_dry(self) -> bool:
        """Whether nothing is ready on the channel that would be taken now."""
        ...

    def counts(self) -> Counts:
        """Return what became of the channel's messages here since the desk was made."""
        ...

    def heed(self, paused: Paused) -> None:
        """Hold what is paused, let the rest go on."""
        ...

    def close(self) -> None:
        """Start nothing more; give back what was not started."""
        ...


class StoreDesk:
    """The desk of a store channel: one claim for all endpoints with room."""

    def __init__(self, factory: EndpointFactory) -> None:
        self.channel = factory.channel
        self.bell = factory.bell
        self.throttling = factory.throttling()
        self.endpoints = factory.make()
        self.claimed = 0
        self.claiming = False
        self.has_turn = always
        self._by_id = {
            name: endpoint for endpoint in self.endpoints for name in endpoint.workload.plan.ids
        }

    @property
    def endpoint_ids(self) -> Collection[str]:
        """The ids of the endpoints here, aliases included."""
        return self._by_id.keys()

    async def claim(self, store: Store) -> int:
        """Claim once for all endpoints with room; return how many messages came."""
        generation = self.bell.answer()
        demands = self._demands(generation)
        if not demands or not await self._may_claim(store):
            return 0
        claimed = await store.claim(demands)
        self.claimed += len(claimed)
        self._hand_out(demands, claimed, generation)
        if claimed and self.throttling is not None:
            self.throttling.used("")
        return len(claimed)

    @property
    def has_room(self) -> bool:
        """Whether an endpoint has room."""
        return any(endpoint.workload.room() for endpoint in self.endpoints)

    @property
    def holds_ready(self) -> bool:
        """Whether messages that are here should be handed out; all that wait lie in the store."""
        return False

    def could_take(self, endpoint: str, tenant: str) -> bool:
        """Whether this endpoint is here and has room."""
        if self.throttling is not None and self.throttling.refuses(""):
            return False
        found = self._by_id.get(endpoint)
        return found is not None and found.workload.room() > 0

    async def _may_claim(self, store: Store) -> bool:
        """Whether the throttle says yes; it is asked only if messages wait."""
        if self.throttling is None:
            return True
        waits = await store.waiting_tenants(self.channel.name, after="", limit=1)
        return bool(waits) and self.throttling.allows("")

    def _demands(self, generation: int) -> list[Demand]:
        """Return what can be taken now; nothing for who found nothing in this generation."""
        room_of = Workload.room if self.throttling is None else Workload.idle_workers
        return [
            Demand(self.channel.name, workload.plan.ids, None, room)
            for workload in (endpoint.workload for endpoint in self.endpoints)
            if workload.dry_since != generation and (room := room_of(workload))
        ]

    def _hand_out(
        self, demands: Iterable[Demand], claimed: Sequence[Claimed], generation: int
    ) -> None:
        """Give the messages to their endpoints, and note who got less than was asked for."""
        batches: dict[str, list[Claimed]] = {demand.endpoint_ids[0]: [] for demand in demands}
        for one in claimed:
            batches[self._by_id[one.endpoint].workload.plan.spec.endpoint_id].append(one)
        for demand in demands:
            batch = batches[demand.endpoint_ids[0]]
            endpoint = self._by_id[demand.endpoint_ids[0]]
            if len(batch) < demand.credit:
                endpoint.workload.dry_since = generation
            if batch:
                endpoint.take(batch)

    @property
    def pause(self) -> float:
        """Seconds until a rate limit or the throttle lets it ask again; 0 if none waits so."""
        soonest = min((one.workload.permitted_in() for one in self.endpoints), default=inf)
        if self.throttling is not None:
            soonest = min(soonest, self.throttling.pause or inf)
        return 0.0 if soonest == inf else soonest

    def look_again(self) -> None:
        """Ring the bell if an endpoint may have more, and has room."""
        for endpoint in self.endpoints:
            endpoint.workload.ask_for_more()

    def all_endpoints(self) -> Iterable[Endpoint]:
        """Return the endpoints that there are now."""
        return self.endpoints

    @property
    def is_dry(self) -> bool:
        """Whether the last claims left nothing ready for those that take messages."""
        generation = self.bell.generation
        if self.throttling is not None and self.throttling.refuses(""):
            return not any(endpoint.workload.unstarted for endpoint in self.endpoints)
        return all(endpoint.workload.is_dry(generation) for endpoint in self.endpoints)

    def counts(self) -> Counts:
        """Return what became of the channel's messages here since the desk was made."""
        return total(endpoint.workload.counts for endpoint in self.endpoints)

    def heed(self, paused: Paused) -> None:
        """Hold what is paused, let the rest go on."""
        for endpoint in self.endpoints:
            hold_if_paused(endpoint, paused)
        self.bell.wake()

    def close(self) -> None:
        """Start nothing more; give back what was not started."""
        for endpoint in self.endpoints:
            endpoint.close()


def intake_path(desk: Desk, root: str) -> str:
    """Return the path of the actor that claims for a channel, in the system named `root`."""
    return f"{root}/channels/{actor_name(desk.channel.name)}/{INTAKE}"

"""The desk of a dynamic channel: which tenants have a channel, and their fair shares.

Rules:
 1. A round begins behind the tenant that was served last, and serves each that waits once.
 2. A tenant gets a channel when it first waits; idle ones end, the longest idle first.
 3. Messages stored for a tenant that is not known any more follow the channel's policy.
 4. Sick tenants are passed over, however many wait. Looking behind many of them takes a tenth of
    the time: in between, only the tenants that had more at their last claims are served.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

import trio

from actorbus._store import Claimed, Demand, Store
from actorbus.channels._desk import Endpoint, EndpointFactory, always, hold_if_paused
from actorbus.channels._fairness import Alone, WorkerShares, excess, grants
from actorbus.channels._tenants import TenantPlaces
from actorbus.channels._unknown_tenants import UnknownTenants
from actorbus.consuming._pauses import Paused
from actorbus.declaring._channel import DynamicChannel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._actor import Sharing
from actorbus.endpoints._workload import Counts, Workload, total
from actorbus.options._options import as_seconds
from supervisors import Health

TENANTS_A_ROUND = 64
"""How many waiting tenants one claim serves."""

PAUSE = 2e-5
"""Seconds until the next look, for each name that the last one passed over (about 2 us)."""

TENANTS_AT_ONCE = 4096
"""How many more names are read at once where the first are of tenants that take nothing."""

UNKNOWN_A_ROUND = 100
"""How many messages of an unknown tenant are settled at once."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that has a channel now."""

    name: str
    endpoints: tuple[Endpoint, ...]

    @property
    def is_idle(self) -> bool:
        """Whether ending it would lose nothing."""
        return all(endpoint.workload.is_idle for endpoint in self.endpoints)

    @property
    def rests(self) -> bool:
        """Whether it takes nothing before one of its endpoints is restarted."""
        return all(one.workload.outage.health is Health.SICK for one in self.endpoints)


class TenantDesk:
    """What a dynamic channel's actors share. `on_new` and `on_end` tell the router."""

    def __init__(self, factory: EndpointFactory, channel: DynamicChannel) -> None:
        self.channel = channel
        self.bell = factory.bell
        self.tenants: dict[str, Tenant] = {}
        self.on_new: Callable[[Tenant], None] = _nobody
        self.on_end: Callable[[Tenant], None] = _nobody
        self.shares = WorkerShares(channel.workers)
        self.sharing = Sharing(self.shares, self._notify)
        self.throttling = factory.throttling()
        self._factory = factory
        self._directory = factory.bus.places.directories[channel.name]
        self._places = TenantPlaces(channel.max_active, as_seconds(channel.idle_timeout) or 60.0)
        self._by_path: dict[str, Endpoint] = {}
        self._ids = tuple(
            name for spec in factory.specs for name in (spec.endpoint_id, *spec.aliases)
        )
        self._cursor = ""
        self._resting: set[str] = set()
        self._with_more: dict[str, None] = {}
        self._next_look = 0.0
        self._put_off = False
        self._permitted_at = inf
        self._share = max(channel.concurrency, *map(_batch_size, factory.specs), 1)
        self._holding: set[str] = set()
        self._alone = Alone()
        self._unknown_tenants = UnknownTenants(factory.bus, channel, factory.path, factory.specs)
        self._closed = False
        self._paused = factory.bus.paused
        self._dry_since = -1
        self._ended = Counts()
        self.claimed = 0
        self.claiming = False
        self.has_turn = always

    @property
    def endpoint_ids(self) -> Collection[str]:
        """The ids of the endpoints here, aliases included."""
        return self._ids

    def look_again(self) -> None:
        """Ring the bell: others may wait for what is free. A claim that finds none ends it."""
        self.bell.ask()

    def all_endpoints(self) -> Iterable[Endpoint]:
        """Return the endpoints of the tenants that there are now."""
        return list(self._by_path.values())

    def close(self) -> None:
        """Start nothing more, and no tenant; give back what was not started."""
        self._closed = True
        for endpoint in self.all_endpoints():
            endpoint.close()

    @property
    def _takes_nothing(self) -> bool:
        return self._closed or self._paused.holds(self.channel.name, ())

    @property
    def is_dry(self) -> bool:
        """Whether the last look found nobody who waits and would be served."""
        if self._takes_nothing:
            return True
        return self._dry_since == self.bell.generation and not self._unstarted()

    def counts(self) -> Counts:
        """Return what became of the channel's messages here, those of ended tenants included."""
        return total([self._ended, *(one.workload.counts for one in self.all_endpoints())])

    def heed(self, paused: Paused) -> None:
        """Hold what is paused, let the rest go on."""
        for endpoint in self.all_endpoints():
            hold_if_paused(endpoint, paused)
        self.bell.wake()

    @property
    def pause(self) -> float:
        """Seconds until the look at all tenants that the last claim put off; 0 if it did not."""
        now = trio.current_time()
        looks = [self._next_look if self._put_off else inf, self._permitted_at]
        if self.throttling is not None:
            looks.append(now + (self.throttling.pause or inf))
        soonest = min((at for at in looks if at > now), default=inf)
        return 0.0 if soonest == inf else soonest - now

    @property
    def has_room(self) -> bool:
        """Whether a tenant could be served: an idle worker, and fewer messages than it may hold."""
        if self._takes_nothing:
            return False
        held = sum(self._unstarted().values())
        return self.shares.busy < self.shares.workers and held < self.channel.max_in_flight

    @property
    def holds_ready(self) -> bool:
        """Whether messages that are here should be handed out; all that wait lie in the store."""
        return False

    def could_take(self, endpoint: str, tenant: str) -> bool:
        """Whether this tenant's endpoint has room, or the tenant could be started."""
        if endpoint not in self._ids or self._paused.holds(self.channel.name, [endpoint]):
            return False
        if self.throttling is not None and self.throttling.refuses(tenant):
            return False
        found = self.tenants.get(self._resolve(tenant) or "")
        if found is None:
            return self._places.has_room()
        return any(
            endpoint in one.workload.plan.ids and one.workload.room() for one in found.endpoints
        )

    # -- a round of claiming ----------------------------------------------------------------

    async def claim(self, store: Store) -> int:
        """Claim once for the tenants whose turn it is; return how many messages came."""
        generation = self.bell.answer()
        self._permitted_at = inf
        await self._unknown_tenants.settle(store)
        demands = [] if self._takes_nothing else await self._next_demands(store, generation)
        if not demands:
            if self.has_room and not self._put_off:
                self._dry_since = generation
            return 0
        try:
            claimed = await store.claim(demands)
        finally:
            self._promise_nothing()
        self.claimed += len(claimed)
        self._unknown_tenants.add(self._hand_out(demands, claimed, generation))
        await self._unknown_tenants.settle(store)
        return len(claimed)

    async def _next_demands(self, store: Store, generation: int) -> list[Demand]:
        """Return the demands of the first round that has any: others may wait behind sick ones."""
        self._put_off = trio.current_time() < self._next_look
        if self._put_off:
            return self._known(self._those_with_more(), generation)
        passed: set[str] = set()
        limit = TENANTS_A_ROUND
        while True:
            names = await store.waiting_tenants(self.channel.name, after=self._cursor, limit=limit)
            demands = self._first_demands(names, generation)
            if demands or not self.has_room or passed.issuperset(names):
                self._next_look = trio.current_time() + PAUSE * len(passed)
                return demands
            passed.update(names)
            limit = TENANTS_AT_ONCE

    def _first_demands(self, names: Sequence[str], generation: int) -> list[Demand]:
        """Return the demands of the first round among these names that has any."""
        awake = [name for name in names if name not in self._resting]
        for start in range(0, len(awake), TENANTS_A_ROUND):
            a_round = awake[start : start + TENANTS_A_ROUND]
            known, unknown = self._known(a_round, generation), self._unknown(a_round)
            if known or unknown:
                self._cursor = (known[-1].tenant if known else None) or a_round[-1]
                return [*known, *unknown]
        if names:
            self._cursor = names[-1]
        return []

    def _those_with_more(self) -> list[str]:
        """Return the tenants whose last claims came back full, the longest ago first."""
        found: list[str] = []
        for name in list(self._with_more):
            if self._rests(name):
                del self._with_more[name]
            elif len(found) < TENANTS_A_ROUND:
                found.append(name)
        return found

    def _known(self, names: Sequence[str], generation: int) -> list[Demand]:
        """Return the demands of known tenants: a fair share for each that has room."""
        waiting: dict[str, tuple[str, Endpoint]] = {}
        throttling = self.throttling
        for name in names:
            if throttling is not None and not throttling.allows(name):
                continue
            for endpoint in self._endpoints_for(name):
                workload = endpoint.workload
                if workload.dry_since == generation:
                    continue
                if self._room(workload):
                    waiting.setdefault(workload.plan.path, (name, endpoint))
                else:
                    self._note_permit(workload.permitted_in())
            if self._rests(name):
                self._resting.add(name)
        unstarted = self._unstarted()
        self._trim(waiting, unstarted)
        granted = grants(
            list(waiting),
            unstarted,
            concurrency=self._share,
            most=self.channel.max_in_flight,
            spare=self.shares.workers - self.shares.busy - len(self.shares.queue),
            alone=self._alone.look(
                waiting,
                unstarted,
                concurrency=self._share,
                most=self.channel.max_in_flight,
                only_one=len(self.tenants) == 1,
            ),
        )
        demands = [self._demand(*waiting[path], credit) for path, credit in granted.items()]
        return [demand for demand in demands if demand.credit]

    def _note_permit(self, seconds: float) -> None:
        self._permitted_at = min(self._permitted_at, trio.current_time() + seconds)

    def _promise_nothing(self) -> None:
        for permits in self._factory.shared.values():
            permits.promised = 0

    def _rests(self, name: str) -> bool:
        """Whether a tenant takes nothing before it is restarted, which is heard of."""
        tenant = self.tenants.get(name)
        return tenant is not None and tenant.rests

    def _room(self, workload: Workload) -> int:
        """Return how many messages to ask for; what is throttled keeps none in stock."""
        return workload.room() if self.throttling is None else workload.idle_workers()

    def _demand(self, name: str, endpoint: Endpoint, credit: int) -> Demand:
        workload = endpoint.workload
        credit = min(credit, self._room(workload))
        if workload.flow is not None:
            workload.flow.promise(credit)
        return Demand(self.channel.name, workload.plan.ids, name, credit)

    def _unknown(self, names: Iterable[str]) -> list[Demand]:
        return [
            Demand(self.channel.name, self._ids, name, UNKNOWN_A_ROUND)
            for name in names
            if self._resolve(name) is None
        ]

    def _unstarted(self) -> dict[str, int]:
        counts = {path: len(self._by_path[path].workload.unstarted) for path in self._holding}
        unstarted = {path: count for path, count in counts.items() if count}
        self._holding.intersection_update(unstarted)
        return unstarted

    def _trim(self, waiting: Iterable[str], unstarted: dict[str, int]) -> None:
        """Have tenants that hoarded while they were alone give back what is beyond their share."""
        if len({*waiting, *unstarted}) < 2:  # noqa: PLR2004  two are not alone
            return
        most = self._share
        for path in excess(list(unstarted), unstarted, most):
            endpoint = self._by_path[path]
            endpoint.processing.settling.give_back(endpoint.workload.give_up_waiting(keep=most))
            unstarted[path] = most

    def _hand_out(
        self, demands: Iterable[Demand], claimed: Sequence[Claimed], generation: int
    ) -> list[Claimed]:
        """Give the messages to their tenants' endpoints; return those of unknown tenants."""
        batches: dict[tuple[str, str], list[Claimed]] = {}
        for one in claimed:
            batches.setdefault((one.tenant, one.endpoint), []).append(one)
        refused: list[Claimed] = []
        for demand in demands:
            name = demand.tenant or ""
            batch = [one for id_ in demand.endpoint_ids for one in batches.get((name, id_), ())]
            if self._resolve(name) is None:
                refused.extend(batch)
            else:
                self._give(name, demand, batch, generation)
        return refused

    def _give(self, name: str, demand: Demand, batch: list[Claimed], generation: int) -> None:
        for endpoint in self._endpoints_for(name):
            workload = endpoint.workload
            if workload.plan.ids != demand.endpoint_ids:
                continue
            self._with_more.pop(name, None)
            if len(batch) < demand.credit:
                workload.dry_since = generation
            else:
                self._with_more[name] = None
            if batch:
                if self.throttling is not None:
                    self.throttling.used(name)
                self._holding.add(workload.plan.path)
                self._places.touch(workload.plan.tenant, trio.current_time())
                endpoint.take(batch)

    # -- tenants ----------------------------------------------------------------------------

    def _resolve(self, name: str) -> str | None:
        """Return whose the messages of a stored tenant are; None for the dead letters'."""
        if self._directory.knows(name):
            return name
        fallback = self.channel.unknown
        return fallback if self._directory.knows(fallback) else None

    def _endpoints_for(self, stored: str) -> tuple[Endpoint, ...]:
        name = self._resolve(stored)
        if name is None:
            return ()
        tenant = self.tenants.get(name) or self._start(name)
        return () if tenant is None else tenant.endpoints

    def _start(self, name: str) -> Tenant | None:
        now = trio.current_time()
        if self._takes_nothing:
            return None
        if not self._places.has_room() and not self._make_room():
            self.bell.wanted = True
            return None
        tenant = self.tenants[name] = Tenant(name, self._factory.make(name))
        self._places.touch(name, now)
        for endpoint in tenant.endpoints:
            self._by_path[endpoint.workload.plan.path] = endpoint
            endpoint.workload.on_restart = partial(self._resting.discard, name)
        self.on_new(tenant)
        return tenant

    def _make_room(self) -> bool:
        for name in self._places.active_at:
            if self.tenants[name].is_idle:
                self._end(name)
                return True
        return False

    def reap(self, now: float) -> None:
        """End the tenants that have been idle for the channel's idle time."""
        for name in self._places.idle(now):
            if self.tenants[name].is_idle:
                self._end(name)
            else:
                self._places.touch(name, now)

    def _end(self, name: str) -> None:
        tenant = self.tenants.pop(name)
        self._places.remove(name)
        self._resting.discard(name)
        self._with_more.pop(name, None)
        for endpoint in tenant.endpoints:
            del self._by_path[endpoint.workload.plan.path]
            self._holding.discard(endpoint.workload.plan.path)
            endpoint.workload.close()
            self._ended.add(endpoint.workload.counts)
        self.on_end(tenant)

    def _notify(self, path: str) -> None:
        endpoint = self._by_path.get(path)
        if endpoint is None:
            self._pass_on(self.shares.withdraw(path))
        else:
            endpoint.workload.notify()

    def _pass_on(self, path: str | None) -> None:
        if path is not None:
            self._notify(path)


def _batch_size(spec: HandlerSpec) -> int:
    return 0 if spec.batch is None else spec.batch.size


def _nobody(_tenant: Tenant) -> None:
    """Tell nobody: the router is not up."""

"""What one endpoint holds of its channel's messages, wherever its actor is in its life.

A plain object that outlives the actor's instances: a restart loses no message and no memory of
an outage. Every claimed message is in exactly one place: `unstarted`, `again`, `running`,
counted in `uncommitted`, or in `unsettled`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, fields
from math import inf

from actorbus._settlement import Settlement
from actorbus._store import Claimed
from actorbus.channels._bell import Bell
from actorbus.endpoints._flow import Allowed, Flow
from actorbus.endpoints._plan import EndpointPlan
from actorbus.endpoints._watcher import Watcher
from actorbus.options._supervision import Supervision
from supervisors import DependencyHealth, Health, free_places


@dataclass(slots=True)
class Counts:
    """What became of an endpoint's messages in this process since it started."""

    started: int = 0
    handled: int = 0
    retried: int = 0
    released: int = 0
    dead: int = 0
    diverted: int = 0
    """Failed for good, and handed to the handler of an error channel."""
    expired: int = 0
    parked: int = 0
    stale: int = 0
    run_again: int = 0
    """Runs of messages whose commit was lost; not counted as attempts."""
    relayed: int = 0
    """Taken from an outbox to a broker."""

    def add(self, other: "Counts") -> None:
        """Add another's counts to these."""
        for field in fields(other):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def total(counts: "Iterable[Counts]") -> Counts:
    """Return the sum of counts."""
    found = Counts()
    for one in counts:
        found.add(one)
    return found


@dataclass(slots=True)
class BusCounts(Counts):
    """The same of all endpoints together, and what belongs to none of them."""

    late_replies: int = 0
    """Answers to queries that came when their asker waited no more."""


class Workload:
    """One endpoint's messages in hand, its health and its counts.

    `bell` tells the channel that there is room for more; `dry_since` is its generation in which
    the channel had nothing more for this endpoint. `notify` and `on_healthy` are set by the
    actor's instance: the first wakes a worker. `on_restart` tells the channel of a new instance.
    While no instance is up, what arrives waits. `cut` are messages whose handlers were cancelled
    because the bus stopped. While `lease_holds` says no, nothing is started: what is held may be
    others' by now, or it is another channel's turn, or as many are begun as the run's `allowance`
    lets begin. `failed_last` says how the handler that ended last did. Nothing is taken or
    started while it is `shut`: for good (`closed`), or for the time being, for each of `holds`.
    `flow` is None unless the endpoint has options about its rate, its load or batches. Of messages
    that came from a broker `backlog` are those that wait outside the store, and `on_settled` is
    told what became of them; None: another record of it was settled before. `supervision` is how
    it is supervised now. The `watcher`, if there is one, is told what happens to messages.
    """

    __slots__ = (
        "again",
        "allowance",
        "backlog",
        "bell",
        "closed",
        "counts",
        "cut",
        "dry_since",
        "failed_last",
        "flow",
        "holds",
        "lease_holds",
        "notify",
        "on_healthy",
        "on_restart",
        "on_settled",
        "outage",
        "plan",
        "running",
        "shut",
        "supervision",
        "trouble",
        "uncommitted",
        "unsettled",
        "unstarted",
        "watcher",
    )

    def __init__(
        self,
        plan: EndpointPlan,
        bell: Bell,
        lease_holds: Callable[[], bool],
        flow: Flow | None = None,
    ) -> None:
        self.plan = plan
        self.flow = flow
        self.allowance: Allowed | None = None
        self.bell = bell
        self.lease_holds = lease_holds
        self.notify: Callable[[], None] = _nobody
        self.on_healthy: Callable[[], None] = _nobody
        self.on_restart: Callable[[], None] = _nobody
        self.on_settled: Callable[[Claimed, Settlement | None], None] = _no_broker
        self.backlog: Sized = ()
        self.unstarted: deque[Claimed] = deque()
        self.again: deque[Claimed] = deque()
        self.running: dict[str, Claimed] = {}
        self.uncommitted = 0
        self.unsettled: list[tuple[Claimed, Settlement]] = []
        self.outage = DependencyHealth(plan.spec.breaker)
        self.trouble: BaseException | None = None
        self.closed = False
        self.shut = False
        self.holds: set[str] = set()
        self.cut: list[Claimed] = []
        self.dry_since = -1
        self.failed_last = False
        self.counts = Counts()
        self.supervision = plan.supervision
        self.watcher: Watcher | None = None

    # -- how much ---------------------------------------------------------------------------

    @property
    def held(self) -> int:
        """How many claimed messages it holds, wherever they are."""
        waiting = len(self.unstarted) + len(self.again) + len(self.unsettled)
        return waiting + len(self.running) + self.uncommitted

    @property
    def health(self) -> str:
        """One word for the tree."""
        return "store trouble" if self.trouble is not None else self.outage.health.value

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing, and an end would forget neither a backoff nor a trouble."""
        return not self.held and self.trouble is None and self.outage.health is not Health.SICK

    @property
    def must_restart(self) -> bool:
        """Whether its actor should fail now, since nothing of it runs any more."""
        unwell = self.trouble is not None or self.outage.health is Health.SICK
        return unwell and not self.running and not self.closed

    @property
    def has_next(self) -> bool:
        """Whether a message may be started now: not while sick, in trouble, shut or unleased."""
        if not (self.unstarted or self.again) or self.shut or self.trouble is not None:
            return False
        outage = self.outage
        if outage.health is not Health.HEALTHY and not outage.may_start(len(self.running)):
            return False
        if self.flow is not None and not self.flow.may_start(self):
            return False
        return self.lease_holds()

    def room(self) -> int:
        """Return how many messages to ask for now."""
        if self.shut or self.trouble is not None:
            return 0
        plan, held = self.plan, self.held
        waiting = len(self.unstarted)
        free = free_places(plan.limit, held, waiting, plan.low_water, self.uncommitted)
        credit = self.outage.credit(free, held)
        return credit if self.flow is None else self.flow.room(credit, dry=self._is_dry)

    @property
    def throttled_since(self) -> float | None:
        """The run's time since which messages wait for a permit of its rate limit."""
        return None if self.flow is None or self._is_dry else self.flow.throttled_since

    def permitted_in(self) -> float:
        """Return the seconds until its rate limit lets it ask; inf if it waits for no permit.

        They are at least a millisecond, so that what is claimed then is worth a claim.
        """
        if self.throttled_since is None or self.flow is None or self.flow.permits is None:
            return inf
        return max(0.001, self.flow.permits.next_in())

    @property
    def concurrency(self) -> int:
        """How many may run at once, now."""
        load = None if self.flow is None else self.flow.load
        return self.plan.concurrency if load is None else load.limit

    def flow_details(self) -> Mapping[str, object]:
        """Return what the tree shows of its flow, if it has one."""
        if self.flow is None:
            return {}
        throttled = {} if self.throttled_since is None else {"note": "no permit now"}
        return {"concurrency": self.concurrency, **throttled}

    @property
    def _is_dry(self) -> bool:
        return self.dry_since == self.bell.generation

    def idle_workers(self) -> int:
        """Return how many messages could begin at once; a batch is filled up as always."""
        if self.plan.spec.batch is not None:
            return self.room()
        return max(0, min(self.room(), self.concurrency - self.held))

    def ask_for_more(self) -> None:
        """Tell the channel, if it may have more and there is room, or if its place is wanted."""
        bell = self.bell
        if bell.rung:
            return
        if self.dry_since != bell.generation or self.backlog:
            if self.room():
                bell.ask()
        elif bell.wanted and self.is_idle:
            bell.ask()

    def is_dry(self, generation: int) -> bool:
        """Whether there is nothing ready for it that it would take."""
        if self.shut or self.trouble is not None or self.outage.health is not Health.HEALTHY:
            return True
        nothing_more = self.dry_since == generation or self.throttled_since is not None
        return nothing_more and not self.unstarted and not self.again and not self.backlog

    def supervise(self, supervision: Supervision) -> None:
        """Decide about failures in another way from now on."""
        self.supervision = supervision
        self.plan.judge.retry = supervision.retry
        self.outage.breaker = supervision.breaker
        if self.watcher is not None:
            self.watcher.tuned()

    def close(self) -> None:
        """Take and start nothing more."""
        self.closed = self.shut = True

    def hold(self, why: str) -> None:
        """Take and start nothing for the time being."""
        self.holds.add(why)
        self.shut = True

    def let_go(self, why: str) -> bool:
        """End a hold; return whether it was the last one, so that there may be work."""
        was_shut = self.shut
        self.holds.discard(why)
        self.shut = self.closed or bool(self.holds)
        return was_shut and not self.shut

    def connect(self, notify: Callable[[], None], on_healthy: Callable[[], None]) -> None:
        """Belong to a new instance."""
        self.notify, self.on_healthy = notify, on_healthy
        self.on_restart()

    def disconnect(self) -> None:
        """Belong to no instance."""
        self.notify = self.on_healthy = _nobody

    # -- messages come and go ---------------------------------------------------------------

    def take(self, batch: Sequence[Claimed]) -> list[Claimed]:
        """Take over claimed messages; return those to be given back at once.

        It may have fallen sick, or been closed, while they were claimed. Those of a higher priority
        overtake what was claimed before and has not begun.
        """
        if self.watcher is not None:
            self.watcher.arrived(batch)
        before = len(self.unstarted)
        lowest = self.unstarted[-1].priority if before else None
        self.unstarted.extend(batch)
        if lowest is not None and any(one.priority > lowest for one in batch):
            self.unstarted = deque(sorted(self.unstarted, key=_turn))
        if self.flow is not None:
            self.flow.arrived(self, before)
        given_back = self._not_wanted()
        if self.unstarted:
            self.notify()
        return given_back

    def next(self) -> tuple[Claimed, bool] | None:
        """Return a message to run and whether its commit must be its own; None to wait."""
        if not self.has_next:
            return None
        again = bool(self.again)
        if self.flow is not None:
            self.flow.started(self, again=again)
        return self.again.popleft() if again else self.unstarted.popleft(), again

    def give_up_waiting(self, keep: int = 0) -> list[Claimed]:
        """Remove and return the unstarted messages but for the first `keep`, in their order."""
        kept = [self.unstarted.popleft() for _ in range(min(keep, len(self.unstarted)))]
        given_up = list(self.unstarted)
        self.unstarted = deque(kept)
        return given_up

    def forget(self) -> int:
        """Drop what was not begun, since all of it has been taken back; return how many.

        Nobody takes back what came from a broker.
        """
        return len(self.withdraw(lambda claimed: claimed.origin is None))

    def withdraw(self, unwanted: Callable[[Claimed], bool]) -> list[Claimed]:
        """Remove and return what was not begun of those that are not wanted any more."""
        withdrawn = [one for one in (*self.unstarted, *self.again) if unwanted(one)]
        if withdrawn:
            self.unstarted = deque(one for one in self.unstarted if not unwanted(one))
            self.again = deque(one for one in self.again if not unwanted(one))
        return withdrawn

    def _not_wanted(self) -> list[Claimed]:
        if self.shut or self.outage.health is Health.SICK:
            return self.give_up_waiting()
        if self.outage.health is Health.PROBING:
            return self._all_but_the_probe()
        return []

    def _all_but_the_probe(self) -> list[Claimed]:
        if not self.unstarted or self.again or self.running:
            return self.give_up_waiting()
        others = list(self.unstarted)
        probe = others.pop(self.outage.choose_probe([one.copy_id for one in others]))
        self.unstarted = deque([probe])
        return others


def _turn(claimed: Claimed) -> int:
    """Return what orders the unstarted; equal ones keep their order."""
    return -claimed.priority


def _no_broker(_claimed: Claimed, _settlement: Settlement | None) -> None:
    """Tell nobody: no message comes from a broker."""


def _nobody() -> None:
    """Tell nobody: there is no instance."""

"""Random histories of a store against a model of a few lines, which follows the transition table.

Two processes send, claim, settle (also too late), end well or badly and take back, while time
passes. The model changes a state by `_states.after` alone, so a store that leaves the table fails.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actorbus._settlement import (
    ACK,
    EXPIRE,
    RELEASE,
    DeadLetter,
    DeadLetterReason,
    Retry,
    Settlement,
)
from actorbus._states import FINAL, Event, State, after
from actorbus._store import Claimed, DeadLetterFilter, Demand, Store
from actorbus.stores import SqliteOptions, SqliteStore
from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import ManualClock, failure, names, outgoing, process
from tests.contract.postgresql_clock import DatabasesClock
from tests.services import Postgres

CHANNEL, ENDPOINTS, PROCESSES = "orders", ("bill", "ship"), ("a", "b")
LEASE = 1000.0
BURY = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())

pytestmark = pytest.mark.timeout(600)  # a failure is made small before it is shown

OUTCOMES: dict[str, tuple[Settlement, Event]] = {
    "handled": (ACK, Event.ACKNOWLEDGE),
    "failed": (Retry(0.0, failure()), Event.RETRY),
    "failed, wait": (Retry(5.0, failure()), Event.RETRY),
    "given back": (RELEASE, Event.RELEASE),
    "failed for good": (BURY, Event.DEAD_LETTER),
    "too old": (EXPIRE, Event.EXPIRE),
}

endpoints = st.sampled_from(["bill", "bill", "ship"])
tenants = st.sampled_from(["", "", "acme"])
processes = st.sampled_from(PROCESSES)
delays = st.sampled_from([0.0, 0.0, 5.0])


@dataclass
class Message:
    """What the model knows of one message."""

    name: str
    endpoint: str
    tenant: str
    priority: int
    sequence: int
    due_at: float
    expires_at: float | None
    state: State | None = None
    owner: str | None = None
    claim: Claimed | None = None
    attempts: int = 0
    suspect: bool = False
    stale: list[Claimed] = field(default_factory=list)

    def happens(self, event: Event) -> None:
        """Change the state by the table; who held the message no longer does."""
        self.state = after(self.state, event)
        if self.claim is not None:
            self.stale.append(self.claim)
            self.owner = self.claim = None

    @property
    def turn(self) -> tuple[int, float, int]:
        return -self.priority, self.due_at, self.sequence

    def may_be_claimed(self, demand: Demand) -> bool:
        asked = self.endpoint in demand.endpoint_ids and self.tenant == demand.tenant
        return self.state is State.READY and asked


class StoreMachine(RuleBasedStateMachine):
    """The store in a trio run of its own; each step is a call into it."""

    def __init__(self) -> None:
        super().__init__()
        self.make()
        self.messages: list[Message] = []
        self.sent = 0
        self.expired: Counter[tuple[str, str]] = Counter()
        self.portal_manager = start_blocking_portal("trio")
        self.call = self.portal_manager.__enter__().call
        self.stores: dict[str, Store] = {}
        self.prepare()

    # -- which store it is ------------------------------------------------------------------

    def make(self) -> None:
        """Make the place of the data, and the clock that rules it."""
        self.clock: ManualClock = ManualClock()
        self.folder = tempfile.TemporaryDirectory()

    def prepare(self) -> None:
        """Do what needs the trio run."""

    def make_store(self) -> Store:
        path = Path(self.folder.name) / "shop.db"
        return SqliteStore(path, SqliteOptions(synchronous="OFF"), self.clock)

    def remove(self) -> None:
        self.folder.cleanup()

    # -- life -------------------------------------------------------------------------------

    @initialize()
    def open_both(self) -> None:
        for name in PROCESSES:
            self.open(name)

    def open(self, name: str) -> None:
        store = self.make_store()
        self.call(store.open, process(name, LEASE))
        self.stores[name] = store

    def teardown(self) -> None:
        for store in self.stores.values():
            self.call(store.close)
        self.portal_manager.__exit__(None, None, None)
        self.remove()

    # -- what senders do --------------------------------------------------------------------

    @rule(
        who=processes,
        endpoint=endpoints,
        tenant=tenants,
        priorities=st.lists(st.integers(-1, 1), min_size=1, max_size=4),
        delay=delays,
        time_to_live=st.sampled_from([None, None, None, 3.0]),
    )
    def send(self, *, who, endpoint, tenant, priorities, delay, time_to_live):
        options = {"endpoint": endpoint, "tenant": tenant}
        options |= {"delay": delay, "time_to_live": time_to_live}
        copies = []
        for priority in priorities:
            message = self.make_message(endpoint, tenant, priority, delay, time_to_live)
            copies.append(outgoing(message.name, priority=priority, **options))
        assert self.call(self.stores[who].append, copies) == len(copies)

    def make_message(self, endpoint, tenant, priority, delay, time_to_live) -> Message:
        self.sent += 1
        due = self.clock.wall() + delay
        expires = None if time_to_live is None else due + time_to_live
        message = Message(str(self.sent), endpoint, tenant, priority, self.sent, due, expires)
        message.happens(Event.DELAY if delay else Event.SEND)
        self.messages.append(message)
        return message

    # -- what workers do --------------------------------------------------------------------

    @rule(
        who=processes,
        asked=st.sampled_from([("bill",), ENDPOINTS]),
        tenant=tenants,
        credit=st.integers(1, 4),
        outcomes=st.lists(st.sampled_from(list(OUTCOMES)), max_size=4),
    )
    def work(self, *, who, asked, tenant, credit, outcomes):
        """Claim, and settle some of it at once; the rest is held."""
        demand = Demand(CHANNEL, asked, tenant, credit)
        expected = self.expected_claim(who, demand)
        claimed = self.call(self.stores[who].claim, [demand])
        assert names(claimed) == [message.name for message in expected]
        for message, claim in zip(expected, claimed, strict=True):
            message.happens(Event.CLAIM)
            message.owner, message.claim = who, claim
            assert (claim.attempts, claim.suspect) == (message.attempts, message.suspect)
            earlier = [old.epoch for old in message.stale if old.sequence == claim.sequence]
            assert all(claim.epoch > epoch for epoch in earlier)
        for message, outcome in zip(expected, outcomes, strict=False):
            self.settle(message, outcome)

    @precondition(lambda self: any(message.claim for message in self.messages))
    @rule(data=st.data(), outcome=st.sampled_from(list(OUTCOMES)))
    def settle_what_was_held(self, data, outcome):
        held = [message for message in self.messages if message.claim]
        self.settle(data.draw(st.sampled_from(held), label="message"), outcome)

    def settle(self, message: Message, outcome: str) -> None:
        settlement, event = OUTCOMES[outcome]
        store, claim = self.stores[str(message.owner)], message.claim
        assert claim is not None
        assert self.call(store.settle, [(claim, settlement)]) == 0
        if event is Event.EXPIRE:
            self.expire(message)
            return
        message.happens(event)
        if isinstance(settlement, Retry):
            message.due_at = self.clock.wall() + settlement.delay
            message.suspect = False
        if isinstance(settlement, Retry | DeadLetter):
            message.attempts += 1

    def expected_claim(self, who: str, demand: Demand) -> list[Message]:
        ready = [message for message in self.messages if message.may_be_claimed(demand)]
        ready.sort(key=lambda message: message.turn)
        busy = any(message.owner == who and message.suspect for message in self.messages)
        suspects = [message for message in ready if message.suspect][: 0 if busy else 1]
        others = [message for message in ready if not message.suspect]
        return (suspects + others)[: demand.credit]

    @precondition(lambda self: any(message.stale for message in self.messages))
    @rule(data=st.data(), settlement=st.sampled_from([ACK, RELEASE, EXPIRE, BURY]))
    def settle_too_late(self, data, settlement):
        lost = [claim for message in self.messages for claim in message.stale]
        claim = data.draw(st.sampled_from(lost), label="claim")
        assert self.call(self.stores["a"].settle, [(claim, settlement)]) == 1

    # -- time, and ends of processes --------------------------------------------------------

    @rule(who=processes, seconds=st.sampled_from([0.0, 1.0, 3.0, 5.0]))
    def time_passes(self, who, seconds):
        self.clock.advance(seconds)
        self.poll(who)

    def poll(self, who: str) -> None:
        expired = self.come_due()
        assert self.call(self.stores[who].poll).expired == expired

    def come_due(self) -> int:
        now = self.clock.wall()
        expired = 0
        for message in self.messages:
            if message.state not in {State.READY, State.WAITING}:
                continue
            if message.expires_at is not None and message.expires_at <= now:
                self.expire(message)
                expired += 1
            elif message.state is State.WAITING and message.due_at <= now:
                message.happens(Event.COME_DUE)
        return expired

    def expire(self, message: Message) -> None:
        message.happens(Event.EXPIRE)
        self.expired[message.endpoint, message.tenant] += 1

    @precondition(lambda self: any(message.claim for message in self.messages))
    @rule(who=processes)
    def end_badly(self, who):
        """Its lease runs out, the other one takes back what it had; a successor comes."""
        (other,) = set(PROCESSES) - {who}
        self.clock.advance(LEASE)
        assert self.call(self.stores[other].renew)
        lost = [message for message in self.messages if message.owner == who]
        assert self.call(self.stores[other].take_back) == len(lost)
        for message in lost:
            message.attempts += message.suspect
            message.suspect = True
            message.happens(Event.TAKE_BACK)
        assert not self.call(self.stores[who].renew)

    @rule(who=processes)
    def end_well(self, who):
        self.call(self.stores[who].close)
        for message in self.messages:
            if message.owner == who:
                message.happens(Event.RELEASE)
        self.open(who)

    @rule(endpoint=st.sampled_from([None, *ENDPOINTS]))
    def replay(self, endpoint):
        dead = [
            message
            for message in self.messages
            if message.state is State.DEAD and endpoint in {None, message.endpoint}
        ]
        found = self.call(
            lambda: self.stores["a"].dead_letters(DeadLetterFilter(endpoint=endpoint), limit=1000)
        )
        assert sorted(each.message_id for each in found) == sorted(each.name for each in dead)
        by_name = {message.name: message for message in dead}
        for letter in found:
            self.sent += 1
            message = by_name[letter.message_id]
            message.happens(Event.REPLAY)
            message.sequence, message.attempts, message.suspect = self.sent, 0, False
            message.due_at, message.expires_at = self.clock.wall(), None
        matching = DeadLetterFilter(endpoint=endpoint)
        assert self.call(self.stores["b"].replay, matching) == len(dead)

    # -- what holds at any time -------------------------------------------------------------

    @invariant()
    def counts_agree(self) -> None:
        if not self.stores:
            return
        expected = Counter(
            (message.endpoint, message.tenant, str(message.state))
            for message in self.messages
            if message.state not in FINAL
        )
        for (endpoint, tenant), count in self.expired.items():
            expected[endpoint, tenant, "expired"] = count
        found: Counter[tuple[str, str, str]] = Counter()
        for queue in self.call(self.stores["b"].statistics):
            for state in ("ready", "waiting", "claimed", "parked", "dead", "expired"):
                found[queue.endpoint, queue.tenant, state] = getattr(queue, state)
        assert +found == +expected


StoreMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, print_blob=True
)
TestStoreAgainstItsModel = StoreMachine.TestCase


class PostgresMachine(StoreMachine):
    """The same on a database of its own."""

    server: Postgres

    def make(self) -> None:
        self.database = self.server.fresh_database()
        self.url = self.database.__enter__()
        self.clock = self.databases_clock = DatabasesClock(self.url)

    def prepare(self) -> None:
        maker = self.make_store()
        self.call(maker.open, process("maker"))
        self.call(maker.close)
        self.databases_clock.stand_still()

    def make_store(self) -> Store:
        return PostgresStore(self.url, clock=self.clock)

    def open(self, name: str) -> None:
        """It polls when it is opened."""
        super().open(name)
        self.come_due()

    def remove(self) -> None:
        self.databases_clock.close()
        self.database.__exit__(None, None, None)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_postgresql_store_against_the_model(postgres_server):
    machine = type("Machine", (PostgresMachine,), {"server": postgres_server})
    few = settings(max_examples=6, stateful_step_count=30, deadline=None, print_blob=True)

    run_state_machine_as_test(machine, settings=few)

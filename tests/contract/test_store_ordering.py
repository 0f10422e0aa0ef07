"""Random histories of ordering keys, with the claims of three processes on one store.

What is checked is what a user is promised, not how the store does it: of a key one message at a
time is in anybody's hands, nothing overtakes, and in the end everything was handled once.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actorbus._settlement import (
    ACK,
    EXPIRE,
    RELEASE,
    DeadLetter,
    DeadLetterReason,
    Retry,
    Settlement,
)
from actorbus._store import Claimed, DeadLetterFilter
from actorbus.stores import SqliteOptions, SqliteStore
from actorbus.testing import ManualClock, demand, failure, outgoing, process

pytestmark = pytest.mark.timeout(600)  # a failure is made small before it is shown

PROCESSES = ("a", "b", "c")
LEASE = 1000.0
DIES = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())
OUTCOMES: dict[str, Settlement] = {
    "handled": ACK,
    "too old": EXPIRE,
    "given back": RELEASE,
    "failed": Retry(0.0, failure()),
    "failed, wait": Retry(5.0, failure()),
    "failed, skipped": Retry(5.0, failure(), gives_up_turn=True),
    "dead": DIES,
    "dead, parks": DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(), parks_key=True),
}

keys = st.sampled_from(["x", "x", "y", None])
processes = st.sampled_from(PROCESSES)


@dataclass
class Message:
    """What is known of one message. A `loose` one left its place: nothing waits for it."""

    name: str
    key: str | None
    number: int
    loose: bool = False
    done: bool = False
    parks: bool = False
    dead: bool = False
    owner: str = ""
    claim: Claimed | None = None


class OrderingMachine(RuleBasedStateMachine):
    """The store in a trio run of its own; each step is a call into it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.messages: dict[str, Message] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.portal_manager = start_blocking_portal("trio")
        self.call = self.portal_manager.__enter__().call
        self.stores: dict[str, SqliteStore] = {}

    @initialize()
    def open_all(self) -> None:
        for name in PROCESSES:
            self.open(name)

    def open(self, name: str) -> None:
        path = Path(self.folder.name) / "shop.db"
        store = SqliteStore(path, SqliteOptions(synchronous="OFF"), self.clock)
        self.call(store.open, process(name, LEASE))
        self.stores[name] = store

    def teardown(self) -> None:
        if self.stores:
            self.everything_ends()
        for store in self.stores.values():
            self.call(store.close)
        self.portal_manager.__exit__(None, None, None)
        self.folder.cleanup()

    # -- steps ------------------------------------------------------------------------------

    @rule(who=processes, some=st.lists(keys, min_size=1, max_size=4), delay=st.sampled_from([0, 5]))
    def send(self, *, who, some, delay):
        copies = []
        for key in some:
            number = len(self.messages) + 1
            message = Message(str(number), key, number, loose=delay > 0)
            self.messages[message.name] = message
            copies.append(outgoing(message.name, ordering_key=key, delay=delay))
        self.call(self.stores[who].append, copies)

    @rule(
        who=processes,
        credit=st.integers(1, 4),
        outcomes=st.lists(st.sampled_from(list(OUTCOMES)), max_size=4),
    )
    def work(self, *, who, credit, outcomes):
        """Claim, and settle some of it at once; the rest is held in hand."""
        taken = [self.take(who, claim) for claim in self.call(self.claim, who, credit)]
        for message, outcome in zip(taken, outcomes, strict=False):
            self.settle(message, outcome)

    async def claim(self, who: str, credit: int) -> list[Claimed]:
        return await self.stores[who].claim([demand(credit)])

    def take(self, who: str, claim: Claimed) -> Message:
        message = self.messages[claim.message_id]
        assert not message.done
        assert not message.dead
        assert claim.ordering_key == message.key
        if message.key is not None:
            self.check_turn(message)
        message.owner, message.claim = who, claim
        return message

    def check_turn(self, message: Message) -> None:
        others = [
            other
            for other in self.messages.values()
            if other.key == message.key and other is not message and not other.done
        ]
        assert not any(other.claim for other in others), "two of one key in hand"
        assert not any(other.parks for other in others), "a parked key goes on"
        overtaken = [o for o in others if o.number < message.number and not o.loose and not o.dead]
        assert not overtaken, f"{message} overtakes {overtaken}"

    @precondition(lambda self: any(message.claim for message in self.messages.values()))
    @rule(data=st.data(), outcome=st.sampled_from(list(OUTCOMES)))
    def settle_what_was_held(self, data, outcome):
        held = [message for message in self.messages.values() if message.claim]
        self.settle(data.draw(st.sampled_from(held), label="message"), outcome)

    def settle(self, message: Message, outcome: str) -> None:
        claim, settlement = message.claim, OUTCOMES[outcome]
        assert claim is not None
        assert self.call(self.stores[message.owner].settle, [(claim, settlement)]) == 0
        message.claim = None
        message.done = outcome in {"handled", "too old"}
        message.dead = outcome.startswith("dead")
        message.parks = outcome == "dead, parks"
        message.loose |= outcome in {"failed, skipped", "dead"}

    @rule(seconds=st.sampled_from([0.0, 3.0, 5.0]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)
        self.call(self.stores["a"].poll)

    @rule(who=processes)
    def end_badly(self, who):
        """Its lease runs out, another one takes back what it had."""
        others = [name for name in PROCESSES if name != who]
        self.clock.advance(LEASE)
        for name in others:
            self.call(self.stores[name].renew)
        self.call(self.stores[others[0]].take_back)
        self.lose_claims(who)
        self.call(self.stores[who].renew)

    @rule(who=processes)
    def end_well(self, who):
        self.call(self.stores[who].close)
        self.lose_claims(who)
        self.open(who)

    def lose_claims(self, who: str) -> None:
        for message in self.messages.values():
            if message.owner == who:
                message.claim = None

    @rule()
    def replay(self):
        self.call(self.stores["b"].replay, DeadLetterFilter())
        for message in self.messages.values():
            message.dead = message.parks = False

    @rule()
    def delete_dead_letters(self):
        self.call(self.stores["b"].delete_dead_letters, DeadLetterFilter())
        for message in self.messages.values():
            message.done |= message.dead
            message.dead = message.parks = False

    # -- what holds -------------------------------------------------------------------------

    @invariant()
    def queues_add_up(self) -> None:
        if not self.stores:
            return
        queues = self.call(self.stores["c"].statistics)
        stored = sum(q.ready + q.waiting + q.claimed + q.held + q.parked for q in queues)
        assert stored == sum(not (m.done or m.dead) for m in self.messages.values())

    def everything_ends(self) -> None:
        """Give everybody time, and handle what there is: nothing is left, no key is taken."""
        for who in PROCESSES:
            self.end_well(who)
        self.replay()
        self.time_passes(10.0)
        while claimed := self.call(self.claim, "a", 10):
            for claim in claimed:
                self.settle(self.take("a", claim), "handled")
        assert all(message.done for message in self.messages.values())
        assert self.call(self.keys) == 0

    async def keys(self) -> int:
        async with await self.stores["a"].snapshot("test") as snapshot:
            (row,) = await snapshot.fetch("SELECT count(*) FROM actorbus_keys")
            return int(row[0])


OrderingMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, print_blob=True
)
TestOrderingKeys = OrderingMachine.TestCase

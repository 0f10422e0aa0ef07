"""A model of supervisor plus mailbox, under random failures, restarts, floods and shutdowns.

The system runs in a trio run on a thread of its own, in virtual time. Each rule acts inside that
run and returns when every task waits, so that what is checked between two rules stands still.
"""

import threading
from collections import Counter, defaultdict

import trio
import trio.from_thread
import trio.testing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    Mailbox,
    MailboxFull,
    Supervisor,
    SystemFailed,
)
from actors.events import DeadLetter, MailboxOverflow, Undelivered
from supervisors import Backoff, ChildSpec, OneForAll, OneForOne, Redeliver, RestForOne

CAPACITY = 5
SHUTDOWN = 5.0
CHILDREN = ("a", "b", "c")
SENDERS = ("one", "two", "flood")

children = st.sampled_from(CHILDREN)
kinds = st.sampled_from(["quick", "slow", "fail"])


class Worker(Actor):
    """Handles (sender, number, kind): at once, in two seconds, or by failing."""

    def __init__(self, book):
        super().__init__()
        self.book = book

    async def on_start(self):
        if self.book.failing_starts[self.context.name] > 0:
            self.book.failing_starts[self.context.name] -= 1
            raise OSError("a start that fails")
        self.context.start_soon(self.live)

    async def live(self):
        self.book.running[self.context.name] += 1
        try:
            await trio.sleep_forever()
        finally:
            self.book.running[self.context.name] -= 1

    async def on_receive(self, message):
        sender, number, kind = message
        if kind == "slow":
            await trio.sleep(2)
        if kind == "fail":
            raise ValueError(number)
        self.book.handled[self.context.name].append((sender, number))
        return number


class Book:
    """What was accepted, handled and named by an event, for each child."""

    def __init__(self):
        self.accepted = defaultdict(list)
        self.handled = defaultdict(list)
        self.named = defaultdict(list)
        self.running: Counter[str] = Counter()
        self.failing_starts: Counter[str] = Counter()

    def note(self, event):
        messages = event.messages if isinstance(event, Undelivered) else (event.message,)
        name = event.path.rpartition("/")[2]
        self.named[name] += [(sender, number) for sender, number, _ in messages]

    def settled(self, name):
        """What became of what was told; asks are the askers' to account for."""
        entries = self.handled[name] + self.named[name]
        return [entry for entry in entries if entry[0] != "asker"]

    def still_open(self, name):
        return Counter(self.accepted[name]) - Counter(self.settled(name))


class Runtime(RuleBasedStateMachine):
    refs: dict[str, ActorRef[Worker]] = {}  # noqa: RUF012  # replaced in `main`; the invariants look before that, too

    @initialize(
        strategy=st.sampled_from([OneForOne, OneForAll, RestForOne]),
        overflow=st.sampled_from(["fail", "drop_newest", "drop_oldest"]),
        disposition=st.sampled_from(["dead_letter", Redeliver(2)]),
        restart=st.sampled_from(["permanent", "transient", "temporary"]),
        on_give_up=st.sampled_from(["stop", "escalate"]),
        nested=st.booleans(),
    )
    def start(self, *, strategy, overflow, disposition, restart, on_give_up, nested):
        self.book, self.asked, self.number = Book(), [], 0
        self.stops: Counter[str] = Counter()
        self.clock = trio.testing.MockClock()
        chosen = strategy(
            max_restarts=3,
            within=10.0,
            on_give_up=on_give_up,
            backoff=Backoff(initial=1, maximum=8, jitter=0.2),
        )
        specs = [
            ChildSpec(
                Worker,
                (self.book,),
                name=name,
                restart=restart,
                mailbox=Mailbox(CAPACITY, overflow),
                disposition=disposition,
                shutdown_timeout=1.0,
            )
            for name in CHILDREN
        ]
        self.failure, self.ready = None, threading.Event()
        self.thread = threading.Thread(target=self.run_trio, args=(chosen, specs, nested))
        self.thread.start()
        assert self.ready.wait(30)

    def run_trio(self, *args):
        try:
            trio.run(self.main, *args, clock=self.clock)
        except BaseException as error:
            self.failure = error
        finally:
            self.ready.set()

    async def main(self, strategy, specs, nested):
        self.token = trio.lowlevel.current_trio_token()
        self.over = trio.Event()
        options = {} if nested else {"strategy": strategy}
        async with ActorSystem("model", seed=1, shutdown_timeout=SHUTDOWN, **options) as system:
            system.events.subscribe(self.book.note, DeadLetter, MailboxOverflow, Undelivered)
            if nested:
                system.spawn(Supervisor, strategy=strategy, children=specs, name="sup")
                await trio.testing.wait_all_tasks_blocked()
                self.refs = {name: system[f"sup/{name}"] for name in CHILDREN}
            else:
                self.refs = {spec.name: system.spawn(spec) for spec in specs}
                await trio.testing.wait_all_tasks_blocked()
            self.ready.set()
            await self.over.wait()
            ending_at = trio.current_time()
        self.shutdown_took = trio.current_time() - ending_at

    def act(self, function, *args):
        """Call it inside the run, and let everything settle."""

        async def call():
            result = function(*args)
            if result is not None:
                await result
            await trio.testing.wait_all_tasks_blocked()

        if self.thread.is_alive():
            try:
                trio.from_thread.run(call, trio_token=self.token)
            except (trio.RunFinishedError, trio.Cancelled):
                return  # an escalation to the root ended the system

    # -- what may happen -----------------------------------------------------------------------

    def send(self, name, sender, kind):
        self.number += 1
        try:
            self.refs[name].tell((sender, self.number, kind))
        except (MailboxFull, ActorDeadError):
            return
        self.book.accepted[name].append((sender, self.number))

    @rule(name=children, sender=st.sampled_from(["one", "two"]), kind=kinds)
    def tell(self, name, sender, kind):
        self.act(self.send, name, sender, kind)

    @rule(name=children, count=st.integers(1, 3 * CAPACITY), kind=kinds)
    def flood(self, name, count, kind):
        def send_all():
            for _ in range(count):
                self.send(name, "flood", kind)

        self.act(send_all)

    @rule(name=children, kind=kinds)
    def ask(self, name, kind):
        def request():
            reply = self.refs[name].request(("asker", -1, kind))
            reply.add_done_callback(lambda done: setattr(done, "_observed", True))
            self.asked.append(reply)

        self.act(request)

    @rule(name=children, count=st.integers(1, 2))
    def let_starts_fail(self, name, count):
        self.book.failing_starts[name] = count

    @rule(name=children)
    def stop(self, name):
        def request():
            self.stops[name] += 1
            self.refs[name].stop(block=False)

        self.act(request)

    @rule(name=children)
    def kill(self, name):
        self.act(self.refs[name].kill)

    @rule(seconds=st.sampled_from([0.5, 1, 2, 10, 60]))
    def let_time_pass(self, seconds):
        async def pass_time():
            until = trio.current_time() + seconds
            while trio.current_time() < until:
                ahead = trio.lowlevel.current_statistics().seconds_to_next_deadline
                self.clock.jump(min(max(ahead, 0.001), until - trio.current_time()))
                await trio.testing.wait_all_tasks_blocked()

        self.act(pass_time)

    # -- what must hold ------------------------------------------------------------------------

    @invariant()
    def bounds_hold(self):
        """Stop requests are always admitted, and a message in hand may go back to its place."""
        for name, ref in self.refs.items():
            assert ref.actor_inbox.statistics().waiting <= CAPACITY + self.stops[name] + 1

    @invariant()
    def no_two_instances_run_at_once(self):
        if self.refs:
            assert all(count <= 1 for count in self.book.running.values())

    @invariant()
    def each_senders_order_is_kept(self):
        for name in self.refs:
            for sender in SENDERS:
                numbers = [number for who, number in self.book.handled[name] if who == sender]
                assert numbers == sorted(set(numbers))

    @invariant()
    def what_is_not_accounted_for_is_still_there(self):
        for name, ref in self.refs.items():
            there = ref.actor_inbox.statistics().waiting + (ref._cell.in_hand is not None)
            assert self.book.still_open(name).total() <= there

    def finish(self):
        self.clock.autojump_threshold = 0
        self.over.set()

    def teardown(self):
        """Shutdown always ends, in its time, and leaves nothing unsaid."""
        if not self.refs:
            return
        self.act(self.finish)
        self.thread.join(60)
        assert not self.thread.is_alive()
        if self.failure is None:
            assert self.shutdown_took <= SHUTDOWN + 0.1
        else:
            assert isinstance(self.failure, SystemFailed)
        assert not any(self.book.running.values())
        assert all(reply.done for reply in self.asked)
        for name in CHILDREN:
            assert sorted(self.book.settled(name)) == sorted(self.book.accepted[name])


TestRuntime = Runtime.TestCase
TestRuntime.settings = settings(max_examples=60, stateful_step_count=30)

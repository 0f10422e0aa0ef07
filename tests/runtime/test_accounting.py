"""Whatever happens, what was accepted is handled or named by an event; in virtual time."""

from functools import partial

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Actor, ActorDeadError, ActorSystem, Mailbox, MailboxFull
from actors.events import DeadLetter, MailboxOverflow, Undelivered
from supervisors import Backoff, ChildSpec, OneForAll, OneForOne, Redeliver, RestForOne

STEPS = st.one_of(
    st.tuples(st.just("tell"), st.integers(0, 2)),
    st.tuples(st.just("boom"), st.integers(0, 2)),
    st.tuples(st.just("slow"), st.integers(0, 2)),
    st.tuples(st.just("ask"), st.integers(0, 2)),
    st.tuples(st.just("stop"), st.integers(0, 2)),
    st.tuples(st.just("kill"), st.integers(0, 2)),
    st.tuples(st.just("sleep"), st.sampled_from([0, 1, 5])),
)


class Worker(Actor):
    """Says how many of its instances run, and in which order it handled what."""

    def __init__(self, tag, book, fails_to_start):
        super().__init__()
        self.tag, self.book, self.fails_to_start = tag, book, fails_to_start

    async def on_start(self):
        if 0 < self.restarts <= self.fails_to_start:
            raise OSError
        self.context.start_soon(self.live)

    async def live(self):
        running = self.book.running
        running[self.tag] = running.get(self.tag, 0) + 1
        self.book.most = max(self.book.most, running[self.tag])
        try:
            await trio.sleep_forever()
        finally:
            running[self.tag] -= 1

    async def on_receive(self, message):
        kind, number = message
        if kind == "slow":
            await trio.sleep(2)
        if kind == "boom":
            raise ValueError(number)
        self.book.handled.append((self.tag, number))
        return number


class Book:
    """What the sender and the events say."""

    def __init__(self):
        self.most = 0
        self.running, self.handled, self.accepted, self.named, self.asked = {}, [], [], [], []

    def note(self, event):
        tag = event.path.rsplit("/", 1)[-1]
        messages = event.messages if isinstance(event, Undelivered) else (event.message,)
        self.named.extend((tag, number) for _, number in messages)

    def send(self, ref, kind, number):
        try:
            ref.tell((kind, number))
        except (MailboxFull, ActorDeadError):
            return
        self.accepted.append((ref.name, number))


async def play(steps, make_strategy, overflow, disposition, fails_to_start):
    book = Book()
    strategy = make_strategy(
        max_restarts=3, within=5.0, on_give_up="stop", backoff=Backoff(initial=1, jitter=0.2)
    )
    async with ActorSystem("shop", strategy=strategy, seed=1) as system:
        system.events.subscribe(book.note, DeadLetter, MailboxOverflow, Undelivered)
        mailbox = Mailbox(4, overflow)
        refs = [
            system.spawn(
                ChildSpec(
                    Worker,
                    (tag, book, fails_to_start),
                    name=tag,
                    mailbox=mailbox,
                    disposition=disposition,
                    shutdown_timeout=1.0,
                )
            )
            for tag in "abc"
        ]
        for number, (step, which) in enumerate(steps, 1):
            match step:
                case "sleep":
                    await trio.sleep(which)
                case "ask":
                    book.asked.append(refs[which].request(("ask", -number)))
                case "stop":
                    refs[which].stop()
                case "kill":
                    refs[which].kill()
                case _:
                    book.send(refs[which], step, number)
        begun = trio.current_time()
    assert trio.current_time() - begun <= 5.1
    return book


@settings(max_examples=150)
@given(
    steps=st.lists(STEPS, max_size=40),
    make_strategy=st.sampled_from([OneForOne, OneForAll, RestForOne]),
    overflow=st.sampled_from(["fail", "drop_newest", "drop_oldest"]),
    disposition=st.sampled_from(["dead_letter", Redeliver(2)]),
    fails_to_start=st.integers(0, 2),
)
def test_nothing_accepted_is_lost_without_an_event_and_shutdown_always_ends(
    steps, make_strategy, overflow, disposition, fails_to_start
):
    book = trio.run(
        partial(play, steps, make_strategy, overflow, disposition, fails_to_start),
        clock=trio.testing.MockClock(autojump_threshold=0),
    )
    told = [entry for entry in book.handled if entry[1] > 0]
    named = [entry for entry in book.named if entry[1] > 0]
    assert sorted(told + named) == sorted(book.accepted)
    for tag in "abc":
        numbers = [number for who, number in told if who == tag]
        assert numbers == sorted(numbers)
    assert book.most <= 1
    assert not any(book.running.values())
    assert all(reply.done for reply in book.asked)
    for reply in book.asked:
        reply.add_done_callback(lambda done: setattr(done, "_observed", True))

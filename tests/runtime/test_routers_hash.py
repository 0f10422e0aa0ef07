"""ConsistentHash: a key's messages in order and one at a time, whatever becomes of the pool."""

import enum
import subprocess
import sys
import uuid
from collections import Counter
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Actor, ActorSystem, Mailbox, MailboxFull
from actors.events import DeadLetter, Undelivered
from actors.routers import ConsistentHash, Elastic, GetRoutees, Resize, stable_hash
from actors.routers._hash import SLOTS, assign, slot_of
from actors.testing import EventRecorder
from supervisors import ConfigurationError, OneForOne


class Colour(enum.Enum):
    RED = 1


KEYS = ["text", b"bytes", 1, 1.5, True, None, uuid.UUID(int=7), Colour.RED, ("a", ("b", 1))]


def key_of(message):
    return message[0]


class Book:
    """What the routees did: who handled what, and whether a key was ever in two of them."""

    def __init__(self):
        self.handled = []
        self.running: Counter[object] = Counter()
        self.overlaps = []


class Worker(Actor):
    """Takes `seconds` for a message (key, number, seconds); fails for ever if they are negative."""

    def __init__(self, book):
        super().__init__()
        self.book = book

    async def on_receive(self, message):
        key, number, seconds = message
        self.book.running[key] += 1
        if self.book.running[key] > 1:
            self.book.overlaps.append(key)
        try:
            await trio.sleep(abs(seconds))
            self.book.handled.append((key, number, self.context.name))
            if seconds < 0:
                raise ValueError(key)
        finally:
            self.book.running[key] -= 1
        return self.context.name


# -- the hash ------------------------------------------------------------------------------------


def test_the_hash_is_the_same_in_every_process():
    program = "from actors.routers import stable_hash; print(stable_hash(('customer', 7)))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert outputs == {f"{stable_hash(('customer', 7))}\n"}


def test_keys_of_every_kind_hash_apart():
    assert len({stable_hash(key) for key in KEYS}) == len(KEYS)


def test_the_hash_of_a_key_never_changes():
    """Pinned: another value would move every key of a running cluster when it is upgraded."""
    assert 1928893536692403743 == stable_hash("customer-7")


@pytest.mark.parametrize("key", [object(), [1], {"a": 1}, ([],)])
def test_what_has_no_stable_text_is_refused_as_a_key(key):
    with pytest.raises(TypeError, match="not allowed"):
        stable_hash(key)


@given(st.sets(st.integers(1, 40).map(str), min_size=1, max_size=12))
def test_a_routee_that_comes_takes_slots_and_moves_no_others(names):
    before, after = assign(names), assign({*names, "new"})

    assert {new for old, new in zip(before, after, strict=True) if old != new} <= {"new"}


@given(st.sets(st.integers(1, 40).map(str), min_size=1, max_size=16))
def test_every_routee_has_its_share(names):
    shares = Counter(assign(names))

    fair = SLOTS / len(names)
    assert all(0.5 * fair < shares[name] < 1.6 * fair for name in names)


# -- routing -------------------------------------------------------------------------------------


async def test_a_key_stays_with_its_routee():
    async with ActorSystem("test") as system:
        router = system.spawn(ConsistentHash, Worker, Book(), key=key_of, size=4)
        by_key = {
            key: {await router.request((key, number, 0)) for number in range(3)}
            for key in range(40)
        }

    assert all(len(routees) == 1 for routees in by_key.values())
    assert len(set.union(*by_key.values())) == 4


async def test_a_key_that_moves_waits_for_its_old_routee(autojump_clock):
    book = Book()
    async with ActorSystem("test") as system:
        router = system.spawn(ConsistentHash, Worker, book, key=key_of, size=1)
        keys = list(range(20))
        for number in range(3):
            for key in keys:
                router.tell((key, number, 1))
        router.tell(Resize(4))
        late = [router.request((key, 3, 1)) for key in keys]
        routees = [await reply for reply in late]

    assert len(set(routees)) == 4, "they moved"
    for key in keys:
        assert [number for one, number, _ in book.handled if one == key] == [0, 1, 2, 3]
    assert book.overlaps == []


async def test_keys_that_do_not_move_do_not_wait(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(ConsistentHash, Worker, Book(), key=key_of, size=2)
        before, after = assign(["1", "2"]), assign(["1", "2", "3"])
        stays = next(n for n in range(99) if before[slot_of(n)] == after[slot_of(n)] == "2")
        slow = next(n for n in range(99) if before[slot_of(n)] == "1" != after[slot_of(n)])
        router.tell((slow, 0, 100))
        router.tell(Resize(3))
        moved = router.request((slow, 1, 0))

        assert await router.request((stays, 0, 0)) == "2"
        assert trio.current_time() == 0
        assert not moved.done
        assert await moved == "3"
        assert trio.current_time() == 100


async def test_past_the_bound_what_waits_for_a_move_is_refused(autojump_clock):
    class SmallRouter(ConsistentHash, mailbox=Mailbox(2)):
        pass

    async with ActorSystem("test") as system:
        router = system.spawn(SmallRouter, Worker, Book(), key=key_of)
        slow = next(n for n in range(99) if assign(["1", "2"])[slot_of(n)] == "2")
        with EventRecorder(system, DeadLetter) as events:
            await router.send((slow, 0, 100))
            await router.send(Resize(2))
            for number in range(1, 4):
                await router.send((slow, number, 0))
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(MailboxFull):
                await router.request((slow, 4, 0))

    assert [event.message for event in events.of(DeadLetter)] == [(slow, 3, 0)]


async def test_a_routee_that_ends_leaves_dead_letters_and_its_keys_move_on(autojump_clock):
    book = Book()
    async with ActorSystem("test") as system:
        router = system.spawn(ConsistentHash, Worker, book, key=key_of, size=2)
        victim, _ = await router.request(GetRoutees())
        key = next(n for n in range(99) if assign(["1", "2"])[slot_of(n)] == "1")
        with EventRecorder(system, DeadLetter, Undelivered) as events:
            router.tell((key, 0, 2))
            router.tell((key, 1, 0))
            await trio.sleep(1)
            victim.kill()
            await victim.terminated()

            assert await router.request((key, 2, 0)) == "1", "its replacement has its name"

        assert [event.message for event in events.of(DeadLetter)] == [(key, 1, 0)]
        assert [number for _, number, _ in book.handled] == [0, 2]


async def test_a_key_that_cannot_be_hashed_harms_nobody_else():
    async with ActorSystem("test") as system:
        router = system.spawn(ConsistentHash, Worker, Book(), key=key_of)

        with pytest.raises(TypeError):
            await router.request(([], 0, 0))
        assert await router.request((1, 0, 0)) == "1"


async def test_a_mailbox_with_a_priority_is_refused(autojump_clock):
    class Hasty(Worker, mailbox=Mailbox(priority=key_of)):
        pass

    async with ActorSystem("test", strategy=OneForOne(max_restarts=0)) as system:
        with EventRecorder(system) as events:
            router = system.spawn(ConsistentHash, Hasty, Book(), key=key_of)
            await router.terminated()

    failures = [event.exception for event in events.events if hasattr(event, "exception")]
    assert isinstance(failures[0], ConfigurationError)


# -- whatever becomes of the pool ------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("tell"), st.integers(0, 7), st.sampled_from([0, 1, 3])),
    st.tuples(st.just("fail"), st.integers(0, 7), st.just(-1)),
    st.tuples(st.just("resize"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("kill"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("stop"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("sleep"), st.just(0), st.sampled_from([0, 1, 10])),
)


async def play(steps):
    book, sent = Book(), []
    named: list[object] = []

    def note(event):
        messages = event.messages if isinstance(event, Undelivered) else (event.message,)
        named.extend(message[:2] for message in messages if isinstance(message, tuple))

    async with ActorSystem("test", shutdown_timeout=600) as system:
        system.events.subscribe(note, DeadLetter, Undelivered)
        elastic = Elastic(1, 5, interval=7, grow_at=2, patience=2)
        router = system.spawn(ConsistentHash, Worker, book, key=key_of, size=2, elastic=elastic)
        for number, (step, which, seconds) in enumerate(steps):
            match step:
                case "resize":
                    router.tell(Resize(which))
                case "kill" | "stop":
                    routees = await router.request(GetRoutees())
                    ref = routees[which % len(routees)] if routees else router
                    if ref is not router:
                        ref.kill() if step == "kill" else ref.stop(block=False)
                case "sleep":
                    await trio.sleep(seconds)
                case _:
                    router.tell((which, number, seconds))
                    sent.append((which, number))
        await trio.sleep(1000)
    return book, sent, named


@settings(max_examples=100)
@given(st.lists(STEPS, max_size=60))
def test_a_key_never_runs_twice_at_once_nor_out_of_order_nor_gets_lost(steps):
    clock = trio.testing.MockClock(autojump_threshold=0)
    book, sent, named = trio.run(play, steps, clock=clock)

    assert book.overlaps == []
    handled = [(key, number) for key, number, _ in book.handled]
    for which in range(8):
        numbers = [number for key, number in handled if key == which]
        assert numbers == sorted(numbers)
    assert set(sent) == {*handled, *named}
    assert len(handled) == len(set(handled))


async def test_a_pool_that_is_made_waits_for_nobody(autojump_clock):
    """No slot moves while the first routees are added: no message waits for a fence."""

    class Echo(Actor):
        async def on_receive(self, message):
            return message

    async with ActorSystem("shop") as system:
        router = system.spawn(ConsistentHash, Echo, key=lambda message: message, size=20)
        await router.started()
        running: Any = system.root.cells[router.name].actor
        assert running._moving == {}
        assert running._fences == 0
        await router.request(Resize(10))
        assert running._fences == 10

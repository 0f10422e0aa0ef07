"""The mailbox alone: nothing is lost, bounds hold, one owner at a time."""

import sys
import threading
from collections import deque
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pykka import messages

from actors import ActorDeadError, Mailbox, MailboxFull
from actors._lanes import Envelope, StopItself
from actors._mailbox import MailboxQueue


class Owner:
    """Counts how often it is woken, and keeps what was dropped."""

    path = "shop/a"

    def __init__(self):
        self.wakes = 0
        self.dropped = []

    def wake(self):
        self.wakes += 1

    def wake_for_stop(self, envelope):
        self.wake()

    def on_drop(self, envelope):
        self.dropped.append(envelope.message)


def idle(settings=None):
    owner = Owner()
    box = MailboxQueue(settings or Mailbox(), owner)
    assert box.release()
    return box, owner


def test_only_the_first_put_into_an_idle_mailbox_wakes_its_owner():
    box, owner = idle()
    for number in range(3):
        box.put(Envelope(number))
    assert owner.wakes == 1
    assert [box.take().message for _ in range(3)] == [0, 1, 2]
    assert box.take() is None
    assert box.release()
    box.put(Envelope(3))
    assert owner.wakes == 2


def test_it_is_not_released_while_something_waits_or_an_order_is_there():
    box, _ = idle()
    box.put(Envelope(1))
    assert not box.release()
    box.take()
    box.interrupted = True
    assert not box.release()


def test_many_threads_lose_nothing_and_keep_each_senders_order():
    box, _ = idle(Mailbox(capacity=100_000))

    def send(sender):
        for number in range(2000):
            box.put(Envelope((sender, number)))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [box.take().message for _ in range(8000)]
    for sender in range(4):
        assert [n for who, n in taken if who == sender] == list(range(2000))


@pytest.fixture
def restless_threads():
    """Let threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Taking(Owner):
    """Empties its mailbox in a thread of its own, whenever it is woken, until it is told to end."""

    def __init__(self):
        super().__init__()
        self.taken, self.woken = [], threading.Semaphore(0)
        self.box = MailboxQueue(Mailbox(capacity=100_000), self)
        self.box.release()

    def wake(self):
        assert self.box.busy
        self.woken.release()

    def work(self, enough):
        while True:
            self.woken.acquire()
            while (envelope := self.box.take()) is not None or not self.box.release():
                if envelope is not None:
                    self.taken.append(envelope.message)
                if len(self.taken) == enough:
                    return


def send_from_threads(box, count, refused=None):
    """Start 4 threads that put so many objects each, bare; return them and what they put."""
    sent = [[(sender, number) for number in range(count)] for sender in range(4)]

    def send(messages):
        for message in messages:
            try:
                box.put(message)
            except ActorDeadError:
                refused.append(message)

    threads = [threading.Thread(target=send, args=(messages,)) for messages in sent]
    for thread in threads:
        thread.start()
    return threads, [message for messages in sent for message in messages]


@pytest.mark.usefixtures("restless_threads")
def test_an_owner_that_gives_up_while_others_put_is_always_woken_again():
    owner = Taking()
    worker = threading.Thread(target=owner.work, args=(8000,))
    worker.start()
    senders, sent = send_from_threads(owner.box, 2000)
    for thread in (*senders, worker):
        thread.join(timeout=60)
    assert sorted(owner.taken) == sorted(sent)
    assert owner.box.statistics().accepted == owner.box.statistics().taken == 8000


@pytest.mark.usefixtures("restless_threads")
def test_what_is_put_while_the_mailbox_closes_is_left_or_refused_never_both():
    for _ in range(20):
        box, _ = idle(Mailbox(capacity=100_000))
        box.put("the first one makes the lane")
        refused = []
        senders, sent = send_from_threads(box, 200, refused)
        left = [envelope.message for envelope in box.close("gone")]
        for thread in senders:
            thread.join(timeout=60)
        assert sorted(left[1:] + refused) == sorted(sent)
        assert len(box) == 0


def test_a_message_may_be_none_and_is_no_end():
    box, _ = idle()
    box.put(None)
    box.put("next")
    assert [box.take().message, box.take().message, box.take()] == [None, "next", None]


def test_after_closing_every_put_raises_and_what_was_left_is_returned():
    box, _ = idle()
    box.put(Envelope(1))
    assert [envelope.message for envelope in box.close("gone")] == [1]
    for put in (box.put, box.put_always, box.offer):
        with pytest.raises(ActorDeadError, match="gone"):
            put(Envelope(2))
    assert not box.put_system(Envelope(3))


def test_a_stop_request_is_admitted_to_a_full_mailbox_and_never_dropped():
    box, owner = idle(Mailbox(1, "drop_oldest"))
    box.put(Envelope("a"))
    box.put_always(Envelope(messages._ActorStop()))
    box.put(Envelope("b"))
    assert owner.dropped == ["a"]
    assert [box.take().message for _ in range(2)] == [messages._ActorStop(), "b"]


def test_under_a_priority_stop_comes_last_and_drop_oldest_takes_the_least_urgent():
    box, owner = idle(Mailbox(2, "drop_oldest", priority=lambda number: number))
    box.put_always(Envelope(messages._ActorStop()))
    for number in [2, 1]:
        box.put(Envelope(number))
    assert owner.dropped == [2]
    assert [box.take().message for _ in range(2)] == [1, messages._ActorStop()]


class MailboxMachine(RuleBasedStateMachine):
    """A mailbox against a plain list."""

    @initialize(
        capacity=st.integers(1, 4), policy=st.sampled_from(["fail", "drop_newest", "drop_oldest"])
    )
    def begin(self, capacity, policy):
        self.box, self.owner = idle(Mailbox(capacity, policy))
        self.model, self.capacity, self.policy = deque(), capacity, policy
        self.number = self.accepted = self.handled = self.refused = 0
        self.closed = False

    @precondition(lambda self: not self.closed)
    @rule()
    def put(self):
        self.number += 1
        full = len(self.model) >= self.capacity
        if full and self.policy == "fail":
            with pytest.raises(MailboxFull):
                self.box.put(Envelope(self.number))
            self.refused += 1
            return
        self.box.put(Envelope(self.number))
        if full and self.policy == "drop_oldest":
            self.model.popleft()
        if not full or self.policy == "drop_oldest":
            self.model.append(self.number)

    @precondition(lambda self: not self.closed)
    @rule()
    def take(self):
        envelope = self.box.take()
        expected = self.model.popleft() if self.model else None
        assert (envelope and envelope.message) == expected
        self.handled += expected is not None

    @precondition(lambda self: not self.closed and self.model)
    @rule()
    def return_to_head(self):
        envelope = self.box.take()
        self.box.return_to_head([envelope])

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self):
        assert [one.message for one in self.box.close("gone")] == list(self.model)
        self.model.clear()
        self.closed = True

    @precondition(lambda self: self.closed)
    @rule()
    def put_too_late(self):
        with pytest.raises(ActorDeadError):
            self.box.put(Envelope("late"))

    @invariant()
    def nothing_is_lost(self):
        dropped, refused = len(self.owner.dropped), self.refused
        if not self.closed:
            assert self.number == self.handled + len(self.model) + dropped + refused
            assert len(self.box) == len(self.model) <= self.capacity


TestMailboxMachine = MailboxMachine.TestCase


def test_a_stop_request_alone_wakes_no_thread():
    """It is for the trio task; one behind a message is found by whoever empties the mailbox."""
    woken = []

    class Cell(Owner):
        def wake(self):
            woken.append("any")

        def wake_for_stop(self, envelope):
            woken.append("trio")

    for first in (Envelope(StopItself()), Envelope("message")):
        box = MailboxQueue(Mailbox(), Cell())
        box.release()
        box.put_always(first)
        box.put_always(Envelope(StopItself()))

    assert woken == ["trio", "any"]


def test_room_made_between_the_look_and_the_wait_is_announced():
    """The owner takes unlocked: it may see no waiter just before one stands in line."""
    box, _ = idle(Mailbox(capacity=1))
    box.put(Envelope(1))
    taken = box.take()
    waiting = box.until_room().__await__()
    with pytest.raises(StopIteration):
        next(waiting)
    assert taken.message == 1


def test_drop_oldest_takes_what_room_the_owner_makes_meanwhile():
    """Found nothing to drop, because the owner was faster: nothing is dropped."""

    class Racing(deque[Any]):
        def popleft(self):
            self.clear()
            return super().popleft()

    box, owner = idle(Mailbox(capacity=1, overflow="drop_oldest"))
    box._lane = Racing([Envelope("taken by the owner")])
    box.put(Envelope("new"))
    assert [envelope.message for envelope in box._lane] == ["new"]
    assert (owner.dropped, box.dropped) == ([], 0)


@pytest.mark.parametrize(
    ("rank", "error"), [(None, TypeError), ("1", TypeError), (float("nan"), ValueError)]
)
def test_a_priority_that_is_no_number_is_the_senders_error_and_harms_nobody(rank, error):
    box, owner = idle(Mailbox(priority=lambda message: rank if message == "bad" else 1))
    for _ in range(2):
        with pytest.raises(error, match="returned"):
            box.put(Envelope("bad"))
    box.put(Envelope("good"))
    assert box.take().message == "good"
    assert box.take() is None
    assert box.release()
    assert owner.wakes == 1


def test_a_priority_that_fails_drops_no_other_message():
    def rank(message):
        return 1 / message

    box, owner = idle(Mailbox(capacity=1, overflow="drop_oldest", priority=rank))
    box.put(Envelope(1))
    with pytest.raises(ZeroDivisionError):
        box.put(Envelope(0))
    assert (box.take().message, owner.dropped, box.dropped) == (1, [], 0)


def test_a_message_that_comes_back_keeps_the_priority_that_it_had():
    ranks = iter([2, 1])
    box, _ = idle(Mailbox(priority=lambda _: next(ranks)))
    box.put(Envelope("first"))
    box.put(Envelope("second"))
    second, first = box.take(), box.take()
    box.return_to_head([first, second])
    assert [box.take().message, box.take().message] == ["second", "first"]


def test_what_returns_to_an_idle_mailbox_wakes_its_owner():
    box, owner = idle()
    box.return_to_head([Envelope(1)])
    assert owner.wakes == 1

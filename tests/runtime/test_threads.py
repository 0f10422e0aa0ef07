"""Plain handlers on pooled threads, and actors with a thread of their own; on the real clock."""

import contextvars
import threading
from typing import ClassVar

import pytest
import trio
import trio.testing

from actors import Actor, ActorDeadError, ActorSystem, BlockingActor, HandlerTimedOut, Reply
from actors._threads import ThreadPool
from actors.events import HandlerStuck, PoolFull, Restarted
from supervisors import ChildSpec, Directive, OneForAll, OneForOne

variable = contextvars.ContextVar("variable", default="unset")


class Plain(Actor):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_receive(self, message):
        if message == "boom":
            raise ValueError(message)
        if callable(message):
            return message()
        self.seen.append(message)
        return list(self.seen)


class Gates:
    """A handler blocks in `block` until the test opens it."""

    def __init__(self):
        self.entered, self.open = threading.Event(), threading.Event()

    def block(self):
        self.entered.set()
        self.open.wait(10)


@pytest.fixture
def gates():
    gates = Gates()
    yield gates
    gates.open.set()


async def entered(gates):
    with trio.fail_after(10):
        await trio.to_thread.run_sync(gates.entered.wait)


async def test_plain_handlers_run_on_threads_one_message_at_a_time_in_order():
    async with ActorSystem("shop") as system:
        ref = system.spawn(Plain)
        for number in range(1000):
            ref.tell(number)
        assert await ref.request("end") == [*range(1000), "end"]
        assert await ref.request(threading.get_ident) != threading.get_ident()


async def test_a_plain_actor_restarts_and_handles_the_rest():
    async with ActorSystem("shop") as system:
        ref = system.spawn(Plain)
        ref.tell("lost with the instance")
        ref.tell("boom")
        for number in range(100):
            ref.tell(number)
        assert await ref.request("end") == [*range(100), "end"]
        assert ref.statistics().restarts == 1


async def test_an_actor_may_mix_colours_and_still_handles_one_message_at_a_time():
    class Mixed(Actor):
        def __init__(self):
            super().__init__()
            self.busy, self.log = False, []

        async def on_trio(self, number):
            assert not self.busy
            self.busy = True
            await trio.lowlevel.checkpoint()
            self.log.append(number)
            self.busy = False
            return threading.get_ident()

        def on_thread(self, number):
            assert not self.busy
            self.busy = True
            self.log.append(number)
            self.busy = False
            return threading.get_ident()

    async with ActorSystem("shop") as system:
        proxy = system.spawn(Mixed).proxy()
        replies = [
            (proxy.on_trio if number % 3 else proxy.on_thread)(number) for number in range(60)
        ]
        threads = [await reply for reply in replies]
        assert await proxy.log == list(range(60))
        assert threads[1] == threading.get_ident() != threads[0]


async def test_context_variables_travel_with_requests_and_on_request_with_tell():
    class Reader(Plain):
        pass

    async with ActorSystem("shop") as system:
        ref = system.spawn(Reader)
        seen = []
        variable.set("sender's")
        assert await ref.request(variable.get) == "sender's"
        ref.tell(lambda: seen.append(variable.get()))
        ref.tell(lambda: seen.append(variable.get()), context=True)
        await ref.request("end")
        assert seen == ["unset", "sender's"]


async def test_forty_handlers_that_ask_a_forty_first_do_not_lock_up_a_small_pool():
    class Asking(Actor):
        def on_receive(self, target):
            return target.ask("one", timeout=10)

    class Answering(Actor):
        def on_receive(self, message):
            return 1

    async with ActorSystem("shop", max_threads=4) as system:
        target = system.spawn(Answering)
        replies = [system.spawn(Asking).request(target) for _ in range(40)]
        assert sum([await reply for reply in replies]) == 40


async def test_a_full_pool_is_an_event_that_names_its_holders(gates, record):
    async with ActorSystem("shop", max_threads=1) as system:
        full = record(system, PoolFull)
        holder, waiting = system.spawn(Plain, name="holder"), system.spawn(Plain, name="waiting")
        holder.tell(gates.block)
        await entered(gates)
        reply = waiting.request("?")
        gates.open.set()
        await reply
        assert [event.holders for event in full] == [("shop/holder",)]


async def test_a_stuck_handler_is_reported_and_its_slot_works_again(gates, record):
    async with ActorSystem("shop", max_threads=1) as system:
        stuck = record(system, HandlerStuck)
        ref = system.spawn(ChildSpec(Plain, handler_timeout=0.05), name="stuck")
        ref.tell(gates.block)
        await entered(gates)
        neighbour = system.spawn(Plain)
        assert await neighbour.request("served") == ["served"]
        assert [(event.path, event.abandoned) for event in stuck] == [("shop/stuck", False)]
        assert system.statistics().threads_stuck == 1

        gates.open.set()
        assert await ref.request("waited for") == ["waited for"]
        assert ref.statistics().restarts == 0


class Abandoning(Plain, abandon=True, handler_timeout=0.05):
    def on_receive(self, message):
        result = super().on_receive(message)
        if callable(message):
            with pytest.raises(ActorDeadError):
                self.context.spawn(Plain)
            self.late.set()
        return result

    late = threading.Event()


async def test_an_abandoned_handler_lets_its_actor_restart_and_is_refused(gates, record):
    async with ActorSystem("shop", strategy=OneForOne(backoff=None)) as system:
        stuck, restarted = record(system, HandlerStuck), record(system, Restarted)
        ref = system.spawn(Abandoning)
        reply = ref.request(gates.block)
        assert await ref.request("went on") == ["went on"]
        with pytest.raises(HandlerTimedOut):
            await reply
        assert [event.abandoned for event in stuck] == [True]
        assert [event.restarts for event in restarted] == [1]

        gates.open.set()
        with trio.fail_after(10):
            await trio.to_thread.run_sync(Abandoning.late.wait)
        assert await ref.request("unharmed") == ["went on", "unharmed"]


class Ready(Plain, abandon=True, handler_timeout=0.05):
    """Restarts without a thread that is stuck."""


async def test_threads_that_were_written_off_are_never_more_than_the_limit(gates):
    """Past it an actor waits for its thread, whatever `abandon` says."""
    second, reported = Gates(), trio.Event()
    async with ActorSystem("shop", strategy=OneForOne(backoff=None)) as system:
        system.threads.max_stuck = 1
        with pytest.raises(HandlerTimedOut):
            await system.spawn(Ready).request(gates.block)
        with system.events.subscribe(lambda event: reported.set(), HandlerStuck):
            waiting = system.spawn(Ready)
            waiting.tell(second.block)
            with trio.fail_after(10):
                await reported.wait()
        assert system.statistics().threads_stuck == 1
        second.open.set()
        assert await waiting.request("unharmed") == ["unharmed"]
        assert waiting.statistics().restarts == 0


async def test_a_written_off_thread_that_comes_back_makes_room_for_another(gates):
    async with ActorSystem("shop", strategy=OneForOne(backoff=None)) as system:
        system.threads.max_stuck = 1
        threads = []

        def block():
            threads.append(threading.current_thread())
            gates.block()

        ref = system.spawn(Ready)
        with pytest.raises(HandlerTimedOut):
            await ref.request(block)
        gates.open.set()
        await trio.to_thread.run_sync(threads[0].join, 10)
        assert system.statistics().threads_stuck == 0
        second = Gates()
        with pytest.raises(HandlerTimedOut):
            await ref.request(second.block)
        second.open.set()


async def test_a_blocking_actor_that_leaves_its_stuck_thread_gets_a_new_one(gates):
    class Own(BlockingActor, abandon=True, handler_timeout=0.05):
        def on_receive(self, message):
            if callable(message):
                message()
            return threading.get_ident(), self.restarts

    async with ActorSystem("shop", strategy=OneForOne(backoff=None)) as system:
        ref = system.spawn(Own)
        first, _ = await ref.request("?")
        with pytest.raises(HandlerTimedOut):
            await ref.request(gates.block)
        second, restarts = await ref.request("?")
        assert (second != first, restarts) == (True, 1)


def test_an_idle_thread_of_the_pool_ends_after_a_while():
    pool = ThreadPool("idle", keep_alive=0.01)
    first, second = Reply(), Reply()
    pool.submit(lambda: first.set(threading.current_thread()))
    thread = first.get(timeout=10)
    thread.join(10)
    assert not thread.is_alive()
    pool.submit(lambda: second.set(threading.current_thread()))
    assert second.get(timeout=10) is not thread
    pool.close()


async def test_an_async_handler_past_its_limit_is_cancelled(autojump_clock):
    class Slow(Actor, handler_timeout=1.0):
        async def on_receive(self, message):
            if message == "hang":
                await trio.sleep_forever()
            return self.restarts

    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow)
        with pytest.raises(HandlerTimedOut):
            await ref.request("hang")
        assert await ref.request("?") == 0
        ref.tell("hang")
        assert await ref.request("?") == 1


async def test_shutdown_does_not_wait_longer_for_a_blocked_thread_than_it_may(gates, record):
    with trio.fail_after(10):
        async with ActorSystem("shop") as system:
            ref = system.spawn(ChildSpec(Plain, shutdown_timeout=0.05))
            ref.tell(gates.block)
            await entered(gates)
    assert not ref.is_alive()


class Bound(BlockingActor):
    """Notes the thread of everything that it does."""

    threads: ClassVar[set[int]] = set()

    def on_start(self):
        self.threads.add(threading.get_ident())

    def on_receive(self, message):
        self.threads.add(threading.get_ident())
        if message == "boom":
            raise ValueError
        return self.restarts

    def on_stop(self):
        self.threads.add(threading.get_ident())


async def test_a_blocking_actor_keeps_its_own_thread_over_restarts():
    Bound.threads.clear()
    async with ActorSystem("shop", max_threads=1) as system:
        ref = system.spawn(Bound)
        ref.tell("boom")
        assert await ref.request("?") == 1
        others = await system.run_in_thread(threading.get_ident)
    assert len(Bound.threads) == 1
    assert others not in Bound.threads


def test_no_thread_of_ours_is_left_when_a_system_has_ended():
    before = set(threading.enumerate())
    with ActorSystem("shop") as system:
        refs = [system.spawn(Plain) for _ in range(8)] + [system.spawn(Bound)]
        for ref in refs:
            ref.ask("?")
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(5)
    assert not [thread for thread in left if thread.is_alive()]


async def test_run_in_thread_carries_context_and_waits_when_cancelled(gates):
    async with ActorSystem("shop") as system:
        variable.set("here")
        assert await system.run_in_thread(variable.get) == "here"
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.run_in_thread, gates.block)
                await entered(gates)
                scope.cancel()
                gates.open.set()
        assert gates.open.is_set()


async def test_no_two_instances_run_at_once_even_if_a_plain_start_is_slow_to_be_replaced(gates):
    """A group restart meets a member whose plain `on_start` blocks: it waits for the thread."""
    running, most = [], []

    class SlowStart(Actor):
        def on_start(self):
            running.append(self)
            most.append(len(running))
            if not self.restarts:
                gates.block()
            running.remove(self)

    class Sibling(Actor):
        async def on_receive(self, message):
            raise ValueError

    class Parent(Actor):
        strategy = OneForAll(backoff=None)

        async def on_start(self):
            self.context.spawn(Sibling, name="sibling")
            spec = ChildSpec(SlowStart, name="slow", shutdown_timeout=0.01)
            self.context.spawn(spec)

    async with ActorSystem("shop") as system:
        await system.spawn(Parent, name="parent").started()
        await entered(gates)
        slow = system["parent/slow"]
        system["parent/sibling"].tell("boom")
        with trio.move_on_after(0.05):  # past the time limit, which the thread does not keep
            await slow.started()
        assert most == [1]
        gates.open.set()
        with trio.fail_after(10):
            await slow.started()
        assert most == [1, 1]


async def test_a_message_that_waits_for_a_thread_counts_as_waiting(gates):
    async with ActorSystem("shop", max_threads=1) as system:
        system.spawn(Plain, name="holder").tell(gates.block)
        await entered(gates)
        ref = system.spawn(Plain)
        ref.tell("now")
        await trio.testing.wait_all_tasks_blocked()

        assert ref.statistics().mailbox.waiting == 1


class Patient(Plain):
    """Its first instance sets aside what comes first."""

    def on_receive(self, message):
        if message == "first" and self.restarts == 0:
            return self.context.stash()
        return super().on_receive(message)


class OnTrio(Actor):
    async def on_receive(self, message):
        raise ValueError(message)


async def test_what_was_stashed_is_handled_before_what_was_taken_and_waits_for_a_thread(gates):
    failing, holding = Gates(), gates

    def fail():
        failing.block()
        raise KeyError

    strategy = OneForAll(backoff=None, decider={KeyError: Directive.Resume})
    async with ActorSystem("shop", strategy=strategy, max_threads=1) as system:
        holder, ref, neighbour = map(system.spawn, (Plain, Patient, OnTrio))
        for message in ("first", fail, "second"):
            ref.tell(message)
        await entered(failing)
        holder.tell(holding.block)
        failing.open.set()
        await entered(holding)
        await trio.testing.wait_all_tasks_blocked()  # it went on, and "second" has no thread
        neighbour.tell("restart all")
        await trio.testing.wait_all_tasks_blocked()
        holding.open.set()

        assert await ref.request("third") == ["first", "second", "third"]

"""Replies promise not to harm who settles them, to answer all, and to be computed once."""

import asyncio
import concurrent.futures
import gc
import logging
import threading

import pykka
import pytest
import trio

from actors import Actor, ActorSystem, BlockingCall, Mailbox, Reply, ReplyCancelled, Timeout


class Echo(Actor):
    async def on_receive(self, message):
        return message


class PlainEcho(Actor):
    def on_receive(self, message):
        return message


def fail(_reply):
    raise RuntimeError("the callback")


def leave(_reply):
    raise SystemExit


# -- callbacks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fail", [fail, leave])
@pytest.mark.parametrize("kind", [Echo, PlainEcho])
async def test_a_callback_that_fails_harms_neither_the_actor_nor_other_callbacks(
    kind, fail, caplog
):
    caplog.set_level(logging.ERROR, logger="pykka")
    with trio.fail_after(10):
        async with ActorSystem("shop") as system:
            ref = system.spawn(kind)
            reply, called = Reply(), trio.Event()
            token = trio.lowlevel.current_trio_token()
            reply.add_done_callback(fail)
            reply.add_done_callback(lambda _: token.run_sync_soon(called.set))
            answer = ref.request("first")
            answer.add_done_callback(fail)
            answer.add_done_callback(lambda done: reply.settle((done, None, None)))
            await called.wait()
            assert await ref.request("second") == "second"
    assert [record.getMessage() for record in caplog.records] == [
        "A callback of a reply failed:"
    ] * 2


@pytest.mark.parametrize("kind", [Echo, PlainEcho])
async def test_a_subscriber_that_wants_to_leave_ends_nobody(kind):
    def leave(_event):
        raise SystemExit

    with trio.fail_after(10):
        async with ActorSystem("shop") as system:
            system.events.subscribe(leave)
            ref = system.spawn(kind)
            assert await ref.request("x") == "x"


# -- computed once -----------------------------------------------------------------------------


def test_a_mapped_function_runs_once_when_two_threads_look_at_the_same_time():
    calls, inside, leave = [], threading.Event(), threading.Event()

    def slow(value):
        calls.append(value)
        inside.set()
        leave.wait(5)
        return 2 * value

    source = Reply()
    mapped = source.map(slow)
    source.set(3)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(mapped.get)
        assert inside.wait(5)
        second = pool.submit(mapped.get)
        leave.set()
        assert (first.result(5), second.result(5)) == (6, 6)
    assert calls == [3]


# -- foreign futures ---------------------------------------------------------------------------


async def test_a_future_of_a_loop_that_runs_elsewhere_is_awaited_under_trio():
    def run(handed, close):
        async def main():
            future = asyncio.get_running_loop().create_future()
            handed.append(future)
            begun.set()
            await asyncio.to_thread(close.wait)
            future.set_result("value")
            await asyncio.sleep(0)

        asyncio.run(main())

    handed, begun, close = [], threading.Event(), threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, run, handed, close)
        await trio.to_thread.run_sync(begun.wait)
        reply = Reply.of(handed[0])
        assert not reply.done
        close.set()
        with trio.fail_after(10):
            assert await reply == "value"


def test_a_settled_future_is_adapted_although_its_loop_is_closed():
    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result("value")
        return future

    assert Reply.of(asyncio.run(main())).get() == "value"


def test_a_cancelled_future_is_a_cancelled_reply():
    future = concurrent.futures.Future()
    reply = Reply.of(future)
    future.cancel()
    with pytest.raises(ReplyCancelled):
        reply.get(timeout=1)


async def test_a_future_of_pykka_is_awaited_and_its_failure_raised():
    future = pykka.ThreadingFuture()
    future.set_exception((KeyError, KeyError("x"), None))
    with trio.fail_after(10), pytest.raises(KeyError):
        await Reply.of(future)


def test_what_is_no_future_is_refused_and_named():
    with pytest.raises(TypeError, match="cannot adapt 5"):
        Reply.of(5)


# -- waiting -----------------------------------------------------------------------------------


def test_a_blocking_wait_under_asyncio_raises_at_once_with_advice():
    async def main():
        async with ActorSystem("shop") as system:
            ref = system.spawn(Echo)
            with pytest.raises(BlockingCall, match="await ref.request"):
                ref.ask("x")
            with pytest.raises(BlockingCall, match="await reply"):
                Reply().get(timeout=1)
            return await ref.request("awaited")

    assert asyncio.run(main()) == "awaited"


def test_ten_thousand_asks_are_pipelined_from_one_thread():
    with ActorSystem("shop") as system:
        for kind in (Echo, PlainEcho):
            ref = system.spawn(kind)
            replies = [ref.ask(number, block=False) for number in range(10_000)]
            assert [reply.get(timeout=30) for reply in replies] == list(range(10_000))


async def test_cancelling_the_wait_for_a_composed_reply_gives_its_request_up(autojump_clock):
    class Slow(Actor):
        async def on_receive(self, message):
            seen.append(message)
            await trio.sleep(10)

    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow)
        ref.tell("first")
        with trio.move_on_after(1):
            await ref.request("given up").map(str)
        await ref.request("last")
    assert seen == ["first", "last"]


async def test_a_failure_nobody_looked_at_is_logged_once_and_one_looked_at_is_not(caplog):
    caplog.set_level(logging.ERROR, logger="pykka")
    for looked_at in (True, False):
        reply = Reply()
        reply.fail(ValueError("unseen"))
        if looked_at:
            with pytest.raises(ValueError):
                await reply
        del reply
        gc.collect()
    assert [record.exc_info[0] for record in caplog.records] == [ValueError]


async def test_a_late_request_is_late_for_all_who_wait(autojump_clock):
    class Never(Actor):
        async def on_receive(self, message):
            await trio.sleep_forever()

    late = []

    async def wait(reply):
        try:
            await reply
        except Timeout:
            late.append(trio.current_time())

    async with ActorSystem("shop") as system:
        reply = system.spawn(Never).request("x", timeout=3)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(wait, reply)
    assert late == [3, 3, 3]


# -- the sender that waits for room ------------------------------------------------------------


class Gated(Actor, mailbox=Mailbox(capacity=1)):
    def __init__(self, gate, seen):
        super().__init__()
        self.gate, self.seen = gate, seen

    async def on_receive(self, message):
        self.seen.append(message)
        if message == "wait":
            await self.gate.wait()


async def test_a_sender_that_gives_up_hands_its_place_to_the_next(autojump_clock):
    gate, seen, scope = trio.Event(), [], trio.CancelScope()

    async def send_until_cancelled(ref):
        with scope:
            await ref.send("given up")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Gated, gate, seen)
        ref.tell("wait")
        await trio.sleep(1)
        ref.tell("in the mailbox")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_until_cancelled, ref)
            await trio.sleep(1)
            nursery.start_soon(ref.send, "next")
            await trio.sleep(1)
            scope.cancel()
            gate.set()
        await ref.stop()
    assert seen == ["wait", "in the mailbox", "next"]


async def test_a_sender_that_gives_up_as_it_is_told_hands_its_place_to_the_next(autojump_clock):
    gate, seen, scope = trio.Event(), [], trio.CancelScope()

    async def send_until_cancelled(ref):
        with scope:
            await ref.send("given up")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Gated, gate, seen)
        ref.tell("wait")
        await trio.sleep(1)
        ref.tell("in the mailbox")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_until_cancelled, ref)
            await trio.sleep(1)
            nursery.start_soon(ref.send, "next")
            await trio.sleep(1)
            scope.cancel()
            ref.actor_inbox.take()  # makes room, which is told to the one that is cancelled already
            await trio.sleep(1)
            assert ref.actor_inbox.statistics().waiting == 1
            gate.set()
        await ref.stop()
    assert seen == ["wait", "next"]


def test_threads_that_wait_for_room_all_get_in():
    """Senders on asyncio, an actor on a thread: no wake-up is lost between them."""

    class Counting(Actor, mailbox=Mailbox(capacity=1)):
        def __init__(self):
            super().__init__()
            self.count = 0

        def on_receive(self, message):
            self.count += message
            return self.count

    async def main():
        async with ActorSystem("shop") as system:
            ref = system.spawn(Counting)

            async def send():
                for _ in range(200):
                    await ref.send(1)

            await asyncio.wait_for(asyncio.gather(*(send() for _ in range(5))), 30)
            await ref.send(0)
            return ref.statistics().mailbox.accepted

    assert asyncio.run(main()) == 1001


def test_the_default_system_starts_from_a_thread_that_runs_a_loop():
    async def main():
        ref = Echo.start()
        try:
            return await ref.request("awaited")
        finally:
            await ref.stop()

    assert asyncio.run(main()) == "awaited"

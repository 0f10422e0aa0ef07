"""Replies from actors: time limits, giving up, pipelining; virtual time but for threads."""

import concurrent.futures
import gc
import logging
import traceback

import pykka
import pytest
import trio

from actors import Actor, ActorSystem, Reply, ReplyCancelled, Timeout


class Slow(Actor):
    def __init__(self, seen=None):
        super().__init__()
        self.seen = [] if seen is None else seen

    async def on_receive(self, message):
        if isinstance(message, Exception):
            raise message
        self.seen.append(message)
        await trio.sleep(10)
        return message


async def test_a_late_request_raises_timeout_and_its_answer_is_dropped(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow)
        with pytest.raises(Timeout):
            await ref.request(1, timeout=5)
        assert trio.current_time() == 5
        assert await ref.request(2, timeout=50) == 2


async def test_a_late_request_is_skipped_if_it_was_not_begun(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow, seen)
        ref.tell("first")
        with pytest.raises(Timeout):
            await ref.request("late", timeout=5)
        await ref.request("last")
        assert seen == ["first", "last"]
        assert ref.statistics().mailbox.skipped == 1


async def test_a_request_whose_asker_was_cancelled_is_skipped_if_it_was_not_begun(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow, seen)
        ref.tell("first")
        with trio.move_on_after(1):
            await ref.request("given up")
        await ref.request("last")
        assert seen == ["first", "last"]


async def test_cancelling_one_of_two_waiters_does_not_give_the_request_up(autojump_clock):
    async with ActorSystem("shop") as system:
        reply = system.spawn(Slow).request(1)
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def wait_outside():
                    with trio.CancelScope(shield=True):
                        assert await reply == 1

                await reply
        assert await reply == 1


async def test_a_cancelled_reply_says_so(autojump_clock):
    async with ActorSystem("shop") as system:
        reply = system.spawn(Slow).request(1)
        assert reply.cancel()
        with pytest.raises(ReplyCancelled):
            await reply


async def test_errors_keep_their_traceback_however_often_they_are_raised(autojump_clock):
    async with ActorSystem("shop") as system:
        reply = system.spawn(Slow).request(ValueError("mine"))
        texts = []
        for _ in range(3):
            with pytest.raises(ValueError, match="mine") as caught:
                await reply
            texts.append("".join(traceback.format_tb(caught.value.__traceback__)))
    assert "on_receive" in texts[0]
    assert len(texts[2].splitlines()) == len(texts[0].splitlines())


def test_thousands_of_asks_are_pipelined_from_one_thread():
    class Double(Actor):
        async def on_receive(self, message):
            return 2 * message

    with ActorSystem("shop") as system:
        ref = system.spawn(Double)
        replies = [ref.ask(number, block=False) for number in range(5000)]
        assert [reply.get(timeout=10) for reply in replies] == [2 * n for n in range(5000)]


def test_a_blocking_ask_raises_timeout():
    with ActorSystem("shop", shutdown_timeout=0.1) as system, pytest.raises(Timeout):
        system.spawn(Slow).ask(1, timeout=0.01)


def test_a_failure_that_nobody_looked_at_is_logged_when_collected(caplog):
    caplog.set_level(logging.ERROR, logger="pykka")
    reply = Reply()
    reply.set_exception(ValueError("unseen"))
    del reply
    gc.collect()
    assert "nobody looked" in caplog.text
    assert "unseen" in caplog.text


@pytest.mark.parametrize("make", [pykka.ThreadingFuture, concurrent.futures.Future])
async def test_foreign_futures_are_adapted(make):
    future = make()
    reply = Reply.of(future).map(lambda value: value + 1)
    async with trio.open_nursery() as nursery:
        settle = future.set if make is pykka.ThreadingFuture else future.set_result
        nursery.start_soon(trio.to_thread.run_sync, settle, 1)
        with trio.fail_after(10):
            assert await reply == 2


async def test_replies_compose_without_threads(autojump_clock):
    async with ActorSystem("shop") as system:
        first, second = system.spawn(Slow), system.spawn(Slow)
        joined = first.request(1).join(second.request(2), first.request(3))
        total = joined.reduce(lambda left, right: left + right, 0).map(lambda value: value * 10)
        odd = joined.filter(lambda value: value % 2)
        assert await total == 60
        assert await odd == [1, 3]
        assert trio.current_time() == 20


async def test_the_first_failure_is_that_of_a_joined_reply(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow)
        joined = ref.request(1).join(ref.request(ValueError("mine")))
        with pytest.raises(ValueError, match="mine"):
            await joined


async def test_waiting_for_the_end_may_be_cancelled_and_done_again(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow)
        with trio.move_on_after(1):
            await ref.terminated()
        await ref.stop()
        await ref.terminated()


def test_stopping_the_dead_without_waiting_is_no_failure_that_is_logged(caplog):
    caplog.set_level(logging.ERROR, logger="pykka")
    with ActorSystem("shop") as system:
        ref = system.spawn(Actor)
        ref.stop()
        ref.stop(block=False)
        gc.collect()

    assert "nobody looked" not in caplog.text

"""The three worlds: trio, asyncio and plain threads; on the real clock."""

import asyncio
import contextvars
import importlib.util
import threading

import pykka
import pytest
import trio

from actors import Actor, ActorSystem, BlockingActor, BlockingCall, Reply

variable = contextvars.ContextVar("variable", default="unset")


class Echo(Actor):
    async def on_receive(self, message):
        if isinstance(message, Exception):
            raise message
        return message


class Loop(Actor):
    """Tells on which event loop its handlers run."""

    async def on_receive(self, message):
        await asyncio.sleep(0.001)
        return asyncio.get_running_loop(), variable.get()


def test_a_plain_thread_enters_a_system_and_asks():
    with ActorSystem("shop") as system:
        ref = system.spawn(Echo)
        assert ref.ask(1) == 1
        assert pykka.get_all([ref.request(number) for number in range(100)]) == list(range(100))
        with pytest.raises(ValueError, match="mine"):
            ref.ask(ValueError("mine"))


def test_the_exception_of_the_body_arrives_as_raised_from_a_plain_thread():
    with pytest.raises(KeyError), ActorSystem("shop"):
        raise KeyError


def test_under_asyncio_handlers_run_on_the_callers_loop_with_its_context():
    async def main():
        async with ActorSystem("shop") as system:
            variable.set("caller's")
            loop, value = await system.spawn(Loop).request("?")
            assert loop is asyncio.get_running_loop()
            assert value == "caller's"
            replies = [system.spawn(Echo).request(number) for number in range(10)]
            assert await asyncio.gather(*map(wait_for, replies)) == list(range(10))
            assert await asyncio.wait_for(system.spawn(Echo).stop(), 10) is True

    async def wait_for(reply):
        return await reply

    asyncio.run(main())


def test_cancelling_the_asyncio_task_around_a_system_ends_it():
    log = []

    class Slow(Echo):
        async def on_stop(self):
            log.append("stopped")

    async def main():
        async with ActorSystem("shop") as system:
            await system.spawn(Slow).started()
            await asyncio.sleep(3600)

    async def cancel():
        task = asyncio.create_task(main())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert log == ["stopped"]


async def test_a_system_in_trio_has_one_asyncio_thread_for_those_that_need_it():
    class OnAsyncio(Loop, runs_on="asyncio"):
        pass

    async def where():
        await asyncio.sleep(0)
        return threading.get_ident()

    async with ActorSystem("shop") as system:
        first, _ = await system.spawn(OnAsyncio).request("?")
        second, _ = await system.spawn(OnAsyncio).request("?")
        assert first is second
        assert await system.run_on_asyncio(where) != threading.get_ident()


async def test_cancelling_a_run_on_asyncio_cancels_the_task_and_waits_for_it():
    events = []
    begun = threading.Event()

    async def hang():
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    async with ActorSystem("shop") as system:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.run_on_asyncio, hang)
                await trio.to_thread.run_sync(begun.wait)
                nursery.cancel_scope.cancel()
    assert events == ["cancelled"]


async def test_asyncio_code_on_trio_fails_with_the_option_that_helps():
    async with ActorSystem("shop") as system:
        with pytest.raises(RuntimeError, match="no running event loop") as caught:
            await system.spawn(Loop).request("?")
        assert "runs_on='asyncio'" in caught.value.__notes__[0]


async def test_tell_works_from_trio_from_threads_and_from_asyncio():
    seen = []

    class Collect(Actor):
        async def on_receive(self, message):
            seen.append(message)

    async def from_asyncio(ref):
        ref.tell("asyncio")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Collect)
        ref.tell("trio")
        await system.run_in_thread(ref.tell, "thread")
        await system.run_on_asyncio(from_asyncio, ref)
        await ref.request("end")
    assert seen == ["trio", "thread", "asyncio", "end"]


def test_run_starts_an_async_function_in_the_trio_run_from_any_thread():
    async def where():
        await trio.lowlevel.checkpoint()
        return threading.get_ident()

    with ActorSystem("shop") as system:
        here = system.run(where).get(timeout=10)
        called = threading.Event()
        system.call_soon(called.set)
        assert called.wait(10)
    assert here != threading.get_ident()


def test_a_blocking_wait_on_a_loops_thread_raises_at_once_and_says_what_to_do():
    with ActorSystem("shop") as system:
        ref = system.spawn(Echo)

        async def block():
            with pytest.raises(BlockingCall, match="await"):
                ref.ask(1)
            with pytest.raises(BlockingCall, match="await"):
                Reply().get()
            reply = ref.request(1)
            await reply
            assert reply.get() == 1

        trio.run(block)
        asyncio.run(block())


def test_pykka_actors_and_ours_talk_to_each_other_both_ways():
    class Theirs(pykka.ThreadingActor):
        def on_receive(self, message):
            return message.ask("to ours") if hasattr(message, "ask") else f"theirs got {message}"

    class Ours(Actor):
        def on_receive(self, message):
            return message.ask("to theirs") if hasattr(message, "ask") else f"ours got {message}"

    theirs = Theirs.start()
    try:
        with ActorSystem("shop") as system:
            ours = system.spawn(Ours)
            assert theirs.ask(ours, timeout=10) == "ours got to ours"
            assert ours.ask(theirs, timeout=10) == "theirs got to theirs"
    finally:
        theirs.stop()


def test_proxies_follow_the_new_instance_over_a_restart():
    class Counter(Actor):
        def __init__(self):
            super().__init__()
            self.value = 0

        async def add(self, amount):
            self.value += amount
            return self.value

        def fail(self):
            raise ValueError

    with ActorSystem("shop") as system:
        proxy = system.spawn(Counter).proxy()
        assert proxy.add(2).get(timeout=10) == 2
        proxy.fail.defer()
        assert proxy.add(3).get(timeout=10) == 3
        proxy.value = 10
        assert proxy.value.get(timeout=10) == 10


class Telling(Actor):
    """Tells the value of the variable: one class for each world."""

    async def on_receive(self, told):
        if callable(told):
            told(variable.get())
        return variable.get()


class TellingOnAsyncio(Telling, runs_on="asyncio"):
    pass


class TellingOnAThread(Actor):
    def on_receive(self, told):
        if callable(told):
            told(variable.get())
        return variable.get()


class TellingOnItsOwnThread(BlockingActor):
    on_receive = TellingOnAThread.on_receive


@pytest.mark.parametrize(
    "actor", [Telling, TellingOnAsyncio, TellingOnAThread, TellingOnItsOwnThread]
)
async def test_in_every_world_context_travels_with_requests_and_with_tell_when_asked_to(actor):
    told = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(actor)
        variable.set("sender's")
        assert await ref.request("?") == "sender's"
        ref.tell(told.append)
        ref.tell(told.append, context=True)
        await ref.send(told.append, context=True)
        assert await ref.proxy().on_receive("?") == "sender's"
    assert told == ["unset", "sender's", "sender's"]


@pytest.mark.parametrize("installed", [True, False])
async def test_the_asyncio_thread_runs_uvloop_where_that_is_installed(monkeypatch, installed):
    if not installed:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    async def loop():
        return type(asyncio.get_running_loop()).__module__

    async with ActorSystem("shop") as system:
        kind = await system.run_on_asyncio(loop)
    assert kind.startswith("uvloop") == installed


async def test_a_task_that_ends_the_asyncio_loop_costs_what_runs_there_and_no_more():
    """asyncio ends its loop when a task of its own, no handler, raises SystemExit."""

    class Careless(Actor, runs_on="asyncio"):
        async def on_receive(self, message):
            if message == "go":
                self.task = asyncio.create_task(self.leave())
                await asyncio.sleep(3600)
            return self.restarts

        async def leave(self):
            raise SystemExit(3)

    async with ActorSystem("shop") as system:
        ref = system.spawn(Careless)
        with pytest.raises(asyncio.CancelledError, match="from outside"), trio.fail_after(20):
            await ref.request("go")
        assert await ref.request("?") == 0
        ref.tell("go")
        assert await ref.request("?") == 1

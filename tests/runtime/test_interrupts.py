"""KeyboardInterrupt, SystemExit, other BaseExceptions and cancellations; on the real clock."""

import asyncio
import subprocess
import sys

import pytest
import trio

from actors import Actor, ActorSystem
from actors.events import Stopped
from supervisors import ChildSpec, Directive


class Raising(Actor):
    def __init__(self, log=None):
        super().__init__()
        self.log = [] if log is None else log

    async def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        return self.restarts

    async def on_stop(self):
        self.log.append("stopped")


class Odd(BaseException):
    """Neither an Exception nor one that Python knows."""


class RaisingOnAsyncio(Raising, runs_on="asyncio"):
    pass


class RaisingOnThread(Raising):
    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        return self.restarts


worlds = pytest.mark.parametrize("actor", [Raising, RaisingOnThread, RaisingOnAsyncio])


@pytest.mark.parametrize("error", [KeyboardInterrupt("mine"), SystemExit(3)])
async def test_in_the_callers_run_an_interrupt_ends_the_system_in_order_and_is_raised(error):
    log = []
    with pytest.raises(type(error)) as caught, trio.fail_after(10):
        async with ActorSystem("shop") as system:
            system.spawn(Raising, log)
            system.spawn(Raising).tell(error)
            await trio.sleep_forever()
    assert caught.value is error
    assert log == ["stopped"]


async def test_an_interrupt_in_a_plain_handler_does_the_same():
    class Plain(Actor):
        def on_receive(self, message):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), trio.fail_after(10):
        async with ActorSystem("shop") as system:
            system.spawn(Plain).tell("go")
            await trio.sleep_forever()


@worlds
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, Odd])
def test_in_a_system_with_its_own_thread_it_stops_that_actor_alone(kind, actor):
    with ActorSystem("shop") as system:
        sick, well = system.spawn(actor), system.spawn(actor)
        sick.tell(kind())
        sick.terminated().get(timeout=10)
        assert well.ask("?", timeout=10) == 0


@worlds
async def test_any_other_base_exception_stops_one_actor_and_no_other(record, actor):
    async with ActorSystem("shop") as system:
        stopped = record(system, Stopped)
        sick, well = system.spawn(actor), system.spawn(actor)
        sick.tell(Odd())
        await sick.terminated()
        assert await well.request("?") == 0
        assert [(event.path, event.reason) for event in stopped] == [(sick.path, "failed")]


@worlds
async def test_a_cancelled_error_that_nobody_asked_for_is_a_failure_like_any_other(actor):
    async with ActorSystem("shop") as system:
        ref = system.spawn(actor)
        ref.tell(asyncio.CancelledError())
        assert await ref.request("?") == 1


@worlds
async def test_one_that_a_request_is_answered_with_is_the_askers(actor):
    async with ActorSystem("shop") as system:
        ref = system.spawn(actor)
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await ref.request(asyncio.CancelledError("mine"))
        assert await ref.request("?") == 0


@worlds
async def test_unless_a_decider_names_its_type(actor):
    async with ActorSystem("shop") as system:
        decider = {asyncio.CancelledError: Directive.Restart}
        ref = system.spawn(ChildSpec(actor, decider=decider))
        with pytest.raises(asyncio.CancelledError):
            await ref.request(asyncio.CancelledError())
        assert await ref.request("?") == 1


async def test_an_asyncio_handler_that_is_cancelled_by_a_mistake_has_failed():
    class CancelsItself(Actor, runs_on="asyncio"):
        async def on_receive(self, message):
            if message == "cancel":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(3600)
            return self.restarts

    async with ActorSystem("shop") as system:
        ref = system.spawn(CancelsItself)
        ref.tell("cancel")
        assert await ref.request("?") == 1


def test_under_asyncio_it_does_not_end_the_callers_loop():
    async def main():
        async with ActorSystem("shop") as system:
            sick, well = system.spawn(Raising), system.spawn(Raising)
            sick.tell(SystemExit(3))
            await sick.terminated()
            return await well.request("?")

    assert asyncio.run(main()) == 0


async def test_a_cancellation_inside_a_group_passes_through(autojump_clock, record):
    """The handler's nursery fails while it is cancelled by the shutdown: the system still ends."""

    class Grouping(Actor, shutdown_timeout=1.0):
        async def on_receive(self, message):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                try:
                    await trio.sleep_forever()
                finally:
                    raise KeyError("while cancelled")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Grouping)
        ref.tell("go")
        await trio.sleep(1)
        ref.kill()
        await ref.terminated()
        assert ref.statistics().restarts == 0


async def test_an_interrupt_in_the_body_stops_the_actors_first():
    log = []
    with pytest.raises(KeyboardInterrupt):
        async with ActorSystem("shop") as system:
            await system.spawn(Raising, log).started()
            raise KeyboardInterrupt
    assert log == ["stopped"]


def test_ctrl_c_reaches_the_body_and_the_system_ends_in_order():
    program = """
import os, signal, trio
from actors import Actor, ActorSystem

class Interrupting(Actor, shutdown_timeout=0.1):
    async def on_receive(self, message):
        signal.raise_signal(signal.SIGINT)
        await trio.sleep_forever()
    async def on_stop(self):
        print("stopped")

class Other(Interrupting):
    pass

async def main():
    async with ActorSystem("shop", shutdown_timeout=1) as system:
        system.spawn(Other)
        system.spawn(Interrupting, name="i").tell("go")
        await trio.sleep_forever()

try:
    trio.run(main)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["stopped", "interrupted"]

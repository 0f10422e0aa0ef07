"""actors.testing: the clock that does not jump while something runs beside trio."""

import asyncio
import time

import pytest
import trio

from actors import Actor, ActorSystem, BlockingActor
from actors.events import Restarted
from actors.testing import EventRecorder, Probe, VirtualClock
from supervisors import Backoff, OneForOne

HOUR = 3600.0


async def an_hour():
    await trio.sleep(HOUR)


@pytest.fixture
def clock():
    return VirtualClock()


class Plain(Actor):
    """Calls what it is sent, on its thread."""

    def on_receive(self, message):
        return message()


class OnItsOwnThread(Plain, BlockingActor):
    pass


class OnTrio(Actor):
    async def on_receive(self, message):
        return await message()


class OnAsyncio(OnTrio, runs_on="asyncio"):
    pass


def test_hours_pass_at_once():
    async def main():
        await trio.sleep(HOUR)
        return trio.current_time()

    assert trio.run(main, clock=VirtualClock(start=5.0)) == HOUR + 5.0


async def test_pytest_trio_takes_it_as_a_fixture(clock):
    await trio.sleep(HOUR)

    assert clock.current_time() == HOUR


@pytest.mark.parametrize("actor_class", [Plain, OnItsOwnThread])
async def test_it_does_not_jump_while_a_handler_runs_on_a_thread(clock, actor_class):
    async with ActorSystem("test") as system:
        ref = system.spawn(actor_class)

        def busy():
            time.sleep(0.05)
            return clock.current_time()

        with trio.fail_after(HOUR):
            assert await ref.request(busy) == 0.0


async def test_it_does_not_jump_while_a_handler_runs_on_asyncio(clock):
    async with ActorSystem("test") as system:
        ref = system.spawn(OnAsyncio)

        async def busy():
            await asyncio.sleep(0.05)
            return clock.current_time()

        with trio.fail_after(HOUR):
            assert await ref.request(busy) == 0.0


@pytest.mark.parametrize("actor_class", [Plain, OnItsOwnThread])
async def test_a_thread_that_waits_for_a_reply_lets_time_pass(clock, actor_class):
    async with ActorSystem("test") as system:
        sleeper, ref = system.spawn(OnTrio), system.spawn(actor_class)

        def ask():
            sleeper.ask(an_hour)
            time.sleep(0.05)  # awake again: no more time passes
            return clock.current_time()

        assert await ref.request(ask, timeout=2 * HOUR) == HOUR


async def test_a_coroutine_on_asyncio_that_waits_for_a_reply_lets_time_pass(clock):
    async with ActorSystem("test") as system:
        sleeper, ref = system.spawn(OnTrio), system.spawn(OnAsyncio)

        async def ask():
            await sleeper.request(an_hour)
            await asyncio.sleep(0.05)
            return clock.current_time()

        assert await ref.request(ask, timeout=2 * HOUR) == HOUR


async def test_run_in_thread_holds_the_clock_too(clock):
    async with ActorSystem("test") as system:
        with trio.fail_after(HOUR):
            await system.run_in_thread(time.sleep, 0.05)

    assert clock.current_time() == 0.0


async def test_a_worker_process_holds_the_clock_while_it_is_busy(clock):
    async with ActorSystem("test") as system:
        with trio.fail_after(HOUR):
            await system.run_in_process(time.sleep, 0.05)
        now = clock.current_time()

    assert now == 0.0


def test_a_system_in_its_own_thread_takes_it():
    strategy = OneForOne(backoff=Backoff(initial=HOUR, maximum=24 * HOUR, first_immediate=False))
    with ActorSystem("test", clock=VirtualClock(), strategy=strategy) as system:
        ref = system.spawn(Plain)
        with EventRecorder(system) as events:
            ref.tell(lambda: 1 / 0)

            event = events.wait_for(Restarted, timeout=48 * HOUR).get(timeout=5)

    assert event.time >= HOUR


def test_a_thread_of_a_test_holds_it():
    clock = VirtualClock()
    with ActorSystem("test", clock=clock) as system:
        with clock.hold():
            ref = system.spawn(OnTrio)
            ref.started().get(timeout=5)
            reply = ref.request(an_hour)
            assert not reply.done
            assert system.time() == 0.0

        reply.get(timeout=5)

    assert clock.current_time() >= HOUR


def test_without_autojump_it_is_moved_by_hand():
    clock = VirtualClock(autojump=False)
    with ActorSystem("test", clock=clock) as system:
        probe = Probe(system)
        reply = system.spawn(OnTrio).request(an_hour)
        probe.ref.ask("that the sleeper sleeps is not known, so jump until it woke")

        while not reply.done:
            clock.jump(HOUR)
            probe.ref.ask("a round through the run")

    assert reply.done


def test_time_does_not_go_back():
    with pytest.raises(ValueError, match="does not go back"):
        VirtualClock().jump(-1)


def test_it_is_for_one_run():
    clock = VirtualClock()
    trio.run(trio.sleep, 1, clock=clock)

    with pytest.raises(trio.TrioInternalError) as error:
        trio.run(trio.sleep, 1, clock=clock)
    assert "for one trio run" in str(error.value.__cause__)

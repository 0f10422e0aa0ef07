"""The asyncio thread of the drivers: calls, cancellation, its end, and what a crossing costs."""

import asyncio
import contextlib
import logging
import threading
import time

import pytest
import trio
import trio.testing

from actorbus import _driver_thread
from actorbus._driver_thread import DriverThread, DriverThreadEnded


@pytest.fixture
async def drivers():
    thread = DriverThread("test drivers")
    await thread.start()
    with trio.fail_after(10):
        yield thread
        await thread.stop()


async def _name() -> str:
    return threading.current_thread().name


async def test_a_call_runs_on_the_loop_of_the_thread(drivers):
    async def loop():
        return asyncio.get_running_loop()

    assert await drivers.run(_name) == "test drivers"
    assert await drivers.run(loop) is drivers.loop


async def test_an_error_is_raised_where_the_call_was_made(drivers):
    async def fails(text):
        raise LookupError(text)

    with pytest.raises(LookupError, match="nothing there"):
        await drivers.run(fails, "nothing there")


async def test_a_cancelled_call_is_cancelled_and_awaited(drivers):
    begun, steps = trio.Event(), []

    async def waits():
        drivers.tell(begun.set)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    async def call():
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await drivers.run(waits)
        steps.append(f"cancelled: {scope.cancelled_caught}")

    scopes = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await begun.wait()
        scopes[0].cancel()

    assert steps == ["cleaned up", "cancelled: True"]


async def test_a_call_that_is_cancelled_before_it_begins_ends_at_once_and_never_runs(
    drivers, caplog
):
    """It was waited for as one that ignores its cancellation is: for `PATIENCE`."""
    held, is_held, ran = threading.Event(), threading.Event(), []

    def hold():
        is_held.set()
        held.wait(10)

    async def work():
        ran.append(1)

    async def call():
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await drivers.run(work)

    scopes: list[trio.CancelScope] = []
    drivers.call_soon(hold)
    await trio.to_thread.run_sync(is_held.wait)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        scopes[0].cancel()
        await trio.testing.wait_all_tasks_blocked()
        held.set()
    assert scopes[0].cancelled_caught
    assert (ran, caplog.records) == ([], [])


async def test_a_call_that_ends_with_a_value_although_cancelled_returns_it(drivers):
    begun = trio.Event()

    async def finishes():
        drivers.tell(begun.set)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "done already"

    async def call():
        with scope:
            results.append(await drivers.run(finishes))

    scope, results = trio.CancelScope(), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await begun.wait()
        scope.cancel()

    assert results == ["done already"]


async def test_a_call_that_ignores_its_cancellation_is_left_behind(drivers, monkeypatch, caplog):
    monkeypatch.setattr(_driver_thread, "PATIENCE", 0.01)
    begun, over = trio.Event(), asyncio.Event()

    async def ignores():
        drivers.tell(begun.set)
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    async def call():
        with scope:
            await drivers.run(ignores)

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await begun.wait()
        scope.cancel()
    drivers.call_soon(over.set)

    assert scope.cancelled_caught
    assert "did not end within" in caplog.text


async def test_what_still_runs_at_the_end_is_cancelled_and_its_caller_told(drivers):
    begun = trio.Event()
    steps = []

    async def waits():
        drivers.tell(begun.set)
        try:
            await asyncio.sleep(60)
        finally:
            steps.append("cleaned up")

    async def call():
        with pytest.raises(DriverThreadEnded):
            await drivers.run(waits)
        steps.append("told")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await begun.wait()
        await drivers.stop()

    assert steps == ["cleaned up", "told"]
    assert not drivers.is_running


async def test_a_stopped_thread_refuses_calls_and_can_be_started_again(drivers):
    await drivers.stop()
    await drivers.stop()

    with pytest.raises(DriverThreadEnded):
        await drivers.run(_name)
    with pytest.raises(DriverThreadEnded):
        drivers.start_soon(_name)

    await drivers.start()
    assert await drivers.run(_name) == "test drivers"


async def test_a_task_that_nobody_waits_for_ends_with_the_thread(drivers):
    begun, steps = trio.Event(), []

    async def waits():
        drivers.tell(begun.set)
        try:
            await asyncio.sleep(60)
        finally:
            drivers.tell(steps.append, "told while stopping")

    drivers.start_soon(waits)
    await begun.wait()
    await drivers.stop()

    assert steps == ["told while stopping"]


async def test_the_error_of_a_task_that_nobody_waits_for_is_logged(drivers, caplog):
    over = trio.Event()

    async def fails():
        drivers.call_soon(drivers.tell, over.set)
        raise LookupError("nobody waits for this")

    with caplog.at_level(logging.ERROR, "actorbus.drivers"):
        drivers.start_soon(fails)
        await over.wait()
        await drivers.stop()

    assert "nobody waits for this" in caplog.text


async def test_calls_are_carried_out_in_order(drivers):
    numbers, told, over = [], [], trio.Event()

    for number in range(1000):
        drivers.call_soon(numbers.append, number)
        drivers.call_soon(drivers.tell, told.append, number)
    drivers.call_soon(drivers.tell, over.set)
    await over.wait()

    assert numbers == told == list(range(1000))


async def test_calls_that_are_made_together_share_one_wake_up(drivers):
    wakes = []
    lane = drivers._side.to_loop
    wake = lane._wake

    def counted(call):
        wakes.append(call)
        wake(call)

    lane._wake = counted

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(drivers.run, _name)

    assert len(wakes) < 50


async def test_what_is_told_in_one_turn_of_the_loop_wakes_the_run_once(drivers):
    """At its end, however long the turn takes: the run would want the lock that it holds."""
    side, wakes, told, over = drivers._side, [], [], trio.Event()
    wake = side._wake_trio

    def counted(call):
        wakes.append(call)
        wake(call)

    def tell(number):
        drivers.tell(told.append, number)
        if number == 2:
            drivers.tell(over.set)
        time.sleep(0.01)  # long enough for the run to look

    side._wake_trio = counted
    drivers.call_soon(lambda: [drivers.loop.call_soon(tell, number) for number in range(3)])
    await over.wait()

    assert told == [0, 1, 2]
    assert len(wakes) == 1


async def test_a_blocked_run_loop_does_not_stop_the_drivers(drivers):
    beats = threading.Semaphore(0)

    async def beat():
        while True:
            await asyncio.sleep(0.001)
            beats.release()

    drivers.start_soon(beat)

    for _ in range(5):
        assert beats.acquire(timeout=5)  # blocks the trio run on purpose

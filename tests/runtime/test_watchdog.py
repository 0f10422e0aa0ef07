"""What blocks the event loop is named, with the place; what only waits or works is not."""

import logging
import sys
import threading
import time

import pytest
import trio

from actors import Actor, ActorSystem
from actors._watchdog import LOOKS, Watchdog, stack_of_task
from actors.events import LoopBlocked
from supervisors import ConfigurationError

SOON = 0.02
"""Seconds after which these tests call it blocked."""


class Reports:
    """Subscribes to a system; a handler blocks by waiting for them."""

    def __init__(self, system):
        self.events = []
        self.came = threading.Event()
        system.events.subscribe(self._take, LoopBlocked)

    def _take(self, event):
        self.events.append(event)
        self.came.set()

    def block(self):
        """Block this thread until it was reported."""
        assert self.came.wait(timeout=30)


class Blocking(Actor):
    async def on_receive(self, message):
        await self.of_this_actor(message)

    async def of_this_actor(self, function):
        function()


async def test_a_handler_that_blocks_the_loop_is_published_with_its_path_and_stack():
    async with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        await system.spawn(Blocking, name="slow").request(reports.block)
    (event,) = reports.events
    assert event.path == "shop/slow"
    assert event.seconds >= SOON * 0.9
    assert "of_this_actor" in event.stack
    assert "test_watchdog.py" in event.stack.splitlines()[0]  # the runtime's frames are left out


async def test_it_is_one_warning_that_python_shows_without_any_configuration(caplog):
    caplog.set_level(logging.WARNING, logger="actors")
    async with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        await system.spawn(Blocking, name="slow").request(reports.block)
    (record,) = [one for one in caplog.records if one.name == "actors"]
    assert record.levelno == logging.WARNING
    assert "shop/slow has blocked the event loop for" in record.getMessage()
    assert "of_this_actor" in record.getMessage()


class NeverBack(ActorSystem):
    """Its run does not call back."""

    def post_or_ignore(self, function):
        """Do nothing."""


def test_each_blocking_is_reported_once_however_long_it_lasts():
    system = NeverBack("shop")
    reports, watchdog = Reports(system), Watchdog(system, SOON)
    for _ in range(2):
        for _ in range(10 * LOOKS):
            watchdog.look([sys._getframe()])
        watchdog.look([])
    assert len(reports.events) == 2


def test_many_short_steps_in_one_pass_are_nobodys_blocking():
    system = NeverBack("shop")
    reports, watchdog = Reports(system), Watchdog(system, SOON)
    for _ in range(10 * LOOKS):
        watchdog.look([another_frame()])
    assert reports.events == []


def another_frame():
    return sys._getframe()


async def test_a_task_that_comes_back_in_between_does_not_block():
    async with ActorSystem("shop", blocked_after=None) as system:
        reports, watchdog = Reports(system), Watchdog(system, SOON)
        for _ in range(10 * LOOKS):
            watchdog.look([sys._getframe()])  # the run is asked here, so it comes back at once
    assert reports.events == []


async def test_a_run_that_waits_shows_no_task_so_it_is_not_asked():
    run = threading.get_ident()

    def until_it_waits():
        while stack_of_task(sys._current_frames()[run]):
            time.sleep(0.001)

    with trio.fail_after(30):
        await trio.to_thread.run_sync(until_it_waits)


async def test_a_task_of_an_actor_is_named_like_the_actor():
    class Background(Actor):
        async def on_receive(self, function):
            done = trio.Event()

            async def work():
                function()
                done.set()

            self.context.start_soon(work)
            await done.wait()

    async with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        await system.spawn(Background, name="slow").request(reports.block)
    assert reports.events[0].path == "shop/slow"


async def test_what_the_caller_blocks_is_named_like_the_system():
    async with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        reports.block()
    assert reports.events[0].path == "shop"


async def test_it_is_seen_after_a_long_wait_of_the_run_too():
    async with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        slow = system.spawn(Blocking, name="slow")
        await trio.to_thread.run_sync(time.sleep, SOON * 3)  # the watchdog is parked meanwhile
        await slow.request(reports.block)
    assert reports.events[0].path == "shop/slow"


def test_a_system_in_a_thread_of_its_own_is_watched_too():
    with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        system.spawn(Blocking, name="slow").request(reports.block).get()
    assert reports.events[0].path == "shop/slow"


async def test_none_turns_it_off():
    before = threading.active_count()
    async with ActorSystem("shop", blocked_after=None):
        assert threading.active_count() == before


async def test_its_thread_ends_with_the_system():
    async with ActorSystem("shop"):
        assert "actors-shop-watchdog" in [one.name for one in threading.enumerate()]
    assert "actors-shop-watchdog" not in [one.name for one in threading.enumerate()]


async def test_a_mock_clock_jumps_as_without_it(autojump_clock):
    async with ActorSystem("shop", blocked_after=SOON) as system:
        reports = Reports(system)
        before = trio.current_time()
        await trio.sleep(3600)
        assert trio.current_time() - before == 3600
    assert reports.events == []


@pytest.mark.parametrize("wrong", [0, -1, "1", float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="blocked_after="):
        ActorSystem("shop", blocked_after=wrong)

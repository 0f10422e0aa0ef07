"""What the store's actors do again and again, and how soon."""

import json

import pytest
import trio

from actorbus.running._pace import SNAPSHOT_EVERY
from actorbus.running._poller import Alarm


async def test_an_alarm_that_is_asked_for_while_nobody_sleeps_is_heard(autojump_clock):
    """The task was being done, maybe too early to see what it is asked for."""
    alarm, start = Alarm(), trio.current_time()
    alarm.due_in(3)
    alarm.due_in(7)
    await alarm.sleep(10)
    first = trio.current_time() - start
    await alarm.sleep(10)

    assert (first, trio.current_time() - start) == (3, 13)


async def test_a_thousand_wishes_within_its_rest_are_one(autojump_clock):
    alarm, start, times = Alarm(rest=0.01), trio.current_time(), []
    for number in range(1_000):
        alarm.due_in(number / 100_000)
    for _ in range(2):
        await alarm.sleep(10)
        times.append(trio.current_time() - start)
        alarm.due_in(0)

    assert times == pytest.approx([0.01, 0.02])


async def test_the_first_tree_that_a_process_publishes_has_its_channels(autojump_clock, bus):
    """It does not take until the next snapshot."""
    bus.add_channel("mail")
    async with bus.running():
        start = trio.current_time()
        found = []
        while not found:
            await trio.sleep(0.01)
            (process,) = await bus.processes()
            top = json.loads(process.snapshot or '{"tree": {"children": []}}')["tree"]
            found = [
                child["name"]
                for family in top["children"]
                if family["name"] == "channels"
                for child in family["children"]
            ]
        waited = trio.current_time() - start

    assert found == ["mail"]
    assert waited < SNAPSHOT_EVERY / 2

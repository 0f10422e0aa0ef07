"""Bus handlers in worker processes: called, settled, retried and buried like the others."""

import json
import os
from types import SimpleNamespace

import pytest
import trio

from actorbus import ActorBus, Batch, HandlerTimeout, Retry
from actorbus.handling import _start_by
from actors import WorkerDied
from tests.runtime.bus import process_handlers as work
from tests.runtime.bus.process_handlers import GetSize, Render, Rendered
from tests.waiting import until, until_settled


@pytest.fixture
def bus():
    bus = ActorBus("shop")
    bus.add_channel("pictures", retry=Retry(attempts=2, initial=0.01))
    return bus


def lines(path):
    return [line.split() for line in path.read_text().splitlines()]


async def test_a_command_and_a_query_are_answered_from_a_worker(bus):
    bus.command_handler(runs_on="process")(work.render)
    bus.query_handler(runs_on="process")(work.size)
    async with bus.running():
        doubled, worker = await bus.commands.send(Render(number=4))
        assert (doubled, worker != os.getpid()) == (8, True)
        assert await bus.queries.ask(GetSize(3)) == 3


async def test_an_event_is_handled_there_with_its_headers(bus, tmp_path):
    bus.event_handler(channel="pictures", runs_on="process")(work.note)
    async with bus.running():
        await bus.events.publish(Rendered(str(tmp_path / "log")), headers={"tenant": "acme"})
        await bus.idle()
    [(tenant, attempt, worker)] = lines(tmp_path / "log")
    assert (tenant, attempt) == ("acme", "1")
    assert int(worker) != os.getpid()


async def test_a_message_with_an_end_of_life_is_handled_there_before_it(bus, tmp_path):
    bus.event_handler(channel="pictures", runs_on="process", time_to_live=600)(work.note)
    async with bus.running():
        await bus.events.publish(Rendered(str(tmp_path / "log")), headers={"tenant": "acme"})
        await bus.idle()
    assert [line[:2] for line in lines(tmp_path / "log")] == [["acme", "1"]]


async def test_one_whose_life_ends_while_it_waits_for_a_worker_is_not_begun(
    bus, tmp_path, monkeypatch
):
    """The clock is the machine's: what is late here is late in the worker."""
    monkeypatch.setattr(_start_by, "time", SimpleNamespace(monotonic=lambda: -1e9))
    bus.event_handler(channel="pictures", runs_on="process", time_to_live=600)(work.note)
    async with bus.running():
        await bus.events.publish(Rendered(str(tmp_path / "log")))
        await bus.idle()
        assert (bus.counters.expired, await bus.dead_letters.count()) == (1, 0)
    assert not (tmp_path / "log").exists()


async def test_a_worker_that_dies_costs_the_message_one_attempt(bus, tmp_path):
    bus.event_handler(channel="pictures", runs_on="process")(work.die_once)
    async with bus.running():
        await bus.events.publish(Rendered(str(tmp_path / "log")), headers={"tenant": "acme"})
        await until(lambda: bus.counters.handled)
        assert await bus.dead_letters.count() == 0
    first, second = lines(tmp_path / "log")
    assert [first[1], second[1]] == ["1", "2"]
    assert first[2] != second[2]


async def test_a_worker_that_exits_does_not_end_the_bus(bus):
    bus.event_handler(channel="pictures", runs_on="process")(work.leave)
    bus.query_handler(runs_on="process")(work.size)
    async with bus.running():
        await bus.events.publish(Rendered("blue"))
        await until(bus.dead_letters.count)
        [letter] = await bus.dead_letters.list()
        assert "WorkerDied" in str(letter.exception)
        assert letter.attempts == 2
        assert await bus.queries.ask(GetSize(3)) == 3


async def test_what_fails_there_for_good_is_a_dead_letter_with_the_workers_traceback(bus):
    bus.event_handler(channel="pictures", runs_on="process", permanent=ValueError)(work.refuse)
    async with bus.running():
        await bus.events.publish(Rendered("blue"))
        await bus.idle()
        [letter] = await bus.dead_letters.list()
        shown = await bus.dead_letters.show(letter.copy_id)
    assert "ValueError" in str(shown)
    assert "process_handlers.py" in str(shown)


async def test_past_its_timeout_it_is_ended_with_its_worker(bus, tmp_path):
    bus.command_handler(runs_on="process", timeout=0.1)(work.hang)
    bus.command_handler(runs_on="process")(work.render)
    async with bus.running():
        _, worker = await bus.commands.send(Render())
        with pytest.raises(HandlerTimeout, match=r"hang ran longer than 0\.1 s"):
            await bus.commands.send(Rendered(str(tmp_path / "pid")))
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
        assert (await bus.commands.send(Render(number=1)))[0] == 2


async def test_stopping_the_bus_ends_what_a_worker_still_does(tmp_path):
    bus = ActorBus("shop", shutdown_timeout=0.2)
    bus.add_channel("pictures")
    bus.event_handler(channel="pictures", runs_on="process")(work.hang)
    with trio.fail_after(20):
        async with bus.running():
            await bus.events.publish(Rendered(str(tmp_path / "pid")))
            await until((tmp_path / "pid").exists)
    assert len(bus.unfinished) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_worker_that_dies_in_a_call_is_the_callers_error(bus):
    bus.command_handler(runs_on="process")(work.die_at_once)
    async with bus.running():
        with pytest.raises(WorkerDied, match=r"exited with code 9 while it ran .*die_at_once"):
            await bus.commands.send(Render())


BATCHES = {"channel": "pictures", "runs_on": "process", "batch": Batch(size=4, wait=0.2)}


async def publish_four(bus, path):
    async with bus.running():
        for number in range(4):
            await bus.events.publish(Rendered(str(path)), headers={"number": str(number)})
        await until_settled(bus, 4, within=50)
        return [json.loads(letter.headers)["number"] for letter in await bus.dead_letters.list()]


async def test_a_batch_goes_to_a_worker_and_says_there_which_failed(bus, tmp_path):
    bus.event_handler(**BATCHES)(work.note_all)
    dead = await publish_four(bus, tmp_path / "log")
    calls = lines(tmp_path / "log")
    assert (dead, [call[:-1] for call in calls]) == (["2"], [["0", "1", "2", "3"], ["2"]])
    assert str(os.getpid()) not in {call[-1] for call in calls}


async def test_a_message_that_ends_the_worker_costs_the_others_of_its_batch_nothing(bus, tmp_path):
    bus.event_handler(**BATCHES)(work.die_of_one)
    dead = await publish_four(bus, tmp_path / "log")
    handled = [number for call in lines(tmp_path / "log") for number in call[:-1]]
    assert (dead, sorted(handled)) == (["2"], ["0", "1", "3"])

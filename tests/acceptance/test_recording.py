"""Recording a running bus: what is in the file, what ends it, and that the bus never minds."""

import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
import trio

from actorbus import (
    ActorBus,
    Backoff,
    Batch,
    BusConfigurationError,
    BusStateError,
    DynamicChannel,
    PermanentError,
    RecordingEnded,
    Retry,
    header,
)
from actorbus.tuning import read_recording
from tests.waiting import until


@dataclass(frozen=True)
class Mail:
    number: int
    text: str = "secret words"


class GatewayDown(Exception):
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.jsonl"


def make_bus(fails=lambda mail, attempt: None, store=":memory:", **options):
    """Return a bus whose handler raises what `fails` returns."""
    bus = ActorBus("shop", store, seed=1)
    bus.add_channel(
        "mails",
        concurrency=2,
        retry=Retry(attempts=2, initial=0.01, jitter=0.0),
        backoff=Backoff(initial=0.01, first_immediate=False),
        outage=(GatewayDown,),
    )
    attempts = Counter()

    @bus.event_handler(channel="mails", endpoint_id="send", **options)
    async def send(mail: Mail):
        attempts[mail.number] += 1
        error = fails(mail, attempts[mail.number])
        if error is not None:
            raise error

    return bus


async def handle(bus, *mails):
    for mail in mails:
        await bus.events.publish(mail)
    await until(lambda: bus.counters.handled + bus.counters.dead == len(mails))


def kinds(recording, message):
    return [event.kind for event in recording.events if event.message == message]


def ending(recording) -> str:
    assert recording.ended is not None
    return str(recording.ended.ended)


async def test_what_happened_to_each_message_is_recorded_with_times(file):
    """A success, a failure that is retried, one for good; never what they were about."""
    failures = {
        2: lambda attempt: ValueError("no such street") if attempt == 1 else None,
        3: lambda _attempt: ValueError("no such street"),
        4: lambda _attempt: PermanentError("never"),
    }
    bus = make_bus(lambda mail, attempt: failures.get(mail.number, lambda _: None)(attempt))
    async with bus.running(), bus.record(file) as recorder:
        await handle(bus, *map(Mail, [1, 2, 3, 4]))
    recording = read_recording(file)
    assert kinds(recording, 1) == ["arrived", "began", "done"]
    assert kinds(recording, 2) == ["arrived", "began", "failed", "retried", "began", "done"]
    assert kinds(recording, 3) == [
        *("arrived", "began", "failed", "retried", "began", "failed", "dead"),
    ]
    assert kinds(recording, 4) == ["arrived", "began", "permanent", "dead"]
    failed = next(event for event in recording.events if event.kind == "failed")
    assert (failed.endpoint, failed.attempt, failed.exception) == (0, 1, "ValueError")
    assert isinstance(failed.value, float)
    assert next(one.value for one in recording.events if one.kind == "retried") == 0.01
    reasons = {one.value for one in recording.events if one.kind == "dead"}
    assert reasons == {"permanent error", "attempts exhausted"}
    assert recorder.outcome.ending == "stopped"
    assert recorder.outcome.events == len(recording.events)


async def test_nothing_personal_is_in_the_file(file):
    """No payload, no id, no tenant's name, no text of an exception."""
    bus = ActorBus("shop")
    bus.add_channel(DynamicChannel("mails", tenant=header("tenant"), retry=Retry(attempts=1)))
    ids = []

    @bus.event_handler(channel="mails", endpoint_id="send")
    async def send(mail: Mail):
        raise ValueError(mail.text)

    async with bus.record(file), bus.running():
        for tenant in ("acme", "umbrella"):
            receipt = await bus.events.publish(Mail(1), headers={"tenant": tenant})
            ids.append(str(receipt))
        await until(lambda: bus.counters.dead == 2)
    text = file.read_text(encoding="utf-8")
    assert [word for word in ("secret", "acme", "umbrella", *ids) if word in text] == []
    assert list(read_recording(file).endpoints) == ["send tenant 1", "send tenant 2"]


async def test_the_settings_of_each_endpoint_are_recorded(file):
    bus = make_bus(breaker=7)
    async with bus.record(file), bus.running():
        pass
    (settings,) = read_recording(file).endpoints.values()
    assert (settings.channel, settings.concurrency, settings.breaker) == ("mails", 2, 7)
    assert (settings.retry.attempts, settings.retry.initial) == (2, 0.01)
    assert (settings.backoff.initial, settings.backoff.first_immediate) == (0.01, False)


async def test_an_outage_is_recorded_from_its_first_failure_to_the_first_success(file):
    bus = make_bus(lambda _mail, attempt: GatewayDown() if attempt <= 2 else None)
    async with bus.record(file), bus.running():
        await handle(bus, Mail(1))
    recording = read_recording(file)
    told = [event.kind for event in recording.events if event.kind != "arrived"]
    assert told.count("outage") == 2
    assert told[:3] == ["began", "outage", "sick"]
    assert told.index("backing off") < told.index("restarted") < told.index("done")
    assert told[-1] == "healthy"
    sick = next(event for event in recording.events if event.kind == "sick")
    assert (sick.message, sick.value, sick.exception) == (0, 1, "GatewayDown")


async def test_each_message_of_a_batch_is_recorded(file):
    bus = ActorBus("shop")
    bus.add_channel("mails")

    @bus.event_handler(channel="mails", batch=Batch(size=3, wait=0.01))
    async def send(mails: list[Mail]):
        pass

    async with bus.record(file), bus.running():
        await bus.events.publish_many([Mail(n) for n in range(3)])
        await until(lambda: bus.counters.handled == 3)
    recording = read_recording(file)
    assert [kinds(recording, n) for n in (1, 2, 3)] == [["arrived", "began", "done"]] * 3


async def test_how_long_a_message_had_waited_is_recorded(file, tmp_path):
    bus = make_bus(store=f"sqlite:///{tmp_path / 'shop.db'}")
    async with bus.running("none"):
        await bus.events.publish(Mail(1))
        await trio.sleep(0.05)
    async with bus.record(file), bus.running():
        await until(lambda: bus.counters.handled == 1)
    arrived = next(event for event in read_recording(file).events if event.kind == "arrived")
    assert isinstance(arrived.value, float)
    assert arrived.value >= 0.05


def test_a_program_without_a_loop_records_too(file):
    bus = make_bus()
    with bus.record(file), bus.running_in_thread():
        bus.events.publish(Mail(1)).get()
        bus.idle().get()
    assert kinds(read_recording(file), 1) == ["arrived", "began", "done"]


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_it_is_recorded_in_either_world(file, backend):
    async def main():
        bus = make_bus()
        async with bus.running(), bus.record(file):
            await bus.events.publish(Mail(1))
            await bus.idle()

    anyio.run(main, backend=backend)
    assert kinds(read_recording(file), 1) == ["arrived", "began", "done"]


async def test_nothing_is_recorded_after_its_block(file):
    bus = make_bus()
    async with bus.running():
        async with bus.record(file):
            await handle(bus, Mail(1))
        await bus.events.publish(Mail(2))
        await until(lambda: bus.counters.handled == 2)
        endpoints = bus._run.delivery._surroundings.endpoints
        assert [endpoint.workload.watcher for endpoint in endpoints] == [None]
    assert kinds(read_recording(file), 2) == []


async def test_a_limit_ends_the_recording_and_not_the_bus(file):
    bus = make_bus()
    ended = []
    async with bus.running():
        bus.system.events.subscribe(ended.append, RecordingEnded)
        async with bus.record(file, max_events=4):
            await handle(bus, *map(Mail, range(3)))
            await until(lambda: ended)
        await bus.events.publish(Mail(9))
        await until(lambda: bus.counters.handled == 4)
    recording = read_recording(file)
    assert (len(recording.events), ending(recording)) == (4, "limit")
    assert (ended[0].ending, ended[0].events, ended[0].error) == ("limit", 4, None)


async def test_the_file_stays_within_its_size(file):
    bus = make_bus()
    async with bus.running(), bus.record(file, max_size=10_000) as recorder:
        await bus.events.publish_many([Mail(n) for n in range(300)])
        await until(lambda: recorder.outcome is not None)
    assert file.stat().st_size <= 10_000
    assert ending(read_recording(file)) == "limit"


async def test_it_ends_after_its_time(file):
    bus = make_bus()
    async with bus.running(), bus.record(file, for_=0.01) as recorder:
        await until(lambda: recorder.outcome is not None)
    assert ending(read_recording(file)) == "limit"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
async def test_a_full_disk_ends_the_recording_and_not_the_bus(caplog):
    """The event names the error, and the log says it."""
    bus = make_bus()
    ended = []
    async with bus.running():
        bus.system.events.subscribe(ended.append, RecordingEnded)
        async with bus.record("/dev/full", overwrite=True):
            await until(lambda: ended)
            await handle(bus, Mail(1))
    assert (ended[0].ending, ended[0].error.errno) == ("failed", 28)
    assert "recording /dev/full ended after 0 events" in caplog.text


async def test_what_is_wrong_with_a_recording_is_told_at_once(file):
    bus = make_bus()
    with pytest.raises(BusConfigurationError) as caught:
        bus.record(file, for_=0, max_events=0, max_size=5)
    assert [str(problem) for problem in caught.value.problems] == [
        "bus.record(...): for_=0 is not allowed: give seconds above 0, or a timedelta",
        "bus.record(...): max_events=0 is not allowed: give a whole number of at least 1",
        "bus.record(...): max_size=5 is not allowed: give bytes, a whole number of at least 10000",
    ]
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError):
        await bus.record(file).__aenter__()
    with pytest.raises(BusStateError, match="async with"), bus.record(file):
        pass
    assert file.read_text(encoding="utf-8") == "mine"


async def test_one_recording_at_a_time(file, tmp_path):
    bus = make_bus()
    other = tmp_path / "other.jsonl"
    async with bus.record(file):
        with pytest.raises(BusStateError, match="is recorded already"):
            async with bus.record(other):
                pass
    assert not other.exists()
    assert read_recording(file).events == []


async def test_a_recording_that_is_refused_leaves_the_file_that_it_would_have_overwritten(
    file, tmp_path
):
    """Also if that is the file to which the bus is recorded now."""
    bus, other = make_bus(), tmp_path / "other.jsonl"
    other.write_text("mine", encoding="utf-8")
    async with bus.running(), bus.record(file):
        await bus.events.publish(Mail(1))
        await bus.idle()
        for path in (other, file):
            with pytest.raises(BusStateError, match="is recorded already"):
                await bus.record(path, overwrite=True).__aenter__()
    assert other.read_text(encoding="utf-8") == "mine"
    assert [one.kind for one in read_recording(file).events] == ["arrived", "began", "done"]
    async with bus.record(file, overwrite=True):
        pass
    assert read_recording(file).events == []


def test_a_child_process_that_leaves_the_block_lets_the_recording_be(file):
    """It has neither the thread that writes nor the file: it does not wait, and writes nothing."""
    bus = make_bus()
    with bus.record(file), bus.running_in_thread():
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10)
            bus._recorder.__exit__(None, None, None)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        bus.events.publish(Mail(1)).get()
        bus.idle().get()
    recording = read_recording(file)
    assert recording.ended is not None
    assert recording.ended.ended == "stopped"
    assert [one.kind for one in recording.events] == ["arrived", "began", "done"]


WORKER = """
import sys, trio
__name__ = "worker"
from dataclasses import dataclass
from actorbus import ActorBus
@dataclass(frozen=True)
class Mail:
    number: int
bus = ActorBus("shop")
bus.add_channel("mails")
@bus.event_handler(channel="mails", endpoint_id="send")
async def send(mail: Mail):
    await bus.events.publish(Mail(mail.number + 1))
async def main():
    async with bus.running(), bus.record(sys.argv[1]):
        await bus.events.publish(Mail(1))
        await trio.sleep_forever()
trio.run(main)
"""


async def test_a_killed_process_leaves_a_trace_that_can_be_read(file):
    """What was written before the kill is there; it has no end."""
    process = await trio.lowlevel.open_process([sys.executable, "-c", WORKER, str(file)])
    try:
        await until(lambda: process.poll() or (file.exists() and file.stat().st_size > 2000))
    finally:
        process.kill()
        await process.wait()
    recording = read_recording(file)
    assert recording.ended is None
    assert kinds(recording, 1) == ["arrived", "began", "done"]
    assert json.loads(file.read_bytes().splitlines()[0])["format"] == "actorbus-trace"

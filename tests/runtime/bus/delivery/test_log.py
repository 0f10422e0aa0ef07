"""What the log says: each failure once, at a level and a length that suit it."""

import logging

import pytest
import trio

from actorbus import BrokerRecovered, BrokerTrouble, PermanentError, Retry
from tests.runtime.bus.delivery.jobs import Job


@pytest.fixture
def logged(caplog):
    """Return the level and the text of each record of a logger."""
    for logger in ("actorbus", "pykka"):
        caplog.set_level(logging.INFO, logger)

    def of(name):
        return [
            (record.levelname, record.getMessage())
            for record in caplog.records
            if record.name == name
        ]

    return of


async def fail_with(bus, error, *, attempts=2):
    bus.add_channel("mail", retry=Retry(attempts=attempts, initial=1.0, jitter=0.0))

    @bus.event_handler(channel="mail", endpoint_id="confirm")
    async def handle(event: Job):
        raise error

    async with bus.running():
        await bus.events.publish(Job(1), message_id="job-1")
        await trio.sleep(60)
        return await bus.dead_letters.list()


async def test_a_failed_attempt_is_a_line_and_the_last_one_an_error_with_its_traceback(
    autojump_clock, bus, logged, caplog
):
    [letter] = await fail_with(bus, ValueError("no address"))

    attempt, death = logged("actorbus")
    error = "ValueError('no address')"
    first = f"confirm: attempt 1 of message job-1 failed, the next one in 1.00 s: {error}"
    last = "confirm: message job-1 is a dead letter now, attempts exhausted after attempt 2"
    assert attempt == ("WARNING", first)
    assert death == ("ERROR", f"{last}, as {letter.copy_id}: {error}")
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


async def test_a_declared_failure_needs_no_traceback(autojump_clock, bus, logged, caplog):
    await fail_with(bus, PermanentError("bounced"))

    [(level, text)] = logged("actorbus")
    assert level == "ERROR"
    assert "permanent error after attempt 1" in text
    assert not caplog.records[0].exc_info


async def test_an_outage_is_a_traceback_once_and_then_a_line_for_each_probe(
    autojump_clock, bus, logged, caplog
):
    """The endpoint rests 30 seconds at most, so it probes a few times in the minute."""
    await fail_with(bus, ConnectionError("mail is down"))

    first, *later = [record for record in caplog.records if record.name == "pykka"]
    assert first.exc_info
    assert len(later) > 2
    assert not any(record.exc_info for record in later)
    assert {text.partition(", again: ")[2] for _, text in logged("pykka")[1:]} == {
        "actorbus.endpoints._errors.EndpointOutage: confirm: ConnectionError('mail is down')"
    }


async def test_the_end_of_an_outage_is_told(autojump_clock, bus, logged):
    bus.add_channel("mail")
    broken = [ConnectionError("mail is down")]

    @bus.event_handler(channel="mail", endpoint_id="confirm")
    async def handle(event: Job):
        if broken:
            raise broken.pop()

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(60)

    assert logged("actorbus") == [("INFO", "confirm: works again")]


async def test_a_broker_in_trouble_is_named_with_its_cause(autojump_clock, bus, logged):
    error = LookupError("topic 'orders' is not there")
    async with bus.running():
        bus.system.events.publish(BrokerTrouble("shop/channels/kafka", 0.0, "kafka", error))
        bus.system.events.publish(BrokerRecovered("shop/channels/kafka", 1.0, "kafka"))
        await trio.sleep(1)

    trouble, recovered = logged("actorbus")
    text = f"channel kafka: its broker is in trouble, and is tried again: {error!r}"
    assert trouble == ("WARNING", text)
    assert recovered == ("INFO", "channel kafka: its broker answers again")

"""A message's own budget: attempts, waits, dead letters. It never touches the endpoint's."""

import pytest
import trio

from actorbus import (
    DeadLetterFilter,
    Headers,
    MessageDied,
    MessageRetried,
    PermanentError,
    Retry,
    Transaction,
)
from tests.runtime.bus.delivery.jobs import Job


class Refused(Exception):
    pass


async def test_a_failing_message_is_tried_again_under_its_channels_retry(autojump_clock, bus, log):
    """Three attempts, one and then two seconds apart; the others are handled once."""
    bus.add_channel("mail", retry=Retry(attempts=3, initial=1.0, factor=2.0, jitter=0.0))

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        log.note(event)
        if event.number == 2:
            raise ValueError("two")

    async with bus.running():
        for number in (1, 2, 3):
            await bus.events.publish(Job(number))
        await trio.sleep(60)

    assert sorted(log.handled) == [1, 2, 2, 2, 3]
    waits = [at for number, at in zip(log.handled, log.at, strict=True) if number == 2]
    assert waits == pytest.approx([0.0, 1.0, 3.0], abs=0.05)


async def test_its_last_attempt_goes_to_the_dead_letters_with_all_that_is_known(
    autojump_clock, bus
):
    bus.add_channel("mail", retry=Retry(attempts=2, initial=1.0))

    @bus.event_handler(channel="mail")
    async def handle(event: Job, headers: Headers):
        raise ValueError(f"attempt {headers.attempt}")

    async with bus.running():
        await bus.events.publish(Job(1), headers={"region": "north"})
        await trio.sleep(60)
        [row] = await bus.dead_letters.list()
        letter = await bus.dead_letters.show(row.copy_id)

    assert (letter.reason, letter.attempts) == ("attempts exhausted", 2)
    assert (letter.exception, letter.exception_message) == ("ValueError", "attempt 2")
    assert "raise ValueError" in letter.traceback
    assert letter.headers == '{"region":"north"}'
    assert [one.message for one in letter.failures] == ["attempt 1", "attempt 2"]
    assert [one.attempt for one in letter.failures] == [1, 2]


@pytest.mark.parametrize("error", [PermanentError("never"), Refused("never")])
async def test_a_permanent_error_is_not_retried(autojump_clock, bus, error, log):
    bus.add_channel("mail", retry=Retry(attempts=5))

    @bus.event_handler(channel="mail", permanent=Refused)
    async def handle(event: Job):
        log.note(event)
        raise error

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(60)
        [letter] = await bus.dead_letters.list()

    assert (log.handled, letter.reason) == ([1], "permanent error")


async def test_an_undecodable_body_goes_to_the_dead_letters_without_a_start(
    autojump_clock, bus, log
):
    """The body is spoiled while the message waits in the dead letters, and then replayed."""
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        log.note(event)
        raise PermanentError("at first")

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(1)
        [letter] = await bus.dead_letters.list()
        await bus.dead_letters.edit(letter.copy_id, body=b"\xc1", check=False)
        await bus.dead_letters.replay(letter.copy_id)
        await trio.sleep(60)
        [again] = await bus.dead_letters.list()

    assert (log.handled, again.reason, again.replays) == ([1], "undecodable", 1)


async def test_a_poison_message_uses_up_its_own_attempts_and_no_restarts(
    autojump_clock, bus, log, endpoint
):
    """Two budgets: 5 attempts of the message, 0 restarts of its endpoint, nothing elsewhere."""
    bus.add_channel("mail", retry=Retry(attempts=5, initial=0.1))

    @bus.event_handler(channel="mail")
    async def poisoned(event: Job):
        if event.number == 13:
            raise ValueError("poison")

    @bus.event_handler(channel="mail")
    async def neighbour(event: Job):
        log.note(event)

    async with bus.running():
        for number in range(20):
            await bus.events.publish(Job(number))
        await trio.sleep(60)
        sick, well = await endpoint(bus, "poisoned"), await endpoint(bus, "neighbour")

    assert (sick.handled, sick.retried, sick.dead, sick.restarts) == (19, 4, 1, 0)
    assert (well.handled, well.retried, well.dead, well.restarts) == (20, 0, 0, 0)
    assert (sick.outages, well.outages) == (0, 0)
    assert log.handled == list(range(20))


async def test_a_handlers_own_retry_wins_over_its_channels(autojump_clock, bus, log):
    bus.add_channel("mail", retry=Retry(attempts=5, initial=0.1))

    @bus.event_handler(channel="mail", retry=Retry(attempts=1))
    async def handle(event: Job):
        log.note(event)
        raise ValueError

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(60)

    assert log.handled == [1]


async def test_retries_and_deaths_are_events(autojump_clock, bus, log):
    bus.add_channel("mail", retry=Retry(attempts=2, initial=1.0, jitter=0.0))

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        raise ValueError("no")

    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1))
        await trio.sleep(60)

    [retried], [died] = log.of(MessageRetried), log.of(MessageDied)
    assert (retried.attempt, retried.delay) == (1, 1.0)
    assert (died.attempt, died.reason) == (2, "attempts exhausted")


async def test_a_replayed_message_goes_to_its_endpoint_alone_with_all_attempts(
    autojump_clock, bus, log
):
    """The other subscriber is not disturbed; a replay that fails comes back."""
    bus.add_channel("mail", retry=Retry(attempts=2, initial=0.1))
    broken = True

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        log.note(event)
        if broken:
            raise ValueError

    others = []

    @bus.event_handler(channel="mail")
    async def other(event: Job):
        others.append(event.number)

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(10)
        first = await bus.dead_letters.replay(DeadLetterFilter(reason="attempts exhausted"))
        await trio.sleep(10)
        failed_again = await bus.dead_letters.count()
        broken = False
        second = await bus.dead_letters.replay(DeadLetterFilter())
        await trio.sleep(10)
        left = await bus.dead_letters.count()

    assert (first, failed_again, second, left) == (1, 1, 1, 0)
    assert (len(log.handled), others) == (2 + 2 + 1, [1])


async def test_a_dead_letter_is_mended_and_replayed(autojump_clock, bus, log):
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: Job, headers: Headers):
        if headers["region"] == "nowhere":
            raise PermanentError("no such region")
        log.note(event)

    async with bus.running():
        await bus.events.publish(Job(1), headers={"region": "nowhere"})
        await trio.sleep(1)
        [letter] = await bus.dead_letters.list()
        await bus.dead_letters.edit(
            letter.copy_id, message={"number": 2, "tenant": "b"}, headers={"region": "north"}
        )
        await bus.dead_letters.replay([letter.copy_id])
        await trio.sleep(1)

    assert log.handled == [2]


async def test_deleting_names_what_it_deletes(autojump_clock, bus):
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        raise PermanentError

    async with bus.running():
        for number in range(3):
            await bus.events.publish(Job(number))
        await trio.sleep(1)
        rows = await bus.dead_letters.list()
        deleted = await bus.dead_letters.delete(rows[1].copy_id)
        left = await bus.dead_letters.list()

    assert (deleted, [row.number for row in left]) == (1, [rows[0].number, rows[2].number])


async def test_a_message_past_its_time_to_live_is_not_started(autojump_clock, bus, log):
    bus.add_channel("mail", concurrency=1)

    @bus.event_handler(channel="mail", time_to_live=5.0)
    async def handle(event: Job):
        log.note(event)
        await trio.sleep(10)

    async with bus.running():
        await bus.events.publish(Job(1))
        await bus.events.publish(Job(2))
        await trio.sleep(60)
        dead = await bus.dead_letters.count()

    assert (log.handled, bus.counters.expired, dead) == ([1], 1, 0)


async def test_a_handler_that_fails_leaves_nothing_of_its_transaction(autojump_clock, bus):
    bus.add_channel("mail", retry=Retry(attempts=3, initial=0.1))

    @bus.command_handler("make the table")
    async def make(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE done (attempt INTEGER)")

    @bus.event_handler(channel="mail")
    async def handle(event: Job, tx: Transaction, headers: Headers):
        await tx.execute("INSERT INTO done VALUES ($1)", headers.attempt)
        if headers.attempt < 3:
            raise ValueError

    async with bus.running():
        await bus.commands.send({}, routing_key="make the table")
        await bus.events.publish(Job(1))
        await trio.sleep(60)
        async with await bus.store.snapshot("test") as snapshot:
            rows = await snapshot.fetch("SELECT attempt FROM done")

    assert [tuple(row) for row in rows] == [(3,)]


class Unspeakable(ConnectionError):
    """An outage, too: why the endpoint restarts has to be told."""

    def __repr__(self) -> str:
        raise ZeroDivisionError

    __str__ = __repr__


async def raise_what_has_no_text():
    raise Unspeakable


async def raise_a_cancelled_of_a_scope_that_is_over():
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            kept = cancelled
    raise BaseExceptionGroup("with others", [kept, ValueError()])


@pytest.mark.parametrize(
    "fail", [raise_what_has_no_text, raise_a_cancelled_of_a_scope_that_is_over]
)
async def test_an_odd_exception_uses_up_its_messages_attempts_and_holds_up_nobody(
    autojump_clock, bus, log, endpoint, fail
):
    bus.add_channel("mail", retry=Retry(attempts=3, initial=1.0), concurrency=1, outage=())

    @bus.event_handler(channel="mail", endpoint_id="mail")
    async def handle(event: Job):
        log.note(event)
        if event.number == 1:
            await fail()

    async with bus.running():
        await bus.events.publish_many([Job(1), Job(2)])
        await trio.sleep(60)
        [letter] = await bus.dead_letters.list()
        health = await endpoint(bus, "mail")

    assert sorted(log.handled) == [1, 1, 1, 2]
    assert (letter.reason, letter.attempts, health.restarts) == ("attempts exhausted", 3, 0)


async def test_an_outage_without_a_text_is_an_outage(autojump_clock, bus, log):
    bus.add_channel("mail")
    repaired = trio.current_time() + 600

    @bus.event_handler(channel="mail")
    async def handle(event: Job, headers: Headers):
        if trio.current_time() < repaired:
            raise Unspeakable
        log.note(event)
        assert headers.attempt == 1

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(900)

    assert log.handled == [1]

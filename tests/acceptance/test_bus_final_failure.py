"""When even the dead letter cannot be written: released, sent again, or the channel stops."""

from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    DeadLetterFailed,
    FailedMessage,
    Headers,
    MessageDied,
    Retry,
    StoreChannel,
    Transaction,
)
from tests.waiting import until


@dataclass(frozen=True)
class Act:
    number: int = 1


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def handled():
    """The numbers that were handled, with their attempts."""
    return []


@pytest.fixture
def made(store, handled):
    """Make a bus whose second message always fails."""

    def make(**options):
        bus = ActorBus("shop", store)
        retry = Retry(attempts=1)
        bus.add_channel(StoreChannel("mail", retry=retry, concurrency=1, **options))

        @bus.event_handler(channel="mail", endpoint_id="work")
        async def work(event: Act, headers: Headers) -> None:
            handled.append((event.number, headers.attempt))
            if event.number == 2:
                raise ValueError("two")

        @bus.command_handler("sql")
        async def sql(command: dict[str, str], tx: Transaction) -> None:
            await tx.execute(command["text"])

        return bus

    return make


REFUSE = (
    "CREATE TRIGGER refuse BEFORE INSERT ON actorbus_dead_letters"
    " BEGIN SELECT RAISE(ABORT, 'no room for the dead'); END"
)


async def run_sql(bus, text):
    await bus.commands.send({"text": text}, routing_key="sql")


async def first_refusal(bus):
    """Publish three messages, and return the first event about a dead letter, and what follows."""
    found, come = [], trio.Event()

    def take(event):
        found.append(event)
        come.set()

    bus.system.events.subscribe(take, DeadLetterFailed)
    await run_sql(bus, REFUSE)
    await bus.events.publish_many(map(Act, (1, 2, 3)))
    with trio.fail_after(30):
        await come.wait()
    return found[0]


async def test_resend_puts_it_at_the_end_and_the_others_are_handled(made, handled):
    """It waits for the longest pause of its retries, with the failed attempt in its history."""
    bus = made(final_failure="resend")
    async with bus.running():
        event = await first_refusal(bus)
        await until(lambda: _is(handled, (3, 1)))
        [queue] = [one for one in await bus.store.statistics() if one.channel == "mail"]
        assert (queue.waiting, queue.dead) == (1, 0)
        row = await _row(bus)

    assert (event.policy, event.endpoint, event.channel) == ("resend", "work", "mail")
    assert "no room for the dead" in str(event.exception)
    assert row["attempts"] == 1
    assert 29 < row["due_at"] - row["enqueued_at"] < 40


async def _is(handled, what):
    return what in handled


async def _row(bus):
    async with await bus.store.snapshot("test") as snapshot:
        [row] = await snapshot.fetch(
            "SELECT attempts, due_at, enqueued_at FROM actorbus_messages WHERE state = 'waiting'"
        )
    return dict(zip(row.keys(), row, strict=True))


async def test_release_lets_it_be_claimed_again_and_counts(made, handled):
    """Until the dead letter can be written: then it is one, once."""
    bus = made(final_failure="release")
    async with bus.running():
        await first_refusal(bus)
        await until(lambda: _is(handled, (2, 2)))
        await run_sql(bus, "DROP TRIGGER refuse")
        await until(lambda: _has(bus, 1))
        await until(lambda: _is(handled, (3, 1)))
        [letter] = await bus.dead_letters.list()

    assert letter.attempts >= 2
    assert letter.exception_message == "two"


async def _has(bus, count):
    return await bus.dead_letters.count() == count


async def test_stop_pauses_the_channel_until_it_is_resumed(made, handled):
    bus = made(final_failure="stop")
    async with bus.running():
        await first_refusal(bus)
        await until(lambda: _paused(bus))
        health = await bus.health()
        await run_sql(bus, "DROP TRIGGER refuse")
        assert await bus.resume("mail")
        await until(lambda: _has(bus, 1))
        await until(lambda: _is(handled, (3, 1)))

    [pause] = next(one.paused for one in health.channels if one.channel == "mail")
    assert (pause.channel, pause.until) == ("mail", None)
    assert "a dead letter of work could not be written" in pause.reason


async def _paused(bus):
    return bool(await bus.pauses())


async def test_it_goes_to_the_dead_letters_if_its_error_channel_cannot_have_it(store):
    bus = ActorBus("shop", store)
    bus.add_channel("errors")
    bus.add_channel("mail", retry=Retry(attempts=1), error_channel="errors")

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Act) -> None:
        raise ValueError("no")

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None: ...

    @bus.command_handler("sql")
    async def sql(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute(command["text"])

    async with bus.running():
        await run_sql(bus, REFUSE.replace("actorbus_dead_letters", "actorbus_failed"))
        await bus.events.publish(Act())
        await until(lambda: _has(bus, 1))
        [letter] = await bus.dead_letters.list()

    assert (letter.endpoint, letter.exception_message) == ("work", "no")


@pytest.fixture
def flaky(store, handled):
    """A bus whose second message fails each time, and is to be retried for long."""
    bus = ActorBus("shop", store)
    bus.add_channel("mail", retry=Retry(attempts=9, initial=0.01), concurrency=1)

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Act) -> None:
        handled.append(event.number)
        if event.number == 2:
            raise ValueError("two")

    @bus.command_handler("sql")
    async def sql(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute(command["text"])

    return bus


REFUSE_RETRIES = (
    "CREATE TRIGGER refuse BEFORE UPDATE ON actorbus_messages WHEN new.state = 'waiting'"
    " BEGIN SELECT RAISE(ABORT, 'nobody waits'); END"
)
REFUSE_ALL = (
    "CREATE TRIGGER refuse_{0} BEFORE {0} ON actorbus_messages"
    " WHEN old.state = 'claimed' AND CAST(old.body AS TEXT) LIKE '%' || char(2) || '%'"
    " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
)


async def test_a_retry_that_the_store_refuses_makes_a_dead_letter(flaky, handled):
    """It tells why; the others are handled, and nothing goes round and round."""
    died = []
    async with flaky.running():
        flaky.system.events.subscribe(died.append, MessageDied)
        await run_sql(flaky, REFUSE_RETRIES)
        await flaky.events.publish_many(map(Act, (1, 2, 3)))
        await until(lambda: _has(flaky, 1))
        await until(lambda: _is(handled, 3))
        [letter] = await flaky.dead_letters.list()

    assert (letter.reason, handled.count(2)) == ("settlement refused", 1)
    assert "nobody waits" in letter.exception_message
    assert [event.reason for event in died] == ["settlement refused"]


async def test_a_message_of_which_nothing_can_be_written_keeps_no_other_one_waiting(flaky, handled):
    """It is told of once, and stays this process's until it ends."""
    failed = []
    async with flaky.running():
        flaky.system.events.subscribe(failed.append, DeadLetterFailed)
        for what in ("UPDATE", "DELETE"):
            await run_sql(flaky, REFUSE_ALL.format(what))
        await flaky.events.publish_many(map(Act, (1, 2, 3)))
        await until(lambda: _is(handled, 3))
        await until(lambda: _one_is_left(flaky))
        await run_sql(flaky, "DROP TRIGGER refuse_UPDATE")  # or else its end fails too

    assert [(event.policy, str(event.exception.__cause__)) for event in failed] == [
        ("none", "not this one")
    ]
    assert handled.count(2) == 1


async def _one_is_left(bus):
    [queue] = [one for one in await bus.store.statistics() if one.channel == "mail"]
    return (queue.ready, queue.claimed) == (0, 1)


def test_another_policy_is_refused_at_start_up():
    bus = ActorBus("shop")
    bus.add_channel("mail", final_failure="forget")  # type: ignore[call-overload]  # what is refused

    with pytest.raises(BusConfigurationError, match="give 'release' or 'resend' or 'stop'"):
        bus.check()

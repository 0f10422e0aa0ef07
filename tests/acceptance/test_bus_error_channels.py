"""Messages that failed for good go to a handler of their own, which says what becomes of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import pytest

from actorbus import (
    ActorBus,
    Batch,
    BatchFailed,
    BusConfigurationError,
    BusinessInterface,
    CommandBus,
    DynamicChannel,
    EventBus,
    FailedMessage,
    Headers,
    InvalidSendOption,
    MessageDied,
    MessageDiverted,
    PermanentError,
    QueryBus,
    Retry,
    Transaction,
    UndecodableMessage,
    command,
    header,
)
from actorbus.testing._store_samples import Listener
from tests.waiting import until_nothing_waits


@dataclass(frozen=True)
class Act:
    number: int = 1


@dataclass(frozen=True)
class Seen:
    number: int


@dataclass(frozen=True)
class Ask:
    pass


class LaterCommandBus(CommandBus, channel="mail", error_channel="others", retry=Retry(attempts=3)):
    pass


class QuietCommandBus(CommandBus, error_channel="errors"):
    pass


class QuietEventBus(EventBus, error_channel="errors"):
    pass


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def bus(store):
    bus = ActorBus("shop", store)
    bus.add_channel(
        "mail", retry=Retry(attempts=2, initial=0.001, jitter=0.0), error_channel="errors"
    )
    bus.add_channel("errors", retry=Retry(attempts=2, initial=0.001, jitter=0.0))
    return bus


def failing(bus, error=None, **options):
    @bus.event_handler(channel="mail", endpoint_id="work", **options)
    async def work(event: Act) -> None:
        raise error or ValueError(f"no {event.number}")


async def test_it_goes_there_with_all_that_is_known_and_is_gone_when_it_was_looked_at(bus):
    failing(bus)
    looked_at = []

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage, headers: Headers) -> None:
        looked_at.append((failed, failed.message, headers))

    async with bus.running():
        await bus.events.publish(Act(7), headers={"region": "north"})
        await until_nothing_waits(bus)
        assert await bus.dead_letters.count() == 0
        assert await bus.store.statistics() == []

    [(failed, message, headers)] = looked_at
    assert message == Act(7)
    assert (failed.endpoint, failed.channel, failed.tenant) == ("work", "mail", "")
    assert (failed.reason, failed.attempts, failed.replays) == ("attempts exhausted", 2, 0)
    assert (failed.exception, failed.exception_message) == ("ValueError", "no 7")
    assert "raise error or ValueError" in (failed.traceback or "")
    assert [one.attempt for one in failed.history] == [1, 2]
    assert (dict(failed.headers), headers["region"]) == ({"region": "north"}, "north")
    assert (headers.id, headers.attempt) == (failed.message_id, 1)


async def test_what_it_writes_and_sends_is_one_transaction_with_the_settlement(bus):
    failing(bus)
    bus.message(Seen)

    @bus.command_handler("tables")
    async def tables(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute("CREATE TABLE failed (number INTEGER)")

    @bus.query_handler
    async def ask(query: Ask, tx: Transaction) -> int:
        [row] = await tx.fetch("SELECT count(*) FROM failed")
        return int(row[0])

    tries = []

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage, tx: Transaction) -> None:
        tries.append(failed)
        await tx.execute("INSERT INTO failed VALUES ($1)", failed.message.number)
        if len(tries) == 1:
            raise ValueError("once")

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        assert await bus.queries.ask(Ask()) == 1

    assert len(tries) == 2


@pytest.mark.parametrize("delay", [0, timedelta(milliseconds=2)])
async def test_it_can_be_replayed_where_it_failed(bus, delay):
    handled: list[object] = []

    @bus.event_handler(channel="mail")
    async def work(event: Act, headers: Headers) -> None:
        handled.append(headers.attempt)
        if len(handled) <= 2:
            raise ValueError("not yet")

    @bus.error_handler(channel="errors")
    def on_error(failed: FailedMessage) -> None:  # on a thread
        handled.append(f"failed, {failed.replays} replays")
        failed.replay(delay)

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        assert await bus.store.statistics() == []

    assert handled == [1, 2, "failed, 0 replays", 1]


async def test_a_replay_that_fails_comes_back_with_a_longer_history(bus):
    failing(bus)
    histories = []

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        histories.append((failed.replays, len(failed.history)))
        if failed.replays < 2:
            failed.replay()

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)

    assert histories == [(0, 2), (1, 4), (2, 6)]


async def test_it_can_be_made_a_dead_letter_of_where_it_failed(bus):
    failing(bus)

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        failed.dead_letter("not worth it")

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        [row] = await bus.dead_letters.list()
        letter = await bus.dead_letters.show(row.copy_id)

    assert (letter.endpoint, letter.channel, letter.attempts) == ("work", "mail", 2)
    assert (letter.reason, letter.exception_message) == ("rejected", "no 1")
    assert [one.message for one in letter.failures] == ["no 1", "no 1", "not worth it"]


async def test_an_error_handler_that_fails_itself_ends_in_the_dead_letters_and_in_no_loop(bus):
    failing(bus)
    tries = []

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        tries.append(failed)
        raise KeyError("also")

    events = []
    async with bus.running():
        bus.system.events.subscribe(events.append, MessageDied, MessageDiverted)
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        [row] = await bus.dead_letters.list()
        letter = await bus.dead_letters.show(row.copy_id)
        assert await bus.dead_letters.replay(letter.copy_id) == 1
        await until_nothing_waits(bus)
        [again] = await bus.dead_letters.list()

    assert len(tries) == 4
    assert (letter.endpoint, letter.channel) == ("work", "mail")
    assert (letter.reason, letter.exception) == ("error handler failed", "KeyError")
    assert [one.exception for one in letter.failures] == [
        *["ValueError"] * 2,
        *["KeyError"] * 2,
    ]
    assert again.replays == 1
    assert [type(event) for event in events] == [MessageDiverted, MessageDied] * 2
    assert (events[0].error_channel, events[0].attempt) == ("errors", 2)


async def test_permanent_errors_and_what_cannot_be_decoded_go_there_at_once(bus):
    reasons: list[tuple[object, ...]] = []

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Act) -> None:
        raise PermanentError("never")

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        try:
            reasons.append((failed.reason, failed.message, failed.attempts))
        except UndecodableMessage as error:
            reasons.append((failed.reason, str(error), failed.body))

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        await bus.events.publish(Act(2), delay=3600)
        turn = await bus.store.acquire("test")
        await turn.execute("UPDATE actorbus_messages SET body = x'c1', due_at = 0")
        await turn.finish(Listener())
        await until_nothing_waits(bus)

    assert reasons[0] == ("permanent error", Act(), 1)
    assert (reasons[1][0], reasons[1][2]) == ("undecodable", b"\xc1")


async def test_the_handlers_error_channel_comes_before_the_channels(bus):
    bus.add_channel("others")
    failing(bus, error_channel="others")
    came = []

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        came.append("errors")

    @bus.error_handler(channel="others")
    async def on_other(failed: FailedMessage) -> None:
        came.append("others")

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)

    assert came == ["others"]


async def test_the_gateways_error_channel_and_retries_travel_with_the_message(bus):
    """The most specific place wins: it is the gateway's retry too."""
    bus.add_channel("others")
    attempts: list[int] = []
    came: list[object] = []

    @bus.command_handler(retry=Retry(attempts=1))
    async def work(command: Act, headers: Headers) -> None:
        attempts.append(headers.attempt)
        raise ValueError("no")

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        came.append("errors")

    @bus.error_handler(channel="others")
    async def on_other(failed: FailedMessage) -> None:
        came.append(failed.attempts)

    later = bus.gateway(LaterCommandBus)
    async with bus.running():
        await later.send(Act())
        await until_nothing_waits(bus)

    assert (attempts, came) == ([1, 2, 3], [3])


async def test_a_synchronous_command_that_fails_goes_there_and_returns_nothing(bus):
    came = []

    @bus.command_handler(endpoint_id="work")
    async def work(command: Act, tx: Transaction) -> str:
        await tx.execute("CREATE TABLE is_undone (number INTEGER)")
        raise ValueError("no")

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        with pytest.raises(InvalidSendOption, match="work is synchronous"):
            failed.replay()
        came.append((failed.endpoint, failed.channel, failed.message, failed.exception_message))

    quiet = bus.gateway(QuietCommandBus)
    async with bus.running():
        assert await quiet.send(Act(3)) is None
        assert await quiet.send(Act(4)) is None
        await until_nothing_waits(bus)
        with pytest.raises(ValueError, match="no"):
            await bus.commands.send(Act(5))

    assert came == [("work", "", Act(3), "no"), ("work", "", Act(4), "no")]


async def test_synchronous_subscribers_that_fail_go_there_one_by_one(bus):
    came = []

    @bus.event_handler(endpoint_id="good")
    async def good(event: Act) -> None:
        came.append("good")

    @bus.event_handler(endpoint_id="bad")
    async def bad(event: Act) -> None:
        raise ValueError("no")

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        came.append(failed.endpoint)

    quiet = bus.gateway(QuietEventBus)
    async with bus.running():
        await quiet.publish(Act())
        await until_nothing_waits(bus)

    assert came == ["good", "bad"]


@pytest.mark.parametrize("commits", [True, False])
async def test_inside_a_handler_it_leaves_with_that_ones_transaction(bus, commits):
    came = []

    @bus.command_handler
    async def outer(command: Seen, quiet: QuietCommandBus) -> None:
        assert await quiet.send(Act()) is None
        if not commits:
            raise KeyError("outer")

    @bus.command_handler
    async def inner(command: Act) -> None:
        raise ValueError("no")

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        came.append(failed.exception_message)

    async with bus.running():
        if commits:
            await bus.commands.send(Seen(1))
        else:
            with pytest.raises(KeyError):
                await bus.commands.send(Seen(1))
        await until_nothing_waits(bus)

    assert came == (["no"] if commits else [])


async def test_a_dead_letter_of_a_synchronous_failure_is_replayed_to_the_error_handler(bus):
    wishes = ["dead letter", "done"]

    @bus.command_handler
    async def work(command: Act) -> None:
        raise ValueError("no")

    @bus.error_handler(channel="errors", endpoint_id="on_error")
    async def on_error(failed: FailedMessage) -> None:
        if wishes.pop(0) == "dead letter":
            failed.dead_letter()

    quiet = bus.gateway(QuietCommandBus)
    async with bus.running():
        await quiet.send(Act())
        await until_nothing_waits(bus)
        [letter] = await bus.dead_letters.list()
        assert await bus.dead_letters.replay(letter.copy_id) == 1
        await until_nothing_waits(bus)
        assert await bus.dead_letters.count() == 0

    assert (letter.endpoint, wishes) == ("on_error", [])


async def test_of_a_batch_those_that_failed_go_there(bus):
    came: list[tuple[str, int, int]] = []
    handled: set[int] = set()

    @bus.event_handler(channel="mail", batch=Batch(size=10, wait=0.001), endpoint_id="work")
    async def work(events: list[Act]) -> None:
        odd = [place for place, event in enumerate(events) if event.number % 2]
        handled.update(event.number for event in events if event.number % 2 == 0)
        if odd:
            raise BatchFailed({place: ValueError("odd") for place in odd})

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        came.append((failed.endpoint, failed.message.number, failed.attempts))

    async with bus.running():
        await bus.events.publish_many(map(Act, range(4)))
        await until_nothing_waits(bus)

    assert handled == {0, 2}
    assert sorted(came) == [("work", 1, 2), ("work", 3, 2)]


async def test_a_wish_is_made_once_and_has_to_make_sense(bus):
    failing(bus)
    refused = []

    @bus.error_handler(channel="errors")
    async def on_error(failed: FailedMessage) -> None:
        for wish in (lambda: failed.replay(-1), failed.dead_letter, failed.replay):
            try:
                wish()
            except InvalidSendOption as error:
                refused.append(str(error))

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        assert await bus.dead_letters.count() == 1

    assert ["delay=-1" in refused[0], "already" in refused[1]] == [True, True]


async def test_a_bus_lists_its_error_handlers_and_interceptors_may_be_for_them(bus):
    passed = []

    @bus.before("error")
    def note(invocation) -> None:
        passed.append(invocation.handler.endpoint_id)

    failing(bus)

    @bus.error_handler(channel="errors", endpoint_id="on_error")
    async def on_error(failed: FailedMessage) -> None: ...

    assert [(spec.kind, spec.endpoint_id) for spec in bus.handlers] == [
        ("event", "work"),
        ("error", "on_error"),
    ]
    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        health = await bus.health()

    assert passed == ["on_error"]
    [work] = next(one.endpoints for one in health.channels if one.channel == "mail")
    assert (work.diverted, work.dead) == (1, 0)


class Desk(BusinessInterface, Protocol, error_channel="errors"):
    @command
    async def act(self, command: Ask) -> str: ...


def test_error_channels_that_cannot_work_are_refused_at_start_up():
    bus = ActorBus("shop")
    bus.add_channel("mail", error_channel="mail")
    bus.add_channel("first", error_channel="second")
    bus.add_channel("second", error_channel="first")
    bus.add_channel("unhandled")
    bus.add_channel("letters", error_channel="erors")
    bus.add_channel(DynamicChannel("errors", tenant=header("tenant")))

    @bus.event_handler(channel="letters", error_channel="unhandled")
    async def one(event: Act) -> None: ...

    @bus.event_handler(error_channel="errors")
    async def two(event: Seen) -> None: ...

    @bus.error_handler(channel="errors")
    async def three(failed: FailedMessage) -> None: ...

    @bus.error_handler(channel="errors")
    async def four(failed: FailedMessage) -> None: ...

    @bus.error_handler(endpoint_id="five")
    async def five(failed: Act) -> None: ...

    @bus.error_handler(channel="second", delay=3, runs_on="process")  # type: ignore[call-arg]  # what is refused
    def six(failed: FailedMessage) -> None: ...

    bus.gateway(QuietCommandBus)
    bus.gateway(Desk)

    @bus.command_handler
    async def ask(command: Ask) -> None: ...

    class Asking(QueryBus, error_channel="errors"): ...

    bus.gateway(Asking)

    with pytest.raises(BusConfigurationError) as raised:
        bus.check()

    text = str(raised.value)
    for expected in (
        "channel 'mail': error_channel='mail' is its own channel",
        "channel 'first': error_channel='second' has error_channel='first' itself",
        "channel 'second': error_channel='first' has error_channel='second' itself",
        "channel 'second': error_channel='first': nobody handles what comes there",
        "channel 'letters': error_channel: no channel 'erors'; did you mean 'errors'?",
        "one: error_channel='unhandled': nobody handles what comes there",
        "two: error_channel= needs channel=",
        "two: error_channel='errors' is dynamic",
        "four: two error handlers of the channel 'errors'",
        "five: an error handler's first parameter is a FailedMessage, not Act",
        "five: an error handler needs channel=",
        "six: an error handler has no option delay=",
        "six: runs_on='process': an error handler decides about its message",
        "QuietCommandBus: error_channel='errors' is dynamic",
        "Desk: act: promises a value, but what fails goes to its error channel",
        "Asking: error_channel= is not for queries",
    ):
        assert expected in text, expected

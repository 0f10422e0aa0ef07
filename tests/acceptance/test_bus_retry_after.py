"""Errors that carry their own delay, and other errors that say what is to come of them."""

import pickle
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CommandBus,
    Headers,
    InstantRetry,
    Invocation,
    MessageDied,
    MessageRetried,
    NestedTooDeep,
    NotProceeded,
    PermanentError,
    Retry,
    RetryAfter,
    Transaction,
)
from actorbus.options._retry_after import own_delay
from actorbus.running._pace import SELDOM
from tests.acceptance.bus_process_handlers import Unpicklable, answer_what_cannot_leave


@dataclass(frozen=True)
class Act:
    number: int = 1


class TooManyRequests(RetryAfter):
    pass


class HttpError(Exception):
    """As libraries of HTTP clients have them."""

    def __init__(self, retry_after):
        super().__init__("429")
        self.retry_after = retry_after


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def bus(store):
    bus = ActorBus("shop", store)
    bus.add_channel("mail", retry=Retry(attempts=2, initial=5.0, jitter=0.0))
    return bus


async def first_event(bus, kind, *messages):
    """Publish to the bus, and return the first event of this kind."""
    found = []
    come = trio.Event()

    def take(event):
        found.append(event)
        come.set()

    async with bus.running():
        bus.system.events.subscribe(take, kind)
        for message in messages:
            await bus.events.publish(message)
        with trio.fail_after(30):
            await come.wait()
    return found[0]


def failing(bus, error):
    @bus.event_handler(channel="mail")
    async def act(event: Act) -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        (RetryAfter(30), 30),
        (RetryAfter(timedelta(minutes=1)), 60),
        (TooManyRequests(0.5), 0.5),
        (HttpError(7), 7),
        (ExceptionGroup("both", [RetryAfter(30), RetryAfter(40)]), 40),
        (ExceptionGroup("both", [RetryAfter(1), ValueError()]), 5),
        (ExceptionGroup("both", [RetryAfter(9), ValueError()]), 9),
        (ValueError(), 5),
        (HttpError("tomorrow"), 5),
        (HttpError(-1), 5),
        (HttpError(None), 5),
    ],
    ids=repr,
)
async def test_the_delay_of_the_error_takes_the_place_of_the_channels(bus, error, delay):
    failing(bus, error)

    event = await first_event(bus, MessageRetried, Act())

    assert (event.delay, event.attempt) == (pytest.approx(delay), 1)


async def test_a_datetime_is_the_time_itself(bus):
    failing(bus, RetryAfter(datetime.now(UTC) + timedelta(hours=1)))

    event = await first_event(bus, MessageRetried, Act())

    assert 3500 < event.delay <= 3600


def test_a_time_that_has_come_is_now():
    assert own_delay(RetryAfter(datetime.fromtimestamp(50, UTC)), now=60.0) == (0.0, True)


async def test_it_counts_an_attempt_and_the_last_one_is_a_dead_letter(bus):
    attempts = []

    @bus.event_handler(channel="mail")
    async def act(event: Act, headers: Headers) -> None:
        attempts.append(headers.attempt)
        raise RetryAfter(0) from ValueError("busy")

    event = await first_event(bus, MessageDied, Act())

    assert attempts == [1, 2]
    assert (event.reason, event.attempt) == ("attempts exhausted", 2)


async def test_it_waits_as_long_as_it_says(autojump_clock):
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("mail", retry=Retry(attempts=3, initial=1.0))
    at = []

    @bus.event_handler(channel="mail")
    async def act(event: Act) -> None:
        at.append(trio.current_time())
        if len(at) == 1:
            raise RetryAfter(3600)

    with bus.substituted(pace=SELDOM):
        async with bus.running():
            await bus.events.publish(Act())
            await trio.sleep(3599)
            before = len(at)
            await trio.sleep(10)

    assert before == 1
    assert at[1] - at[0] == pytest.approx(3600, abs=1.0)


async def test_a_permanent_part_comes_first(bus):
    failing(bus, ExceptionGroup("both", [RetryAfter(30), PermanentError("no")]))

    event = await first_event(bus, MessageDied, Act())

    assert event.reason == "permanent error"


async def test_a_synchronous_handler_raises_it_to_its_caller_at_once(bus):
    calls = []

    @bus.command_handler(retry=InstantRetry(3))
    async def act(command: Act) -> None:
        calls.append(command)
        raise RetryAfter(30)

    async with bus.running():
        with pytest.raises(RetryAfter) as raised:
            await bus.commands.send(Act())

    assert (len(calls), raised.value.retry_after) == (1, 30)


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), "soon", datetime(2026, 1, 1)])  # noqa: DTZ001  that is what is refused
def test_a_delay_that_is_none_is_refused_where_it_is_written(delay):
    with pytest.raises(ValueError, match="RetryAfter"):
        RetryAfter(delay)


def test_it_survives_pickling_and_says_when():
    error = pickle.loads(pickle.dumps(RetryAfter(30)))

    assert (error.retry_after, str(error)) == (30, "again after 30 s")


def test_contradictions_about_errors_are_refused_at_start_up():
    bus = ActorBus("shop")
    bus.add_channel("mail", retry=Retry(attempts=1, initial=5.0))

    @bus.event_handler(channel="mail", permanent=TooManyRequests, retry=Retry(attempts=1, factor=3))
    async def one(event: Act) -> None: ...

    @bus.event_handler(channel="mail", outage=(TooManyRequests, ConnectionError), permanent=OSError)
    async def two(event: Act) -> None: ...

    @bus.command_handler("three", retry=InstantRetry(3, on=(PermanentError, TooManyRequests)))
    async def three(command: dict[str, str]) -> None: ...

    with pytest.raises(BusConfigurationError) as raised:
        bus.check()

    text = str(raised.value)
    assert "channel 'mail': retry: attempts=1 tries nothing again, so initial=5 would never" in text
    assert "retry: attempts=1 tries nothing again, so factor=3 would never act" in text
    assert text.count("TooManyRequests carries its own delay, which would never count") == 2
    assert "ConnectionError is outage=, which would never count" in text
    assert "would never act: these are never retried at once" in text


async def test_what_cannot_leave_its_process_is_permanent(bus):
    bus.event_handler(channel="mail", runs_on="process")(answer_what_cannot_leave)

    event = await first_event(bus, MessageDied, Unpicklable())

    assert (event.reason, event.attempt) == ("permanent error", 1)


async def test_handlers_that_call_each_other_without_an_end_are_told_so(bus):
    @bus.command_handler
    async def act(command: Act, commands: CommandBus, tx: Transaction) -> None:
        await tx.fetch_one("SELECT 1")
        await commands.send(Act(command.number + 1))

    async with bus.running():
        with pytest.raises(
            NestedTooDeep, match=r"act: 50 handlers call each other within .*act > "
        ):
            await bus.commands.send(Act())


async def test_handlers_that_call_each_other_for_a_while_come_to_their_end(bus):
    @bus.command_handler
    async def act(command: Act, commands: CommandBus, tx: Transaction) -> int:
        await tx.fetch_one("SELECT 1")
        return (
            command.number if command.number == 50 else await commands.send(Act(command.number + 1))
        )

    async with bus.running():
        assert await bus.commands.send(Act()) == 50


async def test_an_interceptor_that_forgets_to_proceed_fails(bus):
    handled = []

    @bus.around("event")
    async def forgetful(invocation: Invocation[Act, None], headers: Headers) -> None:
        pass

    @bus.event_handler(channel="mail", retry=Retry(attempts=1))
    async def act(event: Act) -> None:
        handled.append(event)

    event = await first_event(bus, MessageDied, Act())

    assert handled == []
    assert isinstance(event.exception, NotProceeded)
    assert "forgetful returned without proceed(), skip() or answer(...)" in str(event.exception)


@pytest.mark.parametrize("said", ["skip", "answer", "proceed"])
async def test_an_interceptor_that_says_what_it_does_may_return_nothing(bus, said):
    @bus.around("command")
    async def around(invocation: Invocation[Act, None]) -> None:
        if said == "skip":
            invocation.skip()
        elif said == "answer":
            invocation.answer(None)
        else:
            await invocation.proceed()

    @bus.around("command")
    async def within(invocation: Invocation[Act, int]) -> int:
        return await invocation.proceed()

    @bus.command_handler
    async def act(command: Act) -> int:
        return 1

    async with bus.running():
        assert await bus.commands.send(Act()) is None

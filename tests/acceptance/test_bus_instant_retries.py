"""Synchronous handlers and gateways call again at once, by the type of the error."""

from dataclasses import dataclass

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CommandBus,
    EventBus,
    Headers,
    InstantRetry,
    Invocation,
    PermanentError,
    QueryBus,
    SubscribersFailed,
    Transaction,
)


@dataclass(frozen=True)
class Act:
    failures: int = 0


@dataclass(frozen=True)
class Outer:
    pass


@dataclass(frozen=True)
class Happened:
    failures: int = 0


@dataclass(frozen=True)
class Ask:
    failures: int = 0


class Conflict(Exception):
    pass


class RetryingCommandBus(CommandBus, retry=InstantRetry(3, on=Conflict)):
    pass


class RetryingEventBus(EventBus, retry=InstantRetry(2)):
    pass


class RetryingQueryBus(QueryBus, retry=InstantRetry(1, on=Conflict)):
    pass


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def bus(store, calls):
    """A bus whose handlers fail as often as their message says, and write each time."""
    bus = ActorBus("shop", store)

    @bus.command_handler("tables")
    async def tables(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute("CREATE TABLE rows (attempt INTEGER)")

    @bus.query_handler("rows")
    async def rows(query: dict[str, str], tx: Transaction) -> list[int]:
        return [row[0] for row in await tx.fetch("SELECT attempt FROM rows")]

    @bus.command_handler
    async def act(command: Act, headers: Headers, tx: Transaction) -> int:
        calls.append(headers.attempt)
        await tx.execute("INSERT INTO rows VALUES ($1)", headers.attempt)
        if headers.attempt <= command.failures:
            raise Conflict
        return headers.attempt

    return bus


async def test_three_retries_of_a_handler_that_fails_three_times_are_four_calls(bus, calls):
    """Every failed try is undone: one row is left."""
    commands = bus.gateway(RetryingCommandBus)

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        assert await commands.send(Act(failures=3)) == 4
        assert await bus.queries.ask({}, routing_key="rows") == [4]

    assert calls == [1, 2, 3, 4]


async def test_a_handler_that_fails_more_often_fails_with_its_last_error(bus, calls):
    commands = bus.gateway(RetryingCommandBus)

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(Conflict):
            await commands.send(Act(failures=4))
        assert await bus.queries.ask({}, routing_key="rows") == []

    assert calls == [1, 2, 3, 4]


async def test_another_type_of_error_is_one_call(bus, calls):
    @bus.command_handler("other", retry=InstantRetry(3, on=(Conflict, KeyError)))
    async def other(command: dict[str, str]) -> None:
        calls.append("other")
        raise ValueError

    async with bus.running():
        with pytest.raises(ValueError):
            await bus.commands.send({}, routing_key="other")

    assert calls == ["other"]


async def test_a_permanent_error_is_never_tried_again(bus, calls):
    @bus.command_handler("other", retry=InstantRetry(3))
    async def other(command: dict[str, str]) -> None:
        calls.append("other")
        raise PermanentError

    async with bus.running():
        with pytest.raises(PermanentError):
            await bus.commands.send({}, routing_key="other")

    assert calls == ["other"]


async def test_the_plain_bus_does_not_retry(bus, calls):
    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(Conflict):
            await bus.commands.send(Act(failures=1))

    assert calls == [1]


@pytest.mark.parametrize("where", ["handler", "gateway", "both"])
async def test_a_bus_inside_a_bus_does_not_multiply(bus, calls, where):
    retry = InstantRetry(3, on=Conflict)

    @bus.command_handler(**{} if where == "gateway" else {"retry": retry})
    async def outer(command: Outer, commands: RetryingCommandBus) -> None:
        calls.append("outer")
        await commands.send(Act(failures=99))

    gateway = CommandBus if where == "handler" else RetryingCommandBus
    commands = bus.gateway(gateway)

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(Conflict):
            await commands.send(Outer())

    assert calls == ["outer", 1] * 4


async def test_an_inner_retry_is_for_errors_that_are_not_the_outers(bus, calls):
    @bus.command_handler(retry=InstantRetry(3, on=KeyError))
    async def outer(command: Outer, commands: RetryingCommandBus) -> object:
        calls.append("outer")
        return await commands.send(Act(failures=2))

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        assert await bus.commands.send(Outer()) == 3
        assert await bus.queries.ask({}, routing_key="rows") == [3]

    assert calls == ["outer", 1, 2, 3]


async def test_only_the_subscriber_that_failed_is_called_again(bus, calls):
    @bus.event_handler(endpoint_id="first")
    async def first(event: Happened) -> None:
        calls.append("first")

    @bus.event_handler(endpoint_id="second")
    def second(event: Happened, headers: Headers) -> None:
        calls.append(f"second {headers.attempt}")
        if headers.attempt <= event.failures:
            raise Conflict

    events = bus.gateway(RetryingEventBus)

    async with bus.running():
        await events.publish(Happened(failures=2))
        with pytest.raises(SubscribersFailed) as caught:
            await events.publish(Happened(failures=3))

    assert caught.value.endpoints == ("second",)
    assert calls == ["first", "second 1", "second 2", "second 3"] * 2


async def test_a_query_is_asked_again(bus, calls):
    @bus.query_handler
    async def answer(query: Ask, headers: Headers) -> int:
        calls.append(headers.attempt)
        if headers.attempt <= query.failures:
            raise Conflict
        return 42

    queries = bus.gateway(RetryingQueryBus)

    async with bus.running():
        assert await queries.ask(Ask(failures=1)) == 42

    assert calls == [1, 2]


async def test_interceptors_of_the_handler_run_again_and_those_of_the_gateway_do_not(bus, calls):
    bus.before(Act)(lambda invocation: calls.append("before"))
    bus.before_sending(Act)(lambda sending: calls.append("sending"))

    @bus.around(CommandBus)
    async def outside(sending):
        calls.append("> gateway")
        result = await sending.proceed()
        calls.append("< gateway")
        return result

    @bus.around(Act)
    async def inside(invocation: Invocation):
        calls.append(">")
        result = await invocation.proceed()
        calls.append("<")
        return result

    bus.after(Act)(lambda invocation: calls.append("after"))
    commands = bus.gateway(RetryingCommandBus)

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        calls.clear()
        await commands.send(Act(failures=1))

    assert calls == [
        *("sending", "> gateway"),
        *("before", ">", 1),
        *("before", ">", 2, "<", "after"),
        "< gateway",
    ]


async def test_an_explicit_id_is_tried_again_and_then_handled_once(bus, calls):
    commands = bus.gateway(RetryingCommandBus)

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        assert await commands.send(Act(failures=1), message_id="a") == 2
        assert await commands.send(Act(failures=1), message_id="a") is None

    assert calls == [1, 2]


def test_retries_that_cannot_be_are_refused_at_the_start(store):
    bus = ActorBus("shop", store)
    bus.add_channel("later")

    class Both(CommandBus, channel="later", retry=InstantRetry(1)):
        pass

    bus.gateway(Both)

    @bus.command_handler(retry=InstantRetry(0))
    async def never(command: Act) -> None: ...

    @bus.command_handler(retry=InstantRetry(1, on="Conflict"))  # type: ignore[arg-type]  # what is refused
    async def nothing(command: Outer) -> None: ...

    @bus.event_handler(channel="later", retry=InstantRetry(1))
    async def later(event: Happened) -> None: ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    texts = [problem.text for problem in caught.value.problems]
    for part in ("times=0", "on='Conflict'", "contradicts channel=: give Retry", "Both: "):
        assert [text for text in texts if part in text], part

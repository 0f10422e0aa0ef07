"""The built-in interceptors, and interceptors in each of the three worlds."""

import asyncio
import logging
from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    CommandBus,
    DeadLetterReason,
    HandlerTimeout,
    InvalidMessage,
    Invocation,
    Marker,
)
from actorbus.interceptors import (
    Authorisation,
    Logging,
    MessageContextFilter,
    Metrics,
    NotAuthorised,
    Timeout,
    Validation,
    add_message_context,
    message_context,
)


@dataclass(frozen=True)
class Act:
    what: str = "x"

    def validate(self):
        if not self.what:
            raise ValueError("what is empty")


@dataclass(frozen=True)
class Requires(Marker):
    role: str


@pytest.fixture
def bus(seen):
    bus = ActorBus("shop")
    bus.add_channel("later")

    @bus.command_handler(endpoint_id="act")
    async def act(command: Act) -> dict[str, object]:
        seen.add(command.what)
        logging.getLogger("user").info("acting")
        return message_context()

    return bus


# -- logging ------------------------------------------------------------------------------------


async def test_logging_writes_a_line_with_ids_and_duration(bus, caplog):
    bus.intercept(Logging())
    caplog.set_level(logging.INFO)

    async with bus.running():
        await bus.commands.send(Act(), correlation_id="c-1", message_id="m-1")

    (record,) = [one for one in caplog.records if one.name == "actorbus.messages"]
    assert record.getMessage() == f"handled: {Act.__module__}.Act in act"
    assert (record.correlation_id, record.message_id, record.endpoint) == ("c-1", "m-1", "act")
    assert record.outcome == "handled"
    assert record.duration_ms >= 0


async def test_logging_writes_a_warning_with_the_traceback_of_a_failure(bus, caplog):
    @bus.command_handler("fail")
    async def fail(command: dict[str, str]):
        raise LookupError("gone")

    bus.intercept(Logging("app", logging.DEBUG))
    caplog.set_level(logging.INFO)

    async with bus.running():
        with pytest.raises(LookupError):
            await bus.commands.send({}, routing_key="fail")

    (record,) = [one for one in caplog.records if one.name == "app"]
    assert (record.levelname, record.outcome) == ("WARNING", "failed")
    assert record.exc_info[0] is LookupError


async def test_a_level_that_is_off_costs_no_line(bus, caplog):
    bus.intercept(Logging(level=logging.DEBUG))
    caplog.set_level(logging.INFO)

    async with bus.running():
        await bus.commands.send(Act())

    assert [one for one in caplog.records if one.name == "actorbus.messages"] == []


async def test_the_filter_gives_every_line_of_a_handler_its_ids(bus, caplog):
    caplog.handler.addFilter(context := MessageContextFilter())
    caplog.set_level(logging.INFO)
    try:
        async with bus.running():
            await bus.commands.send(Act(), correlation_id="c-1")
            logging.getLogger("user").info("outside")
    finally:
        caplog.handler.removeFilter(context)

    lines = [(one.message, one.correlation_id) for one in caplog.records if one.name == "user"]
    assert lines == [("acting", "c-1"), ("outside", "")]


async def test_the_context_is_there_on_threads_too_and_for_structlog(bus):
    @bus.command_handler("plain")
    def plain(command: dict[str, str]) -> dict[str, object]:
        event = {"event": "hello", "endpoint": "mine"}
        return dict(add_message_context(None, "info", event))

    async with bus.running():
        event = await bus.commands.send({}, routing_key="plain", correlation_id="c-1")

    assert event["correlation_id"] == "c-1"
    assert event["message_type"] == "plain"
    assert (event["event"], event["endpoint"]) == ("hello", "mine")
    assert message_context() == {}


# -- time limits, rules, permissions, figures ---------------------------------------------------


async def test_a_timeout_ends_a_handler_and_undoes_it(bus, autojump_clock):
    @bus.command_handler("slow")
    async def slow(command: dict[str, str]):
        await trio.sleep(60)

    bus.intercept(Timeout(5), "command")

    async with bus.running():
        started = trio.current_time()
        with pytest.raises(HandlerTimeout, match="ran longer than 5 s"):
            await bus.commands.send({}, routing_key="slow")
        assert trio.current_time() - started == 5


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5"])
def test_a_timeout_that_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match="give seconds, more than 0"):
        Timeout(seconds)


async def test_validation_refuses_to_the_sender_what_breaks_a_messages_rules(bus, seen):
    bus.intercept(Validation())

    async with bus.running():
        await bus.commands.send(Act("fine"))
        with pytest.raises(InvalidMessage, match="what is empty"):
            await bus.commands.send(Act(""))

    assert seen.items == ["fine"]


async def test_a_stored_message_that_breaks_new_rules_is_a_dead_letter_without_retries(
    seen, tmp_path
):
    allowed = [True]

    def make():
        bus = ActorBus("shop", f"sqlite:///{tmp_path / 'shop.db'}")
        bus.add_channel("later")

        @bus.command_handler("stored", channel="later", endpoint_id="stored")
        async def stored(command: dict[str, str]):
            seen.add(command)

        def check(message):
            if not allowed[0]:
                raise ValueError("no longer allowed")

        bus.intercept(Validation(check), "stored")
        return bus

    async with (bus := make()).running(consume="none"):
        await bus.commands.send({}, routing_key="stored")
    allowed[0] = False
    async with (bus := make()).running():
        await bus.idle()
        (letter,) = await bus.dead_letters.list()

    assert letter.reason == DeadLetterReason.PERMANENT_ERROR
    assert "no longer allowed" in letter.exception_message
    assert seen.items == []


@pytest.mark.parametrize("colour", ["plain", "async"])
async def test_authorisation_asks_with_the_marker_of_the_handler(bus, seen, colour):
    @bus.command_handler("close")
    @Requires("clerk")
    async def close(command: dict[str, str]) -> str:
        return "closed"

    def allowed(invocation):
        return invocation.marker(Requires).role == invocation.headers.get("role")

    async def allowed_later(invocation):
        await trio.lowlevel.checkpoint()
        return allowed(invocation)

    bus.intercept(Authorisation(allowed if colour == "plain" else allowed_later), Requires)

    async with bus.running():
        await bus.commands.send(Act())
        sent = await bus.commands.send({}, routing_key="close", headers={"role": "clerk"})
        assert sent == "closed"
        with pytest.raises(NotAuthorised, match="close: not allowed"):
            await bus.commands.send({}, routing_key="close")


async def test_authorisation_at_a_gateway_is_asked_before_anything_is_stored(bus, seen):
    @bus.command_handler("stored", channel="later")
    async def stored(command: dict[str, str]):
        seen.add(command)

    bus.intercept(Authorisation(lambda sending: "user" in sending.headers), CommandBus)

    async with bus.running(consume="none"):
        with pytest.raises(NotAuthorised):
            await bus.commands.send({}, routing_key="stored")
        with pytest.raises(NotAuthorised):
            await bus.commands.send_many([{}], routing_key="stored")
        assert await bus.store.statistics() == []


async def test_metrics_are_given_each_call_and_its_error(bus):
    @bus.command_handler("fail", endpoint_id="fail")
    async def fail(command: dict[str, str]):
        raise LookupError

    measured = []
    bus.intercept(Metrics(measured.append))

    async with bus.running():
        await bus.commands.send(Act())
        with pytest.raises(LookupError):
            await bus.commands.send({}, routing_key="fail")

    ours = [(one.kind, one.type_name, one.endpoint, type(one.error)) for one in measured]
    assert ours == [
        ("command", f"{Act.__module__}.Act", "act", type(None)),
        ("command", "fail", "fail", LookupError),
    ]
    assert all(one.seconds >= 0 for one in measured)


# -- worlds -------------------------------------------------------------------------------------


def test_interceptors_of_an_asyncio_bus_run_on_its_callers_loop(seen):
    bus = ActorBus("shop")

    @bus.command_handler
    async def act(command: Act) -> str:
        seen.add(asyncio.get_running_loop())
        return command.what

    @bus.around()
    async def around(invocation: Invocation):
        seen.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return await invocation.proceed() + "!"

    @bus.before(order=1)
    def plain(invocation: Invocation):
        invocation.message = Act("y")

    @bus.before(runs_on="trio")
    async def elsewhere(invocation: Invocation):
        assert trio.lowlevel.in_trio_run()

    async def main():
        async with bus.running():
            assert await bus.commands.send(Act()) == "y!"
            assert set(seen.items) == {asyncio.get_running_loop()}

    asyncio.run(main())


def test_an_error_passes_through_an_asyncio_around(seen):
    bus = ActorBus("shop")

    @bus.command_handler
    async def act(command: Act) -> str:
        raise LookupError("gone")

    @bus.around()
    async def around(invocation: Invocation):
        try:
            return await invocation.proceed()
        except LookupError as error:
            return str(error)

    async def main():
        async with bus.running():
            assert await bus.commands.send(Act()) == "gone"

    asyncio.run(main())


def test_interceptors_are_around_plain_handlers_called_from_plain_threads(seen):
    bus = ActorBus("shop")

    @bus.command_handler
    def act(command: Act) -> str:
        return command.what

    @bus.around()
    async def around(invocation: Invocation):
        return await invocation.proceed() + "!"

    with bus.running_in_thread():
        assert bus.commands.send(Act()).get() == "x!"


async def test_proceed_may_be_called_again(bus, seen):
    @bus.around(order=1)
    async def twice(invocation: Invocation):
        await invocation.proceed()
        return await invocation.proceed()

    @bus.around(order=2)
    async def inner(invocation: Invocation):
        seen.add("inner")
        return await invocation.proceed()

    async with bus.running():
        await bus.commands.send(Act())

    assert seen.items == ["inner", "x", "inner", "x"]


async def test_without_interceptors_a_handler_is_called_directly(bus):
    """What is not used costs nothing: the plan and the ways are those without a chain."""
    async with bus.running() as running:
        sender = running.sender()
        assert sender._gates is None
        (plan,) = sender._calling._dispatch._plans.values()
        assert plan.run.__name__ == "_run"


async def test_interceptors_of_others_leave_a_handler_alone(bus):
    @bus.command_handler("other")
    async def other(command: dict[str, str]): ...

    bus.intercept(Timeout(5), "other")

    async with bus.running() as running:
        plans = running.sender()._calling._dispatch._plans
        assert plans["act"].run.__name__ == "_run"

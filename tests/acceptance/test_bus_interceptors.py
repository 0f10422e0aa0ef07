"""Interceptors skip, answer, raise and change messages, in the order that was declared."""

import functools
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CommandBus,
    EventBus,
    Headers,
    Invocation,
    Letter,
    Marker,
    Retry,
    Sending,
    Transaction,
)
from actorbus.interceptors import Passage


@dataclass(frozen=True)
class PlaceOrder:
    number: int


@dataclass(frozen=True)
class PlaceRush(PlaceOrder):
    pass


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@dataclass(frozen=True)
class GetOrder:
    number: int


@dataclass(frozen=True)
class Requires(Marker):
    role: str


@Requires("owner")
@dataclass(frozen=True)
class DropOrders:
    pass


class OutboxEventBus(EventBus, channel="outbox"):
    pass


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def log():
    return []


@pytest.fixture
def bus(store, log):
    """A bus with a handler for each kind, and an asynchronous one; each says what it got."""
    bus = ActorBus("shop", store)
    bus.add_channel("outbox", retry=Retry(attempts=3, initial=0.001))

    @bus.command_handler(endpoint_id="place")
    async def place(command: PlaceOrder, headers: Headers) -> str:
        log.append("handler")
        return f"placed {command.number} for {headers.get('tenant')}"

    @bus.command_handler(endpoint_id="rush")
    async def rush(command: PlaceRush) -> str:
        log.append("rush")
        return "rushed"

    @bus.event_handler(channel="outbox", endpoint_id="confirm")
    async def confirm(event: OrderPlaced, headers: Headers) -> None:
        log.append(("confirm", event.number, dict(headers)))

    @bus.query_handler(endpoint_id="order")
    async def order(query: GetOrder) -> int:
        log.append("query")
        return query.number

    return bus


@pytest.fixture
def drop(bus, log):
    @bus.command_handler(endpoint_id="drop")
    async def drop(command: DropOrders) -> str:
        log.append("drop")
        return "dropped"

    return drop


def note(log, text):
    """An `around` that notes when it begins and ends."""

    async def around(passage: Passage) -> Any:
        log.append(f"> {text}")
        try:
            return await passage.proceed()
        finally:
            log.append(f"< {text}")

    return around


def noted(log, text):
    """A `before` or `after` that is noted."""
    return functools.partial(_note, log, text)


def _note(log, text, passage):
    log.append(text)


async def test_all_stages_run_in_their_order_and_as_declared_within_it(bus, log):
    bus.after("command")(noted(log, "after 1"))
    bus.around("command")(note(log, "around 1"))
    bus.before("command")(noted(log, "before 1"))
    bus.before_sending("command")(noted(log, "sending 1"))
    bus.before("command")(noted(log, "before 2"))
    bus.around("command")(note(log, "around 2"))
    bus.after("command")(noted(log, "after 2"))
    bus.around(CommandBus)(note(log, "gateway"))

    async with bus.running():
        await bus.commands.send(PlaceOrder(1))

    assert log == [
        "sending 1",
        "> gateway",
        "before 1",
        "before 2",
        "> around 1",
        "> around 2",
        "handler",
        "< around 2",
        "< around 1",
        "after 1",
        "after 2",
        "< gateway",
    ]


async def test_a_lower_order_comes_first_whatever_was_declared_first(bus, log):
    bus.before(order=5)(noted(log, "five"))
    bus.before()(noted(log, "zero"))
    bus.before(order=-5)(noted(log, "minus five"))

    async with bus.running():
        await bus.commands.send(PlaceOrder(1))

    assert log == ["minus five", "zero", "five", "handler"]


@pytest.mark.parametrize("stage", ["before", "around"])
async def test_a_skip_takes_the_place_of_everything_that_would_follow(bus, log, stage):
    @bus.before(order=-1)
    async def first(invocation: Invocation):
        log.append("first")

    async def skipping(invocation: Invocation):
        invocation.skip()

    getattr(bus, stage)()(skipping)
    bus.before(order=2)(noted(log, "second"))
    bus.after()(noted(log, "after"))

    async with bus.running():
        assert await bus.commands.send(PlaceOrder(1)) is None

    assert log == (["first"] if stage == "before" else ["first", "second"])


async def test_an_answer_in_a_before_takes_the_handlers_place_and_afters_see_it(bus, log):
    @bus.before()
    def cached(invocation: Invocation[GetOrder, int]):
        invocation.answer(40)

    bus.before()(noted(log, "before"))
    bus.around()(note(log, "around"))

    @bus.after()
    def corrected(invocation: Invocation[GetOrder, int]):
        invocation.result += 2

    async with bus.running():
        assert await bus.queries.ask(GetOrder(7)) == 42

    assert log == []


async def test_an_around_that_does_not_proceed_answers(bus, log):
    @bus.around("query")
    async def cached(invocation: Invocation[GetOrder, int]) -> int:
        if invocation.message.number == 1:
            return 100
        return await invocation.proceed()

    async with bus.running():
        assert [await bus.queries.ask(GetOrder(number)) for number in (1, 2)] == [100, 2]

    assert log == ["query"]


@pytest.mark.parametrize("stage", ["before_sending", "before", "around", "after"])
async def test_an_error_arrives_as_it_was_raised_and_nothing_is_committed(bus, log, stage):
    @bus.command_handler("tables")
    async def tables(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute("CREATE TABLE rows (what TEXT)")

    @bus.command_handler("write")
    async def write(command: dict[str, str], tx: Transaction, events: EventBus) -> None:
        await tx.execute("INSERT INTO rows VALUES ('x')")
        await events.publish(OrderPlaced(1))

    @bus.query_handler("rows")
    async def rows(query: dict[str, str], tx: Transaction) -> int:
        return len(await tx.fetch("SELECT * FROM rows"))

    async def refuse(passage):
        if stage == "around":
            await passage.proceed()
        raise LookupError("no")

    getattr(bus, stage)("write")(refuse)
    bus.after("write", order=9)(noted(log, "after"))

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(LookupError, match="no"):
            await bus.commands.send({}, routing_key="write")
        assert await bus.queries.ask({}, routing_key="rows") == 0
        await bus.idle()

    assert log == []


@pytest.mark.parametrize("stage", ["before_sending", "before", "around"])
async def test_headers_and_payload_are_changed_for_the_handler(bus, stage):
    async def change(passage):
        passage.set_header("tenant", "acme")
        passage.message = replace(passage.message, number=passage.message.number + 1)
        return await passage.proceed() if stage == "around" else None

    getattr(bus, stage)(PlaceOrder)(change)

    async with bus.running():
        assert await bus.commands.send(PlaceOrder(1)) == "placed 2 for acme"


async def test_headers_that_a_before_sets_are_passed_on_to_what_the_handler_sends(bus, log):
    @bus.command_handler("relay")
    async def relay(command: dict[str, str], events: EventBus) -> None:
        await events.publish(OrderPlaced(3))

    @bus.before("relay")
    def stamp(invocation: Invocation):
        invocation.set_header("tenant", "acme")

    async with bus.running():
        await bus.commands.send({}, routing_key="relay", headers={"from": "web"})
        await bus.idle()

    assert log == [("confirm", 3, {"from": "web", "tenant": "acme"})]


async def test_what_is_changed_before_sending_is_what_is_stored(bus, log):
    @bus.before_sending(OrderPlaced)
    def stamp(sending: Sending[OrderPlaced, str]):
        sending.set_header("tenant", "acme")
        sending.message = OrderPlaced(sending.message.number * 2)
        sending.options["message_id"] = "chosen"

    async with bus.running():
        receipt = await bus.events.publish(OrderPlaced(2), headers={"a": "b"})
        await bus.idle()

    assert receipt == "chosen"
    assert log == [("confirm", 4, {"a": "b", "tenant": "acme"})]


async def test_a_skip_before_sending_sends_nothing(bus, log):
    @bus.before_sending(OrderPlaced)
    def only_even(sending: Sending):
        if sending.message.number % 2:
            sending.skip()

    async with bus.running():
        assert await bus.events.publish(OrderPlaced(1)) is None
        sent = await bus.events.publish_many([OrderPlaced(n) for n in range(4)])
        await bus.idle()

    assert sent == 2
    assert sorted(entry[1] for entry in log) == [0, 2]


async def test_send_many_passes_what_is_around_its_gateway_one_by_one(bus, log):
    bus.around(EventBus)(note(log, "gateway"))

    async with bus.running():
        items = [OrderPlaced(1), Letter(OrderPlaced(2), headers={"a": "b"})]
        assert await bus.events.publish_many(items) == 2
        await bus.idle()

    assert log[:4] == ["> gateway", "< gateway"] * 2
    assert log[4:] == [("confirm", 1, {}), ("confirm", 2, {"a": "b"})]


async def test_a_gateways_interceptors_are_those_of_its_subclasses_too(bus, log):
    bus.before_sending(OutboxEventBus)(noted(log, "outbox"))
    bus.before_sending(EventBus)(noted(log, "events"))
    outbox = bus.gateway(OutboxEventBus)

    async with bus.running(consume="none"):
        await bus.events.publish(OrderPlaced(1))
        log.append("--")
        await outbox.publish(OrderPlaced(1))

    assert log == ["events", "--", "outbox", "events"]


@pytest.mark.parametrize(
    "target", ["command", PlaceRush, "rush", f"{PlaceRush.__module__}.PlaceRush"], ids=str
)
async def test_targets_are_kinds_types_endpoints_and_names(bus, log, target):
    bus.before(target)(noted(log, "met"))

    async with bus.running():
        await bus.queries.ask(GetOrder(1))
        await bus.commands.send(PlaceRush(1))

    assert log == ["query", "met", "rush"]


async def test_a_message_type_covers_its_subclasses(bus, drop, log):
    bus.before(PlaceOrder)(noted(log, "met"))

    async with bus.running():
        await bus.commands.send(PlaceRush(1))
        await bus.commands.send(DropOrders())

    assert log == ["met", "rush", "drop"]


async def test_a_handlers_function_is_a_target(bus, drop, log):
    bus.before(drop)(noted(log, "met"))

    async with bus.running():
        await bus.commands.send(PlaceRush(1))
        await bus.commands.send(DropOrders())

    assert log == ["rush", "met", "drop"]


async def test_markers_are_targets_and_arguments(bus, drop, log):
    @bus.command_handler("close")
    @Requires("clerk")
    async def close(command: dict[str, str]) -> None:
        log.append("close")

    @bus.command_handler("open")
    async def reopen(command: Annotated[dict[str, str], Requires("boss")]) -> None:
        log.append("open")

    @bus.before(Requires)
    async def check(invocation: Invocation, requires: Requires):
        log.append(requires.role)
        assert invocation.marker(Requires) is requires

    async with bus.running():
        await bus.commands.send(PlaceOrder(1))
        await bus.commands.send(DropOrders())
        await bus.commands.send({}, routing_key="close")
        await bus.commands.send({}, routing_key="open")

    assert log == ["handler", "owner", "drop", "clerk", "close", "boss", "open"]


async def test_an_interceptor_writes_in_the_handlers_transaction(bus, log):
    @bus.command_handler("tables")
    async def tables(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute("CREATE TABLE audit (what TEXT)")

    @bus.before(PlaceOrder)
    async def audit(invocation: Invocation, tx: Transaction, headers: Headers):
        await tx.execute("INSERT INTO audit VALUES ($1)", headers.type_name)

    @bus.after(PlaceOrder)
    async def refuse(invocation: Invocation):
        if invocation.message.number < 0:
            raise ValueError("negative")

    @bus.query_handler("audit")
    async def audited(query: dict[str, str], tx: Transaction) -> int:
        return len(await tx.fetch("SELECT * FROM audit"))

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        await bus.commands.send(PlaceOrder(1))
        with pytest.raises(ValueError, match="negative"):
            await bus.commands.send(PlaceOrder(-1))
        assert await bus.queries.ask({}, routing_key="audit") == 1


async def test_each_attempt_of_a_stored_message_runs_its_interceptors_again(bus, log):
    @bus.before(OrderPlaced)
    def count(invocation: Invocation):
        log.append(invocation.headers.attempt)

    @bus.after(OrderPlaced)
    def fail_twice(invocation: Invocation):
        if invocation.headers.attempt < 3:
            raise LookupError

    bus.before_sending()(noted(log, "sending"))

    async with bus.running():
        await bus.events.publish(OrderPlaced(1))
        await bus.idle()
        while bus.counters.handled == 0:
            await bus.idle()

    assert [entry for entry in log if not isinstance(entry, tuple)] == ["sending", 1, 2, 3]


def test_everything_that_is_wrong_with_interceptors_is_refused_at_the_start(store):
    bus = ActorBus("shop", store)
    bus.provide(list[str], list, scope="message")

    @bus.command_handler
    async def place(command: PlaceOrder) -> None: ...

    @bus.around()
    def plain(invocation: Invocation): ...

    @bus.before("comand", order="first")  # type: ignore[arg-type]  # what is refused
    async def misspelt(invocation: Invocation): ...

    @bus.before(note)
    async def no_handler(invocation: Sending): ...

    @bus.before(CommandBus, PlaceOrder)
    async def both(sending: Sending, tx: Transaction): ...

    @bus.before()
    async def unmarked(invocation: Invocation, requires: Requires, items: list[str]): ...

    @bus.before()
    def nothing(): ...

    @bus.before(runs_on="asyncio")
    def nowhere(invocation: Invocation, what: int): ...

    bus.before(plain)
    bus.intercept(object())

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    texts = [problem.text for problem in caught.value.problems]
    for part in (
        "make it `async def`",
        "did you mean 'command'?",
        "order='first' is not allowed",
        "note is no handler of this bus",
        "'invocation' is the Invocation, not Sending",
        "declare it once for each",
        "there is no Transaction yet at a gateway",
        "declare it for Requires alone",
        "list lives for a message's handler",
        "takes nothing",
        "runs_on='asyncio' is for async functions",
        "nothing provides int",
        "write `@bus.before()`, with parentheses",
        "has none of the methods",
    ):
        assert [text for text in texts if part in text], part
    assert all(problem.where.startswith("tests") for problem in caught.value.problems)

"""A Protocol whose methods are marked as command, event or query is implemented by the bus."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import pytest

from actorbus import (
    ActorBus,
    Answer,
    BusConfigurationError,
    BusinessInterface,
    BusStateError,
    Header,
    Headers,
    Payload,
    Receipt,
    command,
    event,
    query,
)


@dataclass(frozen=True)
class PlaceOrder:
    number: int
    quantity: int = 1


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@dataclass(frozen=True)
class GetOrder:
    number: int


Tenant = Annotated[str | None, Header()]


class OrderDesk(Protocol):
    """What the shop's pages do with orders."""

    @command(PlaceOrder)
    async def place(
        self, number: int, quantity: int = 2, *, tenant: Annotated[str, Header()]
    ) -> str:
        """Place an order."""
        ...

    @command("orders.cancel")
    async def cancel(self, number: int, *, why: Annotated[str | None, Header("reason")]) -> int: ...

    @command
    def send(self, order: PlaceOrder, tenant: Tenant = None) -> Answer[str]: ...

    @command("orders.raw")
    async def raw(self, body: Annotated[dict[str, int], Payload()]) -> dict[str, int]: ...

    @event
    async def placed(self, fact: OrderPlaced) -> Receipt: ...

    @query(GetOrder)
    async def order(self, number: int) -> int: ...


class AsyncDesk(BusinessInterface, Protocol, channel="async"):
    @command(PlaceOrder)
    async def place(self, number: int, *, tenant: Annotated[str, Header()]) -> Receipt: ...

    @event(OrderPlaced)
    async def placed(self, number: int) -> None: ...


class Wrong(Protocol):
    @command("orders.cancle")
    async def misspelt(self, number: int) -> int: ...

    @command(PlaceOrder)
    async def unknown_field(self, nummer: int) -> str: ...

    @query(PlaceOrder)
    async def wrong_kind(self, number: int) -> str: ...

    @command
    async def two(self, first: PlaceOrder, second: PlaceOrder) -> str: ...

    @command(PlaceOrder)
    async def number_header(self, number: int, tenant: Annotated[int, Header()]) -> str: ...

    @command("stored")
    async def stored_elsewhere(self, a: str) -> str | int: ...

    @event(OrderPlaced)
    async def fact(self, number: int) -> int: ...

    @query(GetOrder)
    async def anything(self, *numbers: int) -> int: ...

    async def unmarked(self) -> int: ...


class Promising(BusinessInterface, Protocol, channel="async"):
    @command(PlaceOrder)
    async def place(self, number: int) -> str | None: ...


class Astray(BusinessInterface, Protocol, channel="asinc"):
    @command(PlaceOrder)
    async def place(self, number: int) -> Any: ...


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def bus(store, calls):
    bus = ActorBus("shop", store)
    bus.add_channel("async")

    @bus.command_handler
    async def place(message: PlaceOrder, headers: Headers) -> str:
        calls.append((message, dict(headers)))
        return f"placed {message.number}"

    @bus.command_handler("orders.cancel")
    async def cancel(message: dict[str, int], headers: Headers) -> int:
        calls.append((message, dict(headers)))
        return message["number"]

    @bus.command_handler("orders.raw")
    async def raw(message: dict[str, int]) -> dict[str, int]:
        return message

    @bus.event_handler
    async def placed(message: OrderPlaced) -> None:
        calls.append(message)

    @bus.query_handler
    async def order(message: GetOrder) -> int:
        return message.number

    return bus


async def test_parameters_become_the_fields_of_a_type_and_headers(bus, calls):
    desk = bus.gateway(OrderDesk)

    async with bus.running():
        assert await desk.place(1, tenant="acme") == "placed 1"
        assert await desk.place(number=2, quantity=5, tenant="acme") == "placed 2"

    assert calls == [
        (PlaceOrder(1, 2), {"tenant": "acme"}),
        (PlaceOrder(2, 5), {"tenant": "acme"}),
    ]


async def test_parameters_become_plain_data_under_a_routing_key(bus, calls):
    desk = bus.gateway(OrderDesk)

    async with bus.running():
        assert await desk.cancel(7, why="late") == 7
        assert await desk.cancel(8, why=None) == 8

    assert calls == [({"number": 7}, {"reason": "late"}), ({"number": 8}, {})]


async def test_one_parameter_may_be_the_message_itself(bus, calls):
    desk = bus.gateway(OrderDesk)

    async with bus.running():
        assert await desk.send(PlaceOrder(1), "acme") == "placed 1"
        assert await desk.raw({"a": 1}) == {"a": 1}
        assert isinstance(await desk.placed(OrderPlaced(3)), Receipt)
        assert await desk.order(4) == 4

    assert calls == [(PlaceOrder(1), {"tenant": "acme"}), OrderPlaced(3)]


async def test_a_call_that_does_not_fit_is_a_type_error_as_for_any_function(bus):
    desk = bus.gateway(OrderDesk)

    async with bus.running():
        with pytest.raises(TypeError, match="missing a required"):
            desk.place(1)
        with pytest.raises(TypeError, match="too many positional"):
            desk.order(1, 2)


async def test_an_asynchronous_interface_sends_through_its_channel(store, bus, calls):
    desk = bus.gateway(AsyncDesk)

    async with bus.running(consume="none"):
        receipt = await desk.place(1, tenant="acme")
        await desk.placed(2)
        assert isinstance(receipt, Receipt)
        assert calls == []
        assert sum(queue.ready for queue in await bus.store.statistics()) == 2


async def test_what_it_sends_is_handled_once_with_headers_intact(bus, calls):
    desk = bus.gateway(AsyncDesk)

    async with bus.running():
        await desk.place(1, tenant="acme")
        await desk.placed(2)
        await bus.idle()

    assert sorted(calls, key=repr) == [(PlaceOrder(1, 1), {"tenant": "acme"}), OrderPlaced(2)]


async def test_it_is_injected_by_its_annotation(bus, calls):
    @bus.command_handler("relay")
    async def relay(message: dict[str, str], desk: OrderDesk, later: AsyncDesk) -> str:
        await later.place(2, tenant="acme")
        return await desk.place(1, tenant="acme")

    async with bus.running():
        assert await bus.commands.send({}, routing_key="relay") == "placed 1"
        await bus.idle()

    assert [message.number for message, _ in calls] == [1, 2]


def test_it_is_called_from_plain_threads_and_from_asyncio(bus):
    class Desk(Protocol):
        @query(GetOrder)
        def order(self, number: int) -> Answer[int]: ...

    desk = bus.gateway(Desk)

    with bus.running_in_thread():
        assert desk.order(1).get() == 1

    async def main():
        async with bus.running():
            assert await desk.order(2) == 2

    asyncio.run(main())


async def test_it_may_be_extended_and_options_of_a_method_come_first(bus, calls):
    class Both(AsyncDesk, Protocol, headers={"by": "both"}):
        @command(PlaceOrder, headers={"by": "method"})
        async def place_by(self, number: int, *, tenant: Tenant = None) -> None: ...

    desk = bus.gateway(Both)

    async with bus.running():
        await desk.place(1, tenant="acme")
        await desk.place_by(2)
        await bus.idle()

    assert sorted(calls, key=repr) == [
        (PlaceOrder(1), {"by": "both", "tenant": "acme"}),
        (PlaceOrder(2), {"by": "method"}),
    ]


async def test_one_that_comes_after_the_start_is_refused(bus):
    async with bus.running():
        with pytest.raises(BusStateError, match="OrderDesk before it is entered"):
            bus.gateway(OrderDesk)


def test_it_says_what_it_is(bus):
    desk = bus.gateway(OrderDesk)

    assert repr(desk) == "<OrderDesk, implemented by the bus>"
    assert desk.place.__doc__ == "Place an order."


def test_interfaces_that_cannot_be_are_refused_at_the_start(bus):
    @bus.command_handler("stored", channel="async")
    async def stored(message: dict[str, str]) -> None: ...

    for interface in (Wrong, Promising, Astray):
        bus.gateway(interface)

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    texts = [problem.text for problem in caught.value.problems]
    for part in (
        "cancle'; did you mean 'orders",
        "Wrong: unknown_field: parameter 'nummer' is no field of the message; did you mean",
        "Wrong: wrong_kind: is marked as @query, and its message is handled as a command",
        "Wrong: two: one parameter, and no other, is the message",
        "Wrong: number_header: parameter 'tenant' is a header, which is text",
        "Wrong: stored_elsewhere: promises a value, but is sent through a channel",
        "Wrong: fact: promises a value, but publishes an event",
        "Wrong: anything: parameter 'numbers' takes any number of arguments",
        "Wrong: unmarked is marked neither",
        "Promising: place: promises a value, but is sent through a channel",
        "Astray: place: no channel 'asinc'; did you mean 'async'?",
    ):
        assert [text for text in texts if part in text], part
    assert all(problem.where.startswith("tests") for problem in caught.value.problems)

"""The gateways: what they return, what they refuse to the sender, and with which reason."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actorbus import (
    ActorBus,
    BusStateError,
    DynamicChannel,
    Headers,
    InvalidHeader,
    InvalidMessage,
    InvalidSendOption,
    InvalidTenant,
    Letter,
    MessageRefused,
    NoHandler,
    SubscribersFailed,
    UnknownMessageType,
    field,
)


@dataclass(frozen=True)
class PlaceOrder:
    number: int


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@dataclass(frozen=True)
class ShipOrder:
    number: int
    carrier: str = "UA"


@dataclass(frozen=True)
class GetOrder:
    number: int


@dataclass(frozen=True)
class Forgotten:
    number: int


@dataclass(frozen=True)
class Unregistered:
    number: int


@pytest.fixture
async def bus(seen):
    bus = ActorBus("shop", max_message_bytes=1000)
    bus.add_channel("shipping")
    bus.add_channel(DynamicChannel("carriers", tenant=field("carrier")))
    bus.message(Forgotten)

    @bus.command_handler
    async def place(command: PlaceOrder, headers: Headers) -> str:
        seen.add((command, dict(headers)))
        return f"order {command.number}"

    @bus.command_handler(channel="shipping")
    async def ship(command: ShipOrder):
        seen.add(command)

    @bus.command_handler("by carrier", channel="carriers")
    async def by_carrier(command: dict[str, str], headers: Headers):
        seen.add((headers.tenant, command))

    @bus.event_handler
    async def first(event: OrderPlaced):
        seen.add(("first", event.number))
        if event.number < 0:
            raise ValueError("negative")

    @bus.event_handler
    def second(event: OrderPlaced):
        seen.add(("second", event.number))
        if event.number < -1:
            raise KeyError("very negative")

    @bus.query_handler
    async def order(query: GetOrder) -> dict[str, int]:
        return {"number": query.number}

    async with bus.running():
        yield bus


async def test_a_command_returns_what_its_handler_does(bus):
    assert await bus.commands.send(PlaceOrder(7)) == "order 7"


async def test_a_query_returns_its_answer(bus):
    assert await bus.queries.ask(GetOrder(7)) == {"number": 7}


async def test_a_command_through_a_channel_returns_its_id(bus, seen):
    assert await bus.commands.send(ShipOrder(7), message_id="ship-7") == "ship-7"
    await seen.until(1)


async def test_plain_data_is_converted_for_a_typed_handler(bus, seen):
    name = f"{PlaceOrder.__module__}.PlaceOrder"

    assert await bus.commands.send({"number": 7}, routing_key=name) == "order 7"
    assert seen.items == [(PlaceOrder(7), {})]


async def test_a_tenant_is_found_in_plain_data(bus, seen):
    await bus.commands.send({"carrier": "HA"}, routing_key="by carrier")
    await seen.until(1)

    assert seen.items == [("HA", {"carrier": "HA"})]


async def test_json_bodies_are_handled_too(bus, seen):
    await bus.commands.send(ShipOrder(7), content_type="application/json")
    await seen.until(1)

    assert seen.items == [ShipOrder(7)]


async def test_all_synchronous_subscribers_run_in_declared_order(bus, seen):
    await bus.events.publish(OrderPlaced(7))

    assert seen.items == [("first", 7), ("second", 7)]


async def test_failing_subscribers_are_named_together_after_all_have_run(bus, seen):
    with pytest.raises(SubscribersFailed) as caught:
        await bus.events.publish(OrderPlaced(-2))

    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]
    assert [name.rpartition(".")[2] for name in caught.value.endpoints] == ["first", "second"]
    assert "bus.first" in str(caught.value)
    assert "bus.second" in str(caught.value)


async def test_the_others_run_though_one_fails(bus, seen):
    with pytest.raises(SubscribersFailed):
        await bus.events.publish(OrderPlaced(-1))

    assert seen.items == [("first", -1), ("second", -1)]


async def test_an_event_without_subscribers_may_be_published(bus):
    assert len(await bus.events.publish(Forgotten(1))) == 32


WRONG: dict[str, Any] = {"text": "seven", "object": object()}
PAST = datetime(2013, 1, 1, tzinfo=UTC)
REFUSED = [
    (PlaceOrder(WRONG["text"]), {}, InvalidMessage, "field 'number': Expected `int`, got `str`"),
    (PlaceOrder(WRONG["object"]), {}, InvalidMessage, "PlaceOrder cannot be written"),
    (Unregistered(1), {}, UnknownMessageType, "Unregistered is no message type of this bus"),
    (Unregistered, {}, UnknownMessageType, "what was given is a class, not a message"),
    ({"number": 1}, {}, UnknownMessageType, "needs routing_key="),
    ({}, {"routing_key": "by carier"}, UnknownMessageType, "did you mean 'by carrier'"),
    ({}, {"routing_key": 5}, InvalidSendOption, "routing_key=5 is not allowed: give a text"),
    ({}, {"routing_key": "by carrier"}, InvalidTenant, "has no field 'carrier'"),
    (Forgotten(1), {}, NoHandler, "no handler takes the command"),
    (OrderPlaced(1), {}, InvalidMessage, "is an event; publish it through an EventBus"),
    (GetOrder(1), {}, InvalidMessage, "is a query; ask it through a QueryBus"),
    (ShipOrder(1), {"delay": -1}, InvalidSendOption, "delay=-1 is not allowed"),
    (ShipOrder(1), {"delay": timedelta(days=-1)}, InvalidSendOption, "delay="),
    (ShipOrder(1), {"deliver_at": PAST}, InvalidSendOption, "is in the past"),
    (PlaceOrder(1), {"delay": 5}, InvalidSendOption, "delay= needs a channel"),
    (PlaceOrder(1), {"headers": {"tenant": 7}}, InvalidHeader, "header 'tenant': the value 7"),
    (
        PlaceOrder(1),
        {"header": {}},
        InvalidSendOption,
        "no option 'header'; did you mean 'headers'",
    ),
    (PlaceOrder(1), {"message_id": ""}, InvalidSendOption, "message_id=''"),
    (PlaceOrder(1), {"content_type": "text/xml"}, InvalidSendOption, "content_type='text/xml'"),
    (ShipOrder(1, "x" * 1000), {}, InvalidMessage, "more than the 1,000"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[3])
async def test_bad_input_is_refused_to_the_sender(bus, seen, case):
    message, options, kind, text = case
    with pytest.raises(kind) as caught:
        await bus.commands.send(message, **options)

    assert text in str(caught.value)
    assert isinstance(caught.value, MessageRefused)
    assert seen.items == []


async def test_a_misspelt_field_of_plain_data_gets_a_suggestion(bus):
    name = f"{ShipOrder.__module__}.ShipOrder"

    with pytest.raises(InvalidMessage, match=r"no field 'carier'; did you mean 'carrier'"):
        await bus.commands.send({"number": 1, "carier": "UA"}, routing_key=name)


async def test_an_explicit_id_is_handled_once_by_a_synchronous_handler_too(bus, seen):
    first = await bus.commands.send(PlaceOrder(7), message_id="order-7")
    again = await bus.commands.send(PlaceOrder(7), message_id="order-7")

    assert (first, again) == ("order 7", None)
    assert len(seen.items) == 1


async def test_the_error_of_one_of_many_says_which_and_how_many_were_sent(bus, seen):
    items = [ShipOrder(n) for n in range(5)] + [ShipOrder(WRONG["text"])]

    with pytest.raises(InvalidMessage) as caught:
        await bus.commands.send_many(items, batch=2)

    assert caught.value.__notes__ == ["item 5 of send_many; 4 before it were sent"]
    await seen.until(4)


async def test_many_may_come_from_an_async_iterable_with_options_of_their_own(bus, seen):
    async def letters():
        for n in range(3):
            yield Letter(ShipOrder(n), message_id=f"ship-{n % 2}")

    assert await bus.commands.send_many(letters(), batch=2) == 2
    await seen.until(2)


async def test_many_events_and_synchronous_handlers(bus, seen):
    assert await bus.events.publish_many(OrderPlaced(n) for n in range(3)) == 6
    assert await bus.commands.send_many([PlaceOrder(1)], headers={"a": "b"}) == 1
    assert seen.items[-1] == (PlaceOrder(1), {"a": "b"})


async def test_a_delay_and_a_due_time_are_kept(bus):
    soon = bus.store.now() + 60
    await bus.commands.send(ShipOrder(1), delay=timedelta(minutes=1))
    await bus.commands.send(ShipOrder(2), deliver_at=datetime.fromtimestamp(soon, UTC))

    (queue,) = await bus.store.statistics()
    assert (queue.ready, queue.waiting) == (0, 2)


async def test_sending_before_the_bus_runs_is_refused():
    with pytest.raises(BusStateError, match=r"bus 'shop' is not running; enter `async with bus"):
        await ActorBus("shop").commands.send(PlaceOrder(1))


def make_deduplicating_bus(seen):
    bus = ActorBus("shop")
    bus.add_channel("shipping")

    @bus.event_handler(channel="shipping", deduplicate=lambda event: event.number)
    async def asynchronous(event: OrderPlaced):
        seen.add(event.number)

    return bus


async def test_of_two_messages_with_one_key_the_second_is_not_handled(seen):
    bus = make_deduplicating_bus(seen)
    async with bus.running():
        for number in (1, 1, 11):
            await bus.events.publish(OrderPlaced(number))
        await bus.idle()

    assert seen.items == [1, 11]


async def test_a_key_that_tells_nothing_apart_is_refused(seen):
    bus = ActorBus("shop")
    bus.add_channel("shipping")

    @bus.event_handler(channel="shipping", deduplicate=lambda event: None)
    async def keyless(event: OrderPlaced): ...

    async with bus.running():
        with pytest.raises(InvalidMessage, match=r"keyless: deduplicate= gave None"):
            await bus.events.publish(OrderPlaced(1))

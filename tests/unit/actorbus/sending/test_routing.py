"""Which handlers a message goes to, and how each of them sees it."""

from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import pytest

from actorbus import ActorBus, SendOptions
from actorbus.messages._readings import is_kind_of
from actorbus.sending._publish import Press
from actorbus.sending._routing import kind_of


class Event:
    pass


@dataclass(frozen=True)
class Placed(Event):
    number: int


@dataclass(frozen=True)
class PlacedAbroad(Placed):
    country: str = "AT"


@dataclass(frozen=True)
class Place(Event):
    """A command that happens to share the parent."""

    number: int


class Note(TypedDict):
    text: str


@pytest.fixture
def bus():
    bus = ActorBus("shop")
    bus.message("orders.abroad")(PlacedAbroad)

    @bus.event_handler(endpoint_id="of any")
    async def of_any(event: Event): ...

    @bus.event_handler(endpoint_id="of placed")
    async def of_placed(event: Placed): ...

    @bus.event_handler("orders.#", endpoint_id="of orders")
    async def of_orders(event: dict[str, Any]): ...

    @bus.event_handler("orders.new", endpoint_id="of new")
    async def of_new(event: Placed): ...

    @bus.command_handler(endpoint_id="place")
    async def place(command: Place): ...

    @bus.query_handler("orders.count", endpoint_id="count")
    async def count(query: dict[str, Any]): ...

    return bus


def endpoints(bus, kind, message, routing_key=None):
    routes = Press(bus.check(), lambda: 0.0).routes
    return [spec.endpoint_id for spec in routes.find(kind, message, routing_key).handlers]


def test_an_event_goes_to_its_class_its_parents_and_the_patterns_of_its_name(bus):
    assert endpoints(bus, "event", Placed(1)) == ["of any", "of placed"]
    assert endpoints(bus, "event", PlacedAbroad(1)) == ["of any", "of placed", "of orders"]


def test_a_key_goes_to_its_handlers_and_patterns_in_declared_order(bus):
    assert endpoints(bus, "event", {"number": 1}, "orders.new") == ["of orders", "of new"]
    assert endpoints(bus, "event", {}, "orders.something.else") == ["of orders"]


def test_commands_and_queries_reach_no_event_handler(bus):
    """Neither by a parent that they share with events, nor by a pattern of their name."""
    assert endpoints(bus, "command", Place(1)) == ["place"]
    assert endpoints(bus, "query", {}, "orders.count") == ["count"]


def test_what_a_name_is_is_known(bus):
    configuration = bus.check()

    assert kind_of("orders.abroad", configuration) == "event"
    assert kind_of("orders.count", configuration) == "query"
    assert kind_of(f"{__name__}.Place", configuration) == "command"
    assert kind_of("orders.whatever", configuration) == "event"
    assert kind_of("orders.*", configuration) is None
    assert kind_of("bills", configuration) is None


def seen(bus, message, *, endpoint, **options: Unpack[SendOptions]):
    configuration = bus.check()
    press = Press(configuration, lambda: 0.0)
    prepared = press.prepare("event", message, options, None)
    (spec,) = (one for one in configuration.handlers if one.endpoint_id == endpoint)
    return press.message_for(prepared, spec)


def test_each_synchronous_handler_sees_a_message_as_its_type_says(bus):
    event = PlacedAbroad(1)

    assert seen(bus, event, endpoint="of any") is event
    assert seen(bus, event, endpoint="of placed") is event
    assert seen(bus, event, endpoint="of orders") == {"number": 1, "country": "AT"}


def test_plain_data_is_seen_as_the_class_that_is_registered(bus):
    data = {"number": 1}

    assert seen(bus, data, endpoint="of any", routing_key="orders.abroad") == PlacedAbroad(1)
    assert seen(bus, data, endpoint="of new", routing_key="orders.new") == Placed(1)
    assert seen(bus, data, endpoint="of orders", routing_key="orders.new") == data


def test_two_handlers_of_plain_data_have_a_copy_each():
    bus = ActorBus("shop")
    for name in ("one", "other"):

        @bus.event_handler("orders", endpoint_id=name)
        async def handle(event: dict[str, Any]): ...

    data = {"a": [1]}
    one, other = (seen(bus, data, endpoint=name, routing_key="orders") for name in ("one", "other"))

    assert one == other == data
    assert one["a"] is not other["a"]


def test_a_keys_route_is_remembered_and_many_keys_do_not_pile_up(bus):
    routes = Press(bus.check(), lambda: 0.0).routes
    again = routes.find("event", {}, "orders.x")
    for number in range(5_000):
        routes.find("event", {}, f"orders.{number}")

    assert routes.find("event", {}, "orders.4999") is routes.find("event", {}, "orders.4999")
    assert routes.find("event", {}, "orders.x") is not again


def test_parents_are_told_without_asking_the_classes():
    """A TypedDict and an abstract class with a hook of its own refuse `issubclass`."""
    assert is_kind_of(PlacedAbroad, Event)
    assert is_kind_of(Note, dict)
    assert not is_kind_of(Note, Note | None)
    assert not is_kind_of(Placed, object)
    assert not is_kind_of(None, Event)

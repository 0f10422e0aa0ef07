"""What start-up refuses of what a bus says about other services: all in one report."""

from dataclasses import dataclass
from typing import Any

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    DistributedBus,
    DynamicChannel,
    InvalidSendOption,
    ServiceMap,
    header,
)


@dataclass(frozen=True)
class PlaceOrder:
    number: int


class Partners(DistributedBus, service_map="parners"):
    pass


class Outbox(DistributedBus, channel="outbix"):
    pass


class Misplaced(DistributedBus, channel="orders-inbox"):
    pass


class Wrong(  # type: ignore[call-arg]  # what is refused
    DistributedBus, dleay=3, headers={"actorbus-kind": "event"}, content_type="text/plain"
):
    pass


def problems(bus):
    """All problems, without their places."""
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    assert all(problem.where for problem in caught.value.problems)
    return [problem.text for problem in caught.value.problems]


def bus_with(*maps: ServiceMap, name: str = "flights") -> ActorBus:
    bus = ActorBus(name)
    bus.add_channel("orders-inbox")
    for one in maps:
        bus.add_service_map(one)
    return bus


@pytest.mark.parametrize(
    ("service_map", "expected"),
    [
        (ServiceMap({"orders": "order-inbox"}), "no channel 'order-inbox'; did you mean"),
        (ServiceMap({"flights": "orders-inbox"}), "'flights' is this bus itself"),
        (
            ServiceMap([("orders", "orders-inbox"), ("orders", "orders-inbox")]),
            "the service 'orders' is here twice",
        ),
        (
            ServiceMap([("a", "orders-inbox"), ("b", "orders-inbox")]),
            "channel 'orders-inbox' is that of 'a' and of 'b'",
        ),
        (ServiceMap({"or/ders": "orders-inbox"}), "the service name 'or/ders' is not allowed"),
        (ServiceMap("orders"), "services='orders' is no mapping"),  # type: ignore[arg-type]  # what is refused
        (ServiceMap({}, name=""), "name='' is not allowed"),
        (
            ServiceMap({"orders": "orders-inbox"}, subscriptions={"order": ["a"]}),
            "subscriptions of 'order', which is no service of this map; did you mean 'orders'",
        ),
        (
            ServiceMap({"orders": "orders-inbox"}, subscriptions={"orders": "a.*"}),
            "subscriptions of 'orders': 'a.*' is no list of keys; give ['a.*']",
        ),
        (
            ServiceMap({"orders": "orders-inbox"}, subscriptions={"orders": ["a.b*"]}),
            "'b*' is neither a word nor a wildcard",
        ),
        (
            ServiceMap({"orders": "orders-inbox"}, subscriptions={"orders": ["a.**"]}),
            "'**' is no wildcard",
        ),
        (
            ServiceMap({"orders": "orders-inbox"}, subscriptions={"orders": [3]}),  # type: ignore[list-item]  # what is refused
            "3 is not a text",
        ),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused(service_map, expected):
    assert any(expected in text for text in problems(bus_with(service_map)))


def test_two_maps_of_one_name_are_refused():
    one = ServiceMap({"orders": "orders-inbox"})
    (text,) = problems(bus_with(one, one))
    assert text.startswith("service map 'default': declared already, at ")


def test_a_channel_that_is_handled_here_is_no_other_services():
    bus = bus_with(ServiceMap({"orders": "orders-inbox"}))

    @bus.event_handler("orders.placed", channel="orders-inbox", endpoint_id="here")
    async def here(event: dict[str, Any]) -> None: ...

    (text,) = problems(bus)
    assert "channel 'orders-inbox' has a handler here, here" in text


def test_an_inbox_of_ones_own_is_no_other_services():
    bus = bus_with(ServiceMap({"orders": "mine"}))
    bus.add_inbox("mine")
    (text,) = problems(bus)
    assert text.endswith("'orders': channel 'mine' is an inbox of this bus")


def test_a_dynamic_channel_is_neither_a_services_nor_an_inbox():
    bus = bus_with(ServiceMap({"orders": "tenants"}))
    bus.add_inbox(DynamicChannel("tenants", tenant=header("tenant")))
    texts = problems(bus)
    assert len([text for text in texts if "channel 'tenants' is dynamic" in text]) == 2


def test_gateways_that_cannot_be_meant_are_refused_together():
    bus = bus_with(ServiceMap({"orders": "orders-inbox"}, name="partners"))
    bus.gateway(Partners)

    @bus.command_handler("a", endpoint_id="a")
    async def a(command: dict[str, Any], one: Outbox, two: Misplaced, three: Wrong) -> None: ...

    texts = "\n".join(problems(bus))
    assert "Partners: no service map 'parners'; did you mean 'partners'" in texts
    assert "Outbox: no service map 'default'" in texts
    assert "Outbox: no channel 'outbix'" in texts
    assert "Misplaced: channel 'orders-inbox' is a service's own" in texts
    assert "Wrong: a distributed gateway has no option dleay=; did you mean 'delay'" in texts
    assert "Wrong: content_type='text/plain' is not allowed" in texts
    assert "Wrong: header 'actorbus-kind': names that begin with 'actorbus-'" in texts


def test_a_handler_that_opts_in_needs_an_inbox():
    bus = ActorBus("orders")

    @bus.command_handler("orders.place", distributed=True, endpoint_id="place")
    async def place(command: dict[str, Any]) -> None: ...

    (text,) = problems(bus)
    assert "distributed=True needs an inbox" in text


def test_a_handler_that_opts_in_needs_a_name_that_others_know():
    bus = ActorBus("orders")
    bus.add_inbox("orders-inbox")

    @bus.command_handler(distributed=True, endpoint_id="place")
    async def place(command: PlaceOrder) -> None: ...

    (text,) = problems(bus)
    assert "distributed=True needs a name that other services know" in text
    bus.message("orders.PlaceOrder")(PlaceOrder)
    assert bus.check().distribution.reachable[0].type_name == "orders.PlaceOrder"


def test_opting_in_is_yes_or_no_and_not_for_queries():
    bus = ActorBus("orders")
    bus.add_inbox("orders-inbox")

    @bus.command_handler("orders.place", distributed="yes", endpoint_id="place")  # type: ignore[call-overload]  # what is refused
    async def place(command: dict[str, Any]) -> None: ...

    @bus.query_handler("orders.get", distributed=True, endpoint_id="get")  # type: ignore[call-overload]  # what is refused
    async def get(query: dict[str, Any]) -> None: ...

    texts = "\n".join(problems(bus))
    assert "distributed='yes' is not allowed: give True or False" in texts
    assert "a query handler has no option distributed=" in texts


def test_a_bus_whose_name_cannot_be_a_services_is_refused_once_it_has_others():
    bus = bus_with(ServiceMap({"orders": "orders-inbox"}), name="my:bus")
    (text,) = problems(bus)
    assert "'my:bus', is its service's" in text


def test_a_synchronous_handler_that_opts_in_may_have_options_of_its_copies():
    bus = ActorBus("orders")
    bus.add_inbox("orders-inbox")

    @bus.command_handler("a", distributed=True, concurrency=2, endpoint_id="a")
    async def a(command: dict[str, Any]) -> None: ...

    bus.check()


async def test_sending_without_a_map_says_what_to_declare():
    async with ActorBus("flights").running() as bus:
        with pytest.raises(InvalidSendOption, match=r"no service map 'default'.*add_service_map"):
            await bus.distributed.publish_event("a", {})


def test_what_is_no_map_is_refused_with_everything_else():
    bus = ActorBus("flights")
    bus.add_service_map({"orders": "orders-inbox"})  # type: ignore[arg-type]  # what is refused
    (text,) = problems(bus)
    assert text == "add_service_map({'orders': 'orders-inbox'}): give a ServiceMap(...)"

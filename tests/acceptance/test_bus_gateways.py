"""Gateways with options of their own: asynchronous ones, both hops, once per key."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CommandBus,
    DistributedBus,
    EventBus,
    Headers,
    InstantRetry,
    InvalidMessage,
    QueryBus,
    Receipt,
    ServiceMap,
    SubscribersFailed,
    Transaction,
    command,
    header,
)
from actorbus._store import Demand
from actorbus.stores import open_store
from actorbus.testing import ManualClock


@dataclass(frozen=True)
class PlaceOrder:
    number: int


@dataclass(frozen=True)
class ShipOrder:
    number: int


@dataclass(frozen=True)
class OrderPlaced:
    number: int


class AsyncCommandBus(CommandBus, channel="async"):
    pass


class OutboxEventBus(EventBus, channel="async"):
    pass


class LaterCommandBus(AsyncCommandBus, delay=timedelta(hours=1), headers={"by": "later"}):
    pass


class OnceCommandBus(CommandBus, deduplicate=lambda command: command.number):
    pass


class OnceEventBus(EventBus, deduplicate=header("key")):
    pass


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=[":memory:", "file"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def bus(url, clock, calls):
    bus = ActorBus("shop", open_store(url, clock))
    bus.add_channel("async")
    bus.add_channel("shipping")

    @bus.command_handler(endpoint_id="place")
    async def place(command: PlaceOrder, headers: Headers) -> str:
        calls.append((command.number, dict(headers)))
        return f"placed {command.number}"

    @bus.command_handler(channel="shipping", endpoint_id="ship")
    async def ship(command: ShipOrder, headers: Headers) -> None:
        calls.append((command.number, dict(headers), headers.id))

    return bus


async def queues(bus):
    return {
        (queue.channel, queue.endpoint): queue.ready + queue.waiting
        for queue in await bus.store.statistics()
        if queue.ready + queue.waiting
    }


async def test_an_asynchronous_gateway_runs_nothing_until_its_channel_is_consumed(url, bus, calls):
    """Then once, with its headers; the plain bus runs the same handler at once."""
    commands = bus.gateway(AsyncCommandBus)

    async with bus.running(consume="none"):
        receipt = await commands.send(PlaceOrder(1), headers={"tenant": "acme"})
        assert isinstance(receipt, Receipt)
        assert calls == []
        assert await bus.commands.send(PlaceOrder(2)) == "placed 2"
        assert calls == [(2, {})]
        assert await queues(bus) == {("async", "place"): 1}
    if url == ":memory:":  # what it held is gone with its bus
        return
    async with bus.running():
        await bus.idle()
    assert calls == [(2, {}), (1, {"tenant": "acme"})]


async def test_what_it_sends_is_handled_once_with_its_headers(bus, calls):
    commands = bus.gateway(AsyncCommandBus)

    async with bus.running():
        await commands.send(PlaceOrder(1), headers={"tenant": "acme"})
        await bus.idle()

    assert calls == [(1, {"tenant": "acme"})]


async def test_an_asynchronous_gateway_over_an_asynchronous_handler_takes_both_hops(bus, calls):
    commands = bus.gateway(AsyncCommandBus)

    async with bus.running(consume=["async"]):
        receipt = await commands.send(ShipOrder(1), headers={"tenant": "acme"}, priority=3)
        assert await queues(bus) == {("async", "ship"): 1}
        await bus.idle()
        assert await queues(bus) == {("shipping", "ship"): 1}
        assert calls == []
        (copy,) = await bus.store.claim([Demand("shipping", ("ship",), None, 1)])

    assert (copy.message_id, copy.priority) == (receipt, 3)


async def test_after_both_hops_it_is_handled_once_under_its_own_id(bus, calls):
    commands = bus.gateway(AsyncCommandBus)

    async with bus.running():
        receipt = await commands.send(ShipOrder(1), headers={"tenant": "acme"})
        again = await commands.send(ShipOrder(2), message_id="chosen")
        await commands.send(ShipOrder(2), message_id="chosen")
        while bus.counters.handled < 4:
            await bus.idle()
        await bus.idle()

    assert calls == [(1, {"tenant": "acme"}, receipt), (2, {}, again)]
    assert bus.counters.handled == 4


async def test_the_second_hop_is_not_taken_twice_after_a_redelivery(bus, calls):
    """The first hop's message and the second's are one transaction: forwarding is once."""
    commands = bus.gateway(AsyncCommandBus)

    async with bus.running(consume=["async"]):
        await commands.send_many([ShipOrder(number) for number in range(50)])
        await bus.idle()
        assert await queues(bus) == {("shipping", "ship"): 50}


async def test_a_delay_is_waited_for_once_over_two_hops(bus, clock, calls):
    commands = bus.gateway(LaterCommandBus)

    async with bus.running():
        await commands.send(ShipOrder(1))
        clock.set_wall(clock.wall() + 59 * 60)
        await bus.idle()
        assert calls == []
        clock.set_wall(clock.wall() + 60)
        await bus.idle()

    assert [call[:2] for call in calls] == [(1, {"by": "later"})]


async def test_its_life_is_counted_from_the_first_hop_on(bus, clock, calls):
    commands = bus.gateway(AsyncCommandBus)

    async with bus.running(consume=["async"]):
        await commands.send(ShipOrder(1), time_to_live=1000)
        clock.set_wall(clock.wall() + 400)
        await bus.idle()
        (copy,) = await bus.store.claim([Demand("shipping", ("ship",), None, 1)])

    assert copy.expires_at == clock.wall() + 600


async def test_options_of_a_call_come_before_those_of_the_gateway(bus, clock, calls):
    commands = bus.gateway(LaterCommandBus)

    async with bus.running():
        await commands.send(PlaceOrder(1), delay=60, headers={"by": "call"})
        clock.set_wall(clock.wall() + 60)
        await bus.idle()

    assert calls == [(1, {"by": "call"})]


async def test_a_gateway_injected_by_annotation_sends_with_the_handlers_transaction(bus, calls):
    @bus.command_handler("relay")
    async def relay(command: dict[str, str], commands: AsyncCommandBus, tx: Transaction) -> None:
        await commands.send(PlaceOrder(1))
        if command:
            raise LookupError

    async with bus.running():
        with pytest.raises(LookupError):
            await bus.commands.send({"fail": "yes"}, routing_key="relay")
        await bus.idle()
        assert calls == []
        await bus.commands.send({}, routing_key="relay", headers={"tenant": "acme"})
        await bus.idle()

    assert calls == [(1, {"tenant": "acme"})]


def test_gateways_are_listed_with_their_options(bus):
    class Desk(Protocol):
        @command(PlaceOrder, channel="async")
        async def place(self, number: int) -> None: ...

    @bus.command_handler("relay")
    async def relay(command: dict[str, str], events: OutboxEventBus, desk: Desk) -> None: ...

    bus.gateway(LaterCommandBus)

    listed = [(one.name, one.kind, one.channel, dict(one.options)) for one in bus.gateways()]

    assert listed == [
        ("CommandBus", "command", None, {}),
        ("EventBus", "event", None, {}),
        ("QueryBus", "query", None, {}),
        (
            *("LaterCommandBus", "command", "async"),
            {"delay": "datetime.timedelta(seconds=3600)", "headers": "{'by': 'later'}"},
        ),
        ("OutboxEventBus", "event", "async", {}),
        ("Desk.place", "command", "async", {}),
    ]
    assert all(one.where.startswith("tests") for one in bus.gateways()[3:])


def test_gateways_to_other_services_are_listed_too(bus):
    class PartnerBus(DistributedBus, service_map="partners", channel="async", priority=2): ...

    bus.add_service_map(ServiceMap({"bakery": "bakery inbox"}, name="partners"))
    bus.add_channel("bakery inbox")
    bus.gateway(PartnerBus)

    [listed] = [one for one in bus.gateways() if one.kind == "distributed"]

    assert (listed.name, listed.channel) == ("PartnerBus", "async")
    assert listed.options == {"priority": "2", "service_map": "partners"}
    assert listed.where.startswith("tests")


# -- deduplication at the gateway ---------------------------------------------------------------


async def test_of_two_with_one_key_the_second_is_not_sent(bus, calls):
    commands = bus.gateway(OnceCommandBus)

    async with bus.running():
        assert await commands.send(PlaceOrder(1)) == "placed 1"
        assert await commands.send(PlaceOrder(1)) is None
        assert await bus.commands.send(PlaceOrder(1)) == "placed 1"
        assert await commands.send_many([PlaceOrder(1), PlaceOrder(2), PlaceOrder(2)]) == 1

    assert [number for number, _ in calls] == [1, 1, 2]


async def test_a_key_from_a_header_and_a_send_that_failed_may_be_repeated(bus, calls):
    failing = [True]

    @bus.event_handler
    async def confirm(event: OrderPlaced) -> None:
        calls.append(event.number)
        if failing[0]:
            raise LookupError

    events = bus.gateway(OnceEventBus)

    async with bus.running():
        with pytest.raises(SubscribersFailed):
            await events.publish(OrderPlaced(1), headers={"key": "a"})
        failing[0] = False
        assert await events.publish(OrderPlaced(2), headers={"key": "a"}) is not None
        assert await events.publish(OrderPlaced(3), headers={"key": "a"}) is None
        with pytest.raises(InvalidMessage, match="OnceEventBus: deduplicate= gave None"):
            await events.publish(OrderPlaced(4))

    assert calls == [1, 2]


async def test_a_key_is_forgotten_with_the_transaction_that_it_was_sent_in(bus, calls):
    @bus.command_handler("relay")
    async def relay(command: dict[str, str], commands: OnceCommandBus) -> None:
        calls.append(await commands.send(PlaceOrder(7)))
        if command:
            raise LookupError

    async with bus.running():
        with pytest.raises(LookupError):
            await bus.commands.send({"fail": "yes"}, routing_key="relay")
        await bus.commands.send({}, routing_key="relay")
        await bus.commands.send({}, routing_key="relay")

    assert calls == [(7, {}), "placed 7", (7, {}), "placed 7", None]


# -- what is refused ----------------------------------------------------------------------------


def test_gateways_that_cannot_be_are_refused_at_the_start(url):
    bus = ActorBus("shop", url)
    bus.add_channel("async")

    class Misspelt(CommandBus, chanel="async"):  # type: ignore[call-arg]  # what is refused
        pass

    class Nowhere(EventBus, channel="asinc"):
        pass

    class Promise(QueryBus, channel="async", delay=5):
        pass

    class Pointless(EventBus, delay=5):
        pass

    number: Any = 1

    class Naive(AsyncCommandBus, delay=-1, headers={"a": number}):
        pass

    class Retrying(AsyncCommandBus, retry=InstantRetry(3)):
        pass

    class Unkeyed(CommandBus, deduplicate="number"):  # type: ignore[arg-type]  # what is refused
        pass

    for gateway in (Misspelt, Nowhere, Promise, Pointless, Naive, Retrying, Unkeyed):
        bus.gateway(gateway)

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    texts = [problem.text for problem in caught.value.problems]
    for part in (
        "Misspelt: a gateway has no option chanel=; did you mean 'channel'?",
        "Nowhere: no channel 'asinc'; did you mean 'async'?",
        "Promise: delay= is not for queries",
        "Pointless: delay= needs a channel",
        "Naive: delay=-1 is not allowed",
        "Retrying: retry=InstantRetry(...) contradicts channel=",
        "Unkeyed: deduplicate='number' is not a function",
    ):
        assert [text for text in texts if part in text], part
    assert all(problem.where.startswith("tests") for problem in caught.value.problems)

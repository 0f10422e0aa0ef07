"""Services that send to each other: who is reached, with what, and whose errors are whose."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from actorbus import (
    ActorBus,
    CommandBus,
    DistributedBus,
    DynamicChannel,
    EventBus,
    Headers,
    InvalidHeader,
    InvalidMessage,
    InvalidSendOption,
    Receipt,
    Retry,
    ServiceMap,
    Transaction,
    UnknownService,
    header,
)
from actorbus.stores import SqliteStore
from actorbus.testing import ManualClock
from tests.waiting import until


@dataclass(frozen=True)
class PlaceOrder:
    number: int


@dataclass(frozen=True)
class FlightDelayed:
    flight: str


class OutboxBus(DistributedBus, channel="outbox"):
    pass


class PartnerBus(DistributedBus, service_map="partners", headers={"by": "partner"}):
    pass


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=[":memory:", "file"])
def stores(request, tmp_path, clock):
    """Two stores on the same data, one for each service."""
    path = None if request.param == ":memory:" else tmp_path / "bus.db"
    store = SqliteStore(path, clock=clock)
    return store, store.beside()


@pytest.fixture
def calls():
    return []


@pytest.fixture
def flights(stores):
    """The sending service."""
    bus = ActorBus("flights", stores[0], lease=100_000)
    bus.add_channel("orders-inbox")
    bus.add_channel("mail-inbox")
    bus.add_channel("outbox")
    bus.add_service_map(
        ServiceMap(
            {"orders": "orders-inbox", "mail": "mail-inbox"},
            subscriptions={"orders": ["flights.*", "flights.delayed", "billing.#"]},
        )
    )
    bus.gateway(OutboxBus)
    return bus


@pytest.fixture
def orders(stores, calls):
    """The receiving service."""
    bus = ActorBus("orders", stores[1], lease=100_000)
    bus.add_inbox("orders-inbox", retry=Retry(attempts=2, initial=1))
    bus.add_channel("work", retry=Retry(attempts=3, initial=1))
    bus.message("orders.PlaceOrder")(PlaceOrder)

    @bus.command_handler(distributed=True, endpoint_id="place")
    async def place(command: PlaceOrder, headers: Headers) -> None:
        calls.append(("place", command.number, headers))

    @bus.command_handler("orders.cancel", distributed=True, channel="work", endpoint_id="cancel")
    async def cancel(command: dict[str, int], headers: Headers) -> None:
        calls.append(("cancel", command["number"], headers))

    @bus.command_handler("orders.delete", endpoint_id="delete")
    async def delete(command: dict[str, int]) -> None:
        calls.append(("delete", command["number"]))

    @bus.event_handler("flights.delayed", distributed=True, channel="work", endpoint_id="rebook")
    async def rebook(event: FlightDelayed, headers: Headers) -> None:
        calls.append(("rebook", event.flight, headers))

    @bus.event_handler("flights.#", distributed=True, endpoint_id="watch")
    async def watch(event: dict[str, str], headers: Headers) -> None:
        calls.append(("watch", event["flight"], headers))

    @bus.event_handler("flights.delayed", endpoint_id="inner")
    async def inner(event: dict[str, str]) -> None:
        calls.append(("inner", event["flight"]))

    return bus


async def told(flights, orders, send):
    """Send, and let both services do all that there is to do; return what the send gave."""
    async with flights.running(), orders.running():
        result = await send(flights.distributed)
        await settled(flights, orders)
        return result, await orders.dead_letters.list()


async def settled(*buses, clock=None):
    """Wait until no bus has anything to do: what one does may be another's work.

    With a clock the retries that wait come due, too.
    """
    for _ in range(3):
        for bus in buses:
            await bus.idle()
        if clock is not None:
            clock.advance(60)


def names(calls):
    return sorted((name, what) for name, what, *_ in calls)


# -- commands --------------------------------------------------------------------------------------


async def test_a_command_is_handled_by_the_other_service_under_its_types_name(
    flights, orders, calls
):
    receipt, dead = await told(
        flights, orders, lambda bus: bus.send_command("orders", "orders.PlaceOrder", {"number": 7})
    )

    assert isinstance(receipt, Receipt)
    assert names(calls) == [("place", 7)]
    assert calls[0][2].id == receipt
    assert dead == []


@pytest.mark.parametrize("content_type", ["application/msgpack", "application/json"])
async def test_a_command_object_is_converted_under_a_routing_key(
    flights, orders, calls, content_type
):
    await told(
        flights,
        orders,
        lambda bus: bus.convert_and_send_command(
            "orders", "orders.cancel", PlaceOrder(3), content_type=content_type
        ),
    )

    assert names(calls) == [("cancel", 3)]
    assert calls[0][2].content_type == content_type


@pytest.mark.parametrize("body", ['{"number": 5}', b'{"number": 5}'])
async def test_a_body_that_is_encoded_already_is_sent_as_it_is(flights, orders, calls, body):
    await told(
        flights,
        orders,
        lambda bus: bus.send_command(
            "orders", "orders.cancel", body, media_type="application/json"
        ),
    )

    assert names(calls) == [("cancel", 5)]


async def test_an_unknown_service_is_the_senders_error_with_close_names(flights, orders, calls):
    async with flights.running():
        with pytest.raises(UnknownService, match="no service 'order' .*did you mean 'orders'"):
            await flights.distributed.send_command("order", "orders.cancel", {"number": 1})
        assert await flights.store.statistics() == []


async def test_an_unknown_key_is_a_dead_letter_of_the_receiver_with_key_and_sender(
    flights, orders, calls
):
    _, dead = await told(
        flights, orders, lambda bus: bus.send_command("orders", "orders.cancle", {"number": 1})
    )

    (letter,) = dead
    assert (letter.endpoint, letter.channel) == ("service:orders", "orders-inbox")
    assert (letter.reason, letter.attempts) == ("permanent error", 1)
    assert letter.exception == "actorbus.UnreachableHandler"
    assert "'orders.cancle', sent by service 'flights'" in letter.exception_message
    assert "did you mean 'orders.cancel'" in letter.exception_message
    assert calls == []
    assert orders.distributed_counts.unreachable == 1


async def test_a_handler_that_did_not_opt_in_is_unreachable_from_outside(flights, orders, calls):
    async def send(bus):
        await bus.send_command("orders", "orders.delete", {"number": 1})
        await bus.send_message("orders", "delete", {"number": 1})
        await bus.publish_event("flights.delayed", {"flight": "UA1"})

    _, dead = await told(flights, orders, send)

    assert [letter.type_name for letter in dead] == ["orders.delete", "delete"]
    assert all("delete is not distributed=True" in one.exception_message for one in dead)
    assert names(calls) == [("rebook", "UA1"), ("watch", "UA1")]


async def test_a_dead_letter_whose_handler_was_added_since_is_replayed(
    flights, orders, calls, stores
):
    if not stores[0].is_shared:  # what it held is gone with its buses
        return
    await told(flights, orders, lambda bus: bus.send_command("orders", "orders.new", {"number": 4}))

    @orders.command_handler("orders.new", distributed=True, endpoint_id="new")
    async def new(command: dict[str, int]) -> None:
        calls.append(("new", command["number"]))

    async with orders.running():
        (letter,) = await orders.dead_letters.list()
        assert await orders.dead_letters.replay(letter.copy_id) == 1
        await orders.idle()
        assert await orders.dead_letters.list() == []
    assert calls == [("new", 4)]


@pytest.mark.parametrize(
    "sent",
    [
        (b'{"number": "x"}', "application/json", r"number"),
        (b"\xc1", "application/msgpack", r"orders.PlaceOrder"),
        (b'{"number": 1}', "application/json; version=2", r"version 2"),
    ],
)
async def test_an_undecodable_command_is_a_dead_letter_of_the_receiver_with_path_and_reason(
    flights, orders, calls, sent
):
    body, media_type, reason = sent
    _, dead = await told(
        flights,
        orders,
        lambda bus: bus.send_command("orders", "orders.PlaceOrder", body, media_type=media_type),
    )

    (letter,) = dead
    assert (letter.endpoint, letter.reason, letter.attempts) == ("place", "undecodable", 1)
    assert reason in letter.exception_message
    assert json.loads(letter.headers)["actorbus-source"] == "flights"
    assert calls == []


async def test_a_message_goes_to_one_endpoint_by_its_id(flights, orders, calls):
    await told(flights, orders, lambda bus: bus.send_message("orders", "rebook", {"flight": "B6"}))

    assert names(calls) == [("rebook", "B6")]


# -- events ----------------------------------------------------------------------------------------


async def test_an_event_reaches_all_that_opted_in_each_with_a_copy_of_its_own(
    flights, orders, calls
):
    """Two keys of the map match, and give the service one copy."""

    async def publish(bus):
        return await bus.convert_and_publish_event("flights.delayed", FlightDelayed("UA1"))

    receipt, _ = await told(flights, orders, publish)

    assert names(calls) == [("rebook", "UA1"), ("watch", "UA1")]
    assert {headers.id for *_, headers in calls} == {receipt}
    assert len({headers.copy_id for *_, headers in calls}) == 2
    counts = flights.distributed_counts
    assert (counts.published, counts.copies, counts.unsubscribed) == (1, 1, 0)
    assert orders.distributed_counts.received == 1


@pytest.mark.parametrize(
    ("key", "copies"),
    [
        ("flights.delayed", 1),
        ("flights.landed", 1),
        ("flights", 0),
        ("flights.east.landed", 0),
        ("billing", 1),
        ("billing.paid.late", 1),
        ("weather.storm", 0),
    ],
)
async def test_a_service_is_sent_the_events_that_its_keys_cover(flights, key, copies):
    async with flights.running():
        await flights.distributed.publish_event(key, {"flight": "UA1"})

        stored = [(one.endpoint, one.ready) for one in await flights.store.statistics()]

    assert stored == [("service:orders", 1)] * copies


async def test_an_event_that_no_service_subscribes_to_is_accepted_and_counted(flights):
    async with flights.running():
        receipt = await flights.distributed.publish_event("weather.storm", {"at": "EWR"})
        health = await flights.health()

    assert isinstance(receipt, Receipt)
    assert (health.distributed.published, health.distributed.unsubscribed) == (1, 1)


async def test_an_event_that_no_handler_subscribes_to_is_accepted_and_counted_there(
    flights, orders, calls
):
    _, dead = await told(
        flights, orders, lambda bus: bus.publish_event("billing.paid", {"number": 1})
    )

    assert dead == []
    assert calls == []
    counts = orders.distributed_counts
    assert (counts.received, counts.unheard) == (1, 1)


async def test_a_subscriber_that_fails_is_tried_again_alone(flights, orders, calls, clock):
    @orders.event_handler("flights.landed", distributed=True, endpoint_id="fails")
    async def fails(event: dict[str, str], headers: Headers) -> None:
        calls.append(("fails", event["flight"]))
        if headers.attempt == 1:
            raise ValueError("not yet")

    async with flights.running(), orders.running():
        await flights.distributed.publish_event("flights.landed", {"flight": "B6"})
        await settled(flights, orders, clock=clock)

    assert names(calls) == [("fails", "B6"), ("fails", "B6"), ("watch", "B6")]


async def test_a_body_that_one_subscriber_cannot_read_is_read_by_the_other(flights, orders, calls):
    _, dead = await told(
        flights, orders, lambda bus: bus.publish_event("flights.delayed", {"flight": "B6", "x": 1})
    )

    assert [(one.endpoint, one.reason) for one in dead] == [("watch", "undecodable")]
    assert names(calls) == [("rebook", "B6")]


async def test_an_older_process_leaves_a_new_command_to_the_newer_one(
    flights, orders, calls, stores
):
    """A rolling deploy: whichever of the two takes it from the inbox, the newer one handles it."""
    newer = ActorBus("orders", stores[1].beside(), lease=100_000)
    newer.add_inbox("orders-inbox")

    @newer.command_handler("orders.new", distributed=True, endpoint_id="new")
    async def new(command: dict[str, int], headers: Headers) -> None:
        calls.append(("new", command["number"], headers))

    async def all_have_told_of_themselves():
        return all(row.snapshot for row in await newer.processes())

    async with flights.running(), newer.running(), orders.running():
        await until(all_have_told_of_themselves)
        for number in range(20):
            await flights.distributed.send_command("orders", "orders.new", {"number": number})
            await flights.distributed.send_message("orders", "new", {"number": number})
        await settled(flights, orders, newer)
        dead = await newer.dead_letters.list()

    assert dead == []
    assert names(calls) == [("new", number) for number in range(20) for _ in range(2)]
    counts = orders.distributed_counts, newer.distributed_counts
    assert sum(one.received for one in counts) == 40
    assert sum(one.unreachable for one in counts) == 0


# -- headers, transactions, options ----------------------------------------------------------------


async def test_source_correlation_causation_and_user_headers_cross_over(flights, orders, calls):
    @flights.command_handler("flights.delay", endpoint_id="delay")
    async def delay(command: dict[str, str], distributed: DistributedBus) -> None:
        await distributed.publish_event("flights.delayed", command)

    async with flights.running(), orders.running():
        await flights.commands.send(
            {"flight": "UA1"},
            routing_key="flights.delay",
            headers={"tenant": "acme"},
            message_id="m-1",
            correlation_id="c-1",
        )
        await settled(flights, orders)

    for _, _, headers in calls:
        assert dict(headers) == {"tenant": "acme", "actorbus-source": "flights"}
        assert (headers.correlation_id, headers.causation_id) == ("c-1", "m-1")


async def test_what_a_handler_sends_leaves_with_its_transaction_only(flights, orders, calls):
    @flights.command_handler("flights.fail", endpoint_id="fail")
    async def fail(command: dict[str, str], distributed: DistributedBus) -> None:
        await distributed.send_command("orders", "orders.cancel", {"number": 1})
        raise ValueError("after all not")

    async with flights.running(), orders.running():
        with pytest.raises(ValueError, match="after all not"):
            await flights.commands.send({}, routing_key="flights.fail")
        await settled(flights, orders)
        assert await flights.store.statistics() == []

    assert calls == []


async def test_the_same_message_id_is_sent_to_a_service_once(flights, orders, calls):
    async def send(bus):
        for _ in range(2):
            await bus.send_command("orders", "orders.cancel", {"number": 1}, message_id="row-7")

    await told(flights, orders, send)

    assert names(calls) == [("cancel", 1)]


async def test_a_delay_an_hour_long_is_waited_for_before_the_inbox(flights, orders, calls, clock):
    async with flights.running(), orders.running():
        await flights.distributed.send_command(
            "orders", "orders.cancel", {"number": 1}, delay=3600, priority=4
        )
        clock.advance(3599)
        await settled(flights, orders)
        assert calls == []
        clock.advance(1)
        await settled(flights, orders)

    assert names(calls) == [("cancel", 1)]


async def test_a_message_that_was_not_taken_in_time_is_never_run(flights, orders, calls, clock):
    async with flights.running():
        await flights.distributed.send_command(
            "orders", "orders.cancel", {"number": 1}, time_to_live=60
        )
        clock.advance(61)
        async with orders.running():
            await settled(orders)

    assert calls == []


async def test_tenants_are_found_by_the_receivers_own_channels(flights, orders, calls, clock):
    orders.add_channel(DynamicChannel("tenants", tenant=header("tenant")))

    @orders.command_handler("orders.bill", distributed=True, channel="tenants", endpoint_id="bill")
    async def bill(command: dict[str, int], headers: Headers) -> None:
        calls.append(("bill", headers.tenant))

    async with flights.running(), orders.running():
        send = flights.distributed.send_command
        await send("orders", "orders.bill", {}, headers={"tenant": "acme"})
        await send("orders", "orders.bill", {})
        await settled(flights, orders, clock=clock)
        dead = await orders.dead_letters.list()

    assert calls == [("bill", "acme")]
    assert [(one.endpoint, one.channel) for one in dead] == [("bill", "orders-inbox")]
    assert "no header 'tenant'" in dead[0].exception_message


# -- gateways --------------------------------------------------------------------------------------


async def test_an_outbox_keeps_everything_until_this_service_takes_it_on(flights, orders, calls):
    outbox = flights.gateway(OutboxBus)

    async with flights.running(consume="none"), orders.running():
        receipt = await outbox.send_command("orders", "orders.cancel", {"number": 1}, priority=2)
        await settled(orders)
        (queue,) = await flights.store.statistics()
        assert (queue.channel, queue.endpoint) == ("outbox", "relay:flights:default:orders")
        assert calls == []
        if not flights.store.is_shared:
            return
    async with flights.running(), orders.running():
        await settled(flights, orders)

    assert names(calls) == [("cancel", 1)]
    assert calls[0][2].id == receipt


async def test_what_goes_through_an_outbox_arrives_with_everything(flights, orders, calls):
    outbox = flights.gateway(OutboxBus)

    async with flights.running(), orders.running():
        await outbox.convert_and_publish_event(
            "flights.delayed", FlightDelayed("UA1"), headers={"tenant": "acme"}
        )
        await settled(flights, orders)

    assert names(calls) == [("rebook", "UA1"), ("watch", "UA1")]
    assert all(dict(one)["actorbus-source"] == "flights" for *_, one in calls)


async def test_each_map_has_a_gateway_of_its_own(flights, calls):
    flights.add_channel("shipping-inbox")
    flights.add_service_map(ServiceMap({"shipping": "shipping-inbox"}, name="partners"))
    partners = flights.gateway(PartnerBus)

    async with flights.running():
        await partners.send_command("shipping", "ship", {})
        with pytest.raises(UnknownService, match="'orders' in the service map 'partners'"):
            await partners.send_command("orders", "orders.cancel", {})
        with pytest.raises(UnknownService, match="'shipping' in the service map 'default'"):
            await flights.distributed.send_command("shipping", "ship", {})
        stored = [(one.channel, one.endpoint) for one in await flights.store.statistics()]

    assert stored == [("shipping-inbox", "service:shipping")]


async def test_interceptors_of_gateways_see_what_leaves_for_other_services(flights, orders, calls):
    seen: list[Any] = []

    @flights.before_sending(DistributedBus)
    def stamp(sending) -> None:
        seen.append((sending.kind, sending.type_name, sending.gateway))
        sending.set_header("stamped", "yes")

    await told(
        flights, orders, lambda bus: bus.send_command("orders", "orders.cancel", {"number": 1})
    )

    assert seen == [("command", "orders.cancel", DistributedBus)]
    assert calls[0][2]["stamped"] == "yes"


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("send", "error", "text"),
    [
        (lambda b: b.publish_event("flights.*", {}), InvalidSendOption, "is a pattern"),
        (lambda b: b.publish_event("", {}), InvalidSendOption, "routing_key=''"),
        (lambda b: b.publish_event("a", {}, dleay=1), InvalidSendOption, "'dleay'"),
        (lambda b: b.publish_event("a", {}, headers={"actorbus-kind": "x"}), InvalidHeader, "own"),
        (lambda b: b.publish_event("a", "x", media_type="text/csv"), InvalidSendOption, "text/csv"),
        (lambda b: b.publish_event("a", {}, media_type="application/json"), InvalidMessage, "dict"),
        (lambda b: b.publish_event("a", object()), InvalidMessage, "a: "),
        (lambda b: b.publish_event("a", b"x" * 2_000_000), InvalidMessage, "2,000,0"),
        (lambda b: b.publish_event("a", {}, content_type="a/b"), InvalidSendOption, "'a/b'"),
    ],
)
async def test_what_cannot_be_meant_is_the_senders_error(flights, send, error, text):
    async with flights.running():
        with pytest.raises(error, match=text):
            await send(flights.distributed)


async def test_the_sender_consumes_nothing_of_what_is_others(flights, orders, calls, clock):
    """Its pollers promote and expire, but never claim; what it left is the other's to take."""
    async with flights.running():
        await flights.distributed.send_command("orders", "orders.cancel", {"number": 1}, delay=5)
        clock.advance(6)
        await settled(flights)
        (queue,) = await flights.store.statistics()
        assert (queue.endpoint, queue.ready, queue.claimed) == ("service:orders", 1, 0)
        assert [one.channel for one in (await flights.health()).channels] == ["outbox"]
        async with orders.running():
            await settled(orders)
    assert names(calls) == [("cancel", 1)]


async def test_what_a_receiver_does_in_its_transaction_is_exact(flights, orders, clock):
    """Its effects are there once for each message, though each fails at first."""

    @orders.command_handler("orders.note", distributed=True, channel="work", endpoint_id="note")
    async def note(command: dict[str, int], tx: Transaction, headers: Headers) -> None:
        await tx.execute("CREATE TABLE IF NOT EXISTS notes (number INTEGER)")
        await tx.execute("INSERT INTO notes VALUES ($1)", command["number"])
        if headers.attempt == 1:
            raise ValueError("once more")

    async with flights.running(), orders.running():
        for number in range(20):
            await flights.distributed.send_command("orders", "orders.note", {"number": number})
        await settled(flights, orders, clock=clock)
        async with await orders.store.snapshot("test") as view:
            rows = [row[0] for row in await view.fetch("SELECT number FROM notes ORDER BY number")]

    assert rows == list(range(20))


async def test_gateways_for_this_service_and_for_others_are_injected_side_by_side(flights, orders):
    seen = []

    @flights.command_handler("flights.all", endpoint_id="all")
    async def everything(
        command: dict[str, str], commands: CommandBus, events: EventBus, others: OutboxBus
    ) -> None:
        seen.append((type(commands), type(events), type(others)))

    async with flights.running():
        await flights.commands.send({}, routing_key="flights.all")

    assert seen == [(CommandBus, EventBus, OutboxBus)]

"""Copies: one per endpoint, with the handler's settings and the sender's wishes."""

from dataclasses import dataclass
from typing import Unpack

import pytest

from actorbus import ActorBus, DynamicChannel, EventBus, Headers, SendOptions, header
from actorbus.sending._publish import Press


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@pytest.fixture
def bus():
    bus = ActorBus("shop")
    bus.add_channel("reminders")
    bus.add_channel(DynamicChannel("carriers", tenant=header("carrier")))

    @bus.event_handler(channel="reminders", delay=60, priority=3, time_to_live=600)
    async def remind(event: OrderPlaced): ...

    @bus.event_handler(channel="carriers", deduplicate=lambda event: event.number)
    async def carry(event: OrderPlaced): ...

    return bus


def copies(bus, parent=None, **options: Unpack[SendOptions]):
    configuration = bus.check()
    press = Press(configuration, lambda: 1000.0)
    prepared = press.prepare("event", OrderPlaced(7), options, parent)
    return [press.copy(prepared, spec, spec.channel) for spec in configuration.handlers]


def test_copies_share_the_message_and_have_ids_and_endpoints_of_their_own(bus):
    one, two = copies(bus, headers={"carrier": "HA"})

    assert one.message_id == two.message_id == one.correlation_id
    assert one.body is two.body
    assert one.copy_id != two.copy_id
    assert [one.endpoint.rpartition(".")[2], two.endpoint.rpartition(".")[2]] == ["remind", "carry"]
    assert (one.timestamp, one.causation_id, one.headers) == (1000.0, None, '{"carrier":"HA"}')


def test_a_copy_has_its_handlers_settings(bus):
    one, two = copies(bus, headers={"carrier": "HA"})

    assert (one.delay, one.priority, one.time_to_live) == (60.0, 3, 600.0)
    assert (two.delay, two.priority, two.time_to_live) == (0.0, 0, None)
    assert (one.tenant, two.tenant) == ("", "HA")
    assert (one.deduplication_key, two.deduplication_key) == (None, "key:7")


def test_the_senders_wishes_come_first(bus):
    one, _ = copies(bus, headers={"carrier": "HA"}, delay=0, priority=0, time_to_live=5)

    assert (one.delay, one.priority, one.time_to_live) == (0.0, 0, 5.0)


def test_a_due_time_replaces_the_handlers_delay(bus):
    one, _ = copies(bus, headers={"carrier": "HA"}, deliver_at=2000)

    assert (one.delay, one.deliver_at) == (0.0, 2000.0)


def test_an_explicit_id_is_the_key_where_there_is_no_expression(bus):
    one, two = copies(bus, headers={"carrier": "HA"}, message_id="row-7")

    assert (one.deduplication_key, two.deduplication_key) == ("id:row-7", "key:7")


def test_what_a_handler_sends_inherits_from_its_message(bus):
    parent = Headers(id="p", correlation_id="first", user={"carrier": "HA", "a": "1"})
    one, _ = copies(bus, parent, headers={"a": "2"})

    assert (one.causation_id, one.correlation_id) == ("p", "first")
    assert one.headers == '{"a":"2","carrier":"HA"}'


def test_without_headers_of_its_own_the_parents_text_is_passed_on(bus):
    parent = Headers(id="p", user='{"carrier":"HA"}')

    assert copies(bus, parent)[0].headers is parent.text


def test_a_gateways_channel_is_known_to_its_class():
    class Outbox(EventBus, channel="outbox"): ...

    class Special(Outbox): ...

    assert (EventBus.channel, Outbox.channel, Special.channel) == (None, "outbox", "outbox")

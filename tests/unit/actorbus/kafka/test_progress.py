"""A consumer that fetches nothing although records are left is restarted."""

from types import SimpleNamespace
from typing import Any

import pytest
import trio

from actorbus import ChannelStalled, KafkaChannel
from actorbus.channels._errors import IntakeStalled
from actorbus.channels.kafka._ahead import Ahead
from actorbus.channels.kafka._intake import _Consumer
from actorbus.channels.kafka._session import Fetched, Looked


@pytest.fixture
def told():
    return []


@pytest.fixture
def desk():
    return SimpleNamespace(
        channel=KafkaChannel("orders", servers="a:1"),
        group="shop.orders",
        foreign_endpoint=None,
        full_partitions=frozenset,
        is_holding=False,
        ahead=Ahead(),
        fewest_waiting=0,
        partitions={},
        left=None,
        trouble=None,
    )


@pytest.fixture
async def consumer(desk, told):
    drivers = SimpleNamespace(call_soon=lambda *_: None)
    bus = SimpleNamespace(store=None, publish=told.append, drivers=drivers, largest_body=9)
    session: Any = SimpleNamespace(want=None, looked_at=None)
    return _Consumer(bus, desk, session, path="shop/channels/orders/broker")


async def test_records_that_are_left_and_never_come_restart_it(consumer, told, autojump_clock):
    await consumer.on_event(Looked(None, 5))
    await trio.sleep(11)
    with pytest.raises(IntakeStalled, match="channel 'orders' fetched nothing for 11 s"):
        await consumer.on_event(Looked(None, 5))
    assert [type(event) for event in told] == [ChannelStalled]


async def test_while_some_come_it_goes_on(consumer, told, autojump_clock):
    for _ in range(5):
        await trio.sleep(8)
        await consumer.on_event(Fetched({}))
        await consumer.on_event(Looked(None, 5))
    assert told == []


@pytest.mark.parametrize("why", ["nothing is left", "nothing is wanted", "a partition is full"])
async def test_nothing_has_to_come(consumer, desk, told, autojump_clock, why):
    left = 0 if why == "nothing is left" else 5
    desk.is_holding = why == "nothing is wanted"
    if why == "a partition is full":
        desk.full_partitions = lambda: frozenset({("orders", 0)})
    for _ in range(3):
        await trio.sleep(20)
        await consumer.on_event(Looked(None, left))
    assert told == []

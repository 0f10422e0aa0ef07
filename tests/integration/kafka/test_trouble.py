"""Brokers that are not there, topics that come late: waited for, told, and gone on from."""

import pytest
import trio

from actorbus import BrokerRecovered, BrokerTrouble, Condition, Transaction
from tests.integration.kafka.conftest import Broker, OrderPlaced, eventually, record
from tests.services.fixtures import new_topic

BILL = "shop.bill"
GROUP = "shop.orders"


class Told:
    """What a bus told of its broker."""

    def __init__(self, bus):
        self.events = []
        self.news = trio.Event()
        bus.system.events.subscribe(self._on_event, BrokerTrouble)
        bus.system.events.subscribe(self._on_event, BrokerRecovered)

    def _on_event(self, event):
        self.events.append(event)
        self.news.set()
        self.news = trio.Event()

    async def until(self, kind):
        with trio.fail_after(60):
            while not any(isinstance(event, kind) for event in self.events):
                await self.news.wait()
        return next(event for event in self.events if isinstance(event, kind))


@pytest.fixture
def handled_by(seen):
    """Declare the handler on a bus."""

    def declare(bus):
        @bus.event_handler(channel="orders", endpoint_id=BILL)
        async def bill(event: OrderPlaced, tx: Transaction) -> None:
            seen.add(event.number)

        return bus

    return declare


@pytest.fixture
def own(own_kafka_server, own_topic):
    """A topic on a server that may be killed."""
    return Broker(own_kafka_server.servers, own_topic)


@pytest.fixture
def own_bus(own, make_bus, handled_by):
    """A bus on it."""
    return handled_by(make_bus(servers=own.servers, topic=own.topic))


async def test_a_topic_that_appears_late_is_waited_for(
    make_bus, broker, kafka_server, handled_by, seen
):
    late = Broker(broker.servers, new_topic())
    bus = handled_by(make_bus(topic=late.topic))
    async with bus.running():
        told = Told(bus)
        trouble = await told.until(BrokerTrouble)
        assert f"topic {late.topic!r} is not there" in str(trouble.error)
        health = await bus.health()
        assert health.condition is Condition.BROKER_TROUBLE
        assert "is not there" in (health.channels[0].broker.trouble or "")
        await trio.to_thread.run_sync(kafka_server.create_topic, late.topic)
        late.produce(*(record(number, BILL) for number in range(5)))
        await seen.until(5)
        await told.until(BrokerRecovered)
        assert (await bus.health()).is_healthy
    await trio.to_thread.run_sync(kafka_server.delete_topic, late.topic)


async def test_a_broker_that_is_killed_and_started_again_is_gone_on_with(
    own_kafka_server, own, own_bus, seen, capsys
):
    """The time until it is gone on with is printed."""
    own.produce(*(record(number, BILL) for number in range(10)))
    async with own_bus.running():
        told = Told(own_bus)
        await seen.until(10)
        own_kafka_server.kill()
        await told.until(BrokerTrouble)
        assert (await own_bus.health()).condition is Condition.BROKER_TROUBLE
        await trio.to_thread.run_sync(own_kafka_server.start)
        reachable_at = trio.current_time()
        own.produce(*(record(number, BILL) for number in range(10, 20)))
        await seen.until(20)
        took = trio.current_time() - reachable_at
        await told.until(BrokerRecovered)
        await eventually(lambda: sum(own.committed(GROUP).values()) == 20)
    assert sorted(seen.numbers) == list(range(20))
    with capsys.disabled():
        print(f"\n  from reachable again to the last of 10 messages handled: {took:.2f} s")


async def test_a_broker_that_is_not_there_at_the_start_is_waited_for(
    own_kafka_server, own, own_bus, seen
):
    own.produce(*(record(number, BILL) for number in range(10)))
    own_kafka_server.kill()
    async with own_bus.running():
        told = Told(own_bus)
        trouble = await told.until(BrokerTrouble)
        assert trouble.channel == "orders"
        await trio.to_thread.run_sync(own_kafka_server.start)
        await seen.until(10)
    assert sorted(seen.numbers) == list(range(10))

"""A broker of several is killed under load: what it coordinated and led moves to another one.

`mortal` coordinates the groups of all consumers. The bus runs here, so that its events are seen; in
one test it shares the partitions with a worker. Answers count as late sooner than usual, so that it
is told for certain before the controller has made others the leaders.
"""

import pytest
import trio
from aiokafka import AIOKafkaConsumer

from actorbus import BrokerRecovered, BrokerTrouble, EndpointSick
from actorbus.channels.kafka import _session
from tests.faults.recorder_app import Settings, SetUp, make_bus
from tests.faults.recording import Database, peak_memory, send, until_up, workers
from tests.integration.kafka.conftest import Broker, eventually
from tests.services._kafka import in_asyncio
from tests.services.fixtures import new_topic

GROUP = "recorder.records"
BEFORE, MESSAGES = 300, 400
"""How many are sent before the broker is killed, and in all."""

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Answers are late after half a second, and are asked for without a pause."""
    monkeypatch.setattr(_session, "ANSWER_WITHIN", 0.5)
    monkeypatch.setattr(_session, "LOOK_EVERY", 0.1)


@pytest.fixture
def database(postgres):
    return Database(postgres)


@pytest.fixture
def load(postgres, kafka_cluster, database):
    """Run the bus and workers on a topic that a broker leads; kill the mortal one meanwhile."""

    async def load(leader, beside=0):
        topic = new_topic()
        kafka_cluster.create_topic_led_by(topic, leader)
        broker = Broker(kafka_cluster.servers, topic)
        brokers = {"kafka": broker.servers, "topic": topic}
        bus = make_bus(Settings(postgres, kafka=broker.servers, topic=topic))
        async with bus.running():
            told = Told(bus)
            await bus.commands.send(SetUp())
            with workers() as start:
                running = [start(postgres, **brokers) for _ in range(beside)]
                await until_up(bus, *running)
                await through_the_death_of_a_broker(bus, database, kafka_cluster, running, told)
                assert count_of_records(broker) == MESSAGES, "some were produced twice"
                await eventually(lambda: sum(broker.committed(GROUP).values()) == MESSAGES)
        return told

    return load


class Told:
    """What a bus told of trouble, and of its end."""

    def __init__(self, bus):
        self.events = []
        self.news = trio.Event()
        bus.system.events.subscribe(self._on_event, BrokerTrouble, BrokerRecovered, EndpointSick)

    def _on_event(self, event):
        self.events.append(event)
        self.news.set()
        self.news = trio.Event()

    async def until(self, kind):
        with trio.fail_after(60):
            while not self.all_of(kind):
                await self.news.wait()

    def all_of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


async def through_the_death_of_a_broker(bus, database, cluster, running, told):
    """Kill it with messages in hand and others to come; all are handled, each of them once."""
    await send(bus, range(BEFORE), pause=0.05)
    await database.until(30, *running)
    told.events.clear()
    cluster.mortal.kill()
    await send(bus, range(BEFORE, BEFORE + 50))
    await told.until(BrokerTrouble)
    await told.until(BrokerRecovered)
    await send(bus, range(BEFORE + 50, MESSAGES))
    await database.until(MESSAGES, *running)
    database.assert_each_is_there_once(MESSAGES)
    assert max(map(peak_memory, running), default=0) < 250


def count_of_records(broker):
    """Return how many records the topic has: each of a message that was produced twice counts."""

    async def count():
        consumer = AIOKafkaConsumer(broker.topic, bootstrap_servers=broker.servers)
        async with consumer:
            return sum((await consumer.end_offsets(consumer.assignment())).values())

    return in_asyncio(count)


async def test_the_coordinator_of_the_group_dies(load, kafka_cluster):
    """The partitions' leader lives: only what is handled cannot be committed for a while."""
    told = await load(leader=1, beside=1)
    assert kafka_cluster.coordinator_of(GROUP) == 1

    texts = {str(event.error) for event in told.all_of(BrokerTrouble)}
    assert any("its coordinator does not answer" in text for text in texts), texts
    assert not told.all_of(EndpointSick)


async def test_the_leader_of_all_partitions_dies(load, kafka_cluster):
    """And the coordinator with it: the relay waits for the next leader, and goes on with it."""
    told = await load(leader=2)
    assert kafka_cluster.coordinator_of(GROUP) == 1

    assert not told.all_of(EndpointSick)

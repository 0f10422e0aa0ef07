"""`actorbus doctor` and `actorbus list` ask the broker, and consume nothing."""

import pytest

from actorbus import KafkaChannel, Transaction
from actorbus.channels.kafka._inquiry import TopicState
from actorbus.operations._brokers import ask_brokers
from tests.acceptance.command_line import CommandLine
from tests.integration.kafka.conftest import OrderPlaced, eventually, record

BILL = "shop.bill"
GROUP = "shop.orders"
APP = """
from actorbus import ActorBus, KafkaChannel
bus = ActorBus("shop", "sqlite:///shop.db")
bus.add_channel(KafkaChannel("orders", servers={!r}, topic={!r}))
"""


async def test_how_far_a_group_is(make_bus, broker, seen):
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(5)), partition=0)
    (new,) = await ask_brokers(bus.channels[:1], "shop")
    async with bus.running():
        await seen.until(5)
        await eventually(lambda: broker.committed(GROUP).get(0) == 5)
    broker.produce(*(record(number, BILL) for number in range(3)), partition=1)
    (behind,) = await ask_brokers(bus.channels[:1], "shop")
    assert new.state == TopicState(4, begun=False, lag=5)
    assert behind.state == TopicState(4, begun=True, lag=3)


async def test_a_server_that_is_not_there_and_a_topic_that_is_not(broker):
    gone = KafkaChannel("gone", servers="127.0.0.1:9")
    late = KafkaChannel("late", servers=broker.servers, topic="never-made")
    unreachable, missing = await ask_brokers([gone, late], "shop")
    assert "127.0.0.1" in repr(unreachable.error)
    assert missing.state == TopicState(0)


@pytest.mark.slow
def test_the_commands_show_it(broker, tmp_path):
    actorbus = CommandLine.at(tmp_path)
    actorbus.write("app.py", APP.format(broker.servers, broker.topic))
    actorbus("run", "app:bus", "--once")
    broker.produce(record(1, BILL), partition=0)
    doctor = actorbus("doctor", "app:bus", "--json").json
    found = {one["check"]: one for one in doctor["findings"]}
    (listed,) = actorbus("list", "app:bus", "--json").json["brokers"]

    assert found["brokers"]["status"] == "ok", found["brokers"]
    assert f"topic {broker.topic!r} has 4 partitions" in found["brokers"]["text"]
    assert (listed["channel"], listed["partitions"], listed["left"]) == ("orders", 4, 1)

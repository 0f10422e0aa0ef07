"""What `actorbus doctor` makes of a broker's answers."""

import pytest

from actorbus import KafkaChannel
from actorbus.channels.kafka._inquiry import TopicState
from actorbus.operations._brokers import Answer, look_at_brokers

CHANNEL = KafkaChannel("orders", servers="a:1, b:2", topic="placed")


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        (TopicState(0), "warning", "topic 'placed' is not there; the channel waits for it"),
        (
            TopicState(4, begun=False, lag=7),
            "ok",
            "topic 'placed' has 4 partitions; group 'shop.orders' is new: 7 records are there",
        ),
        (
            TopicState(1, begun=True, lag=3),
            "ok",
            "topic 'placed' has 1 partitions; group 'shop.orders' is 3 records behind",
        ),
    ],
)
def test_a_topic_and_its_group(state, status, text):
    (finding,) = look_at_brokers([Answer(CHANNEL, "shop.orders", state)])
    assert (finding.check, finding.status) == ("brokers", status)
    assert finding.text == f"channel 'orders': {text}"


def test_a_broker_that_cannot_be_asked():
    (finding,) = look_at_brokers([Answer(CHANNEL, "shop.orders", None, OSError("no route"))])
    assert finding.status == "wrong"
    assert finding.text == "channel 'orders': a:1, b:2 cannot be asked: OSError('no route')"

"""TLS and SASL against a listener that wants both, with a certificate that was made for it."""

import pytest

from actorbus import ActorBus, KafkaChannel, Transaction
from actorbus.operations._brokers import ask_brokers
from tests.integration.kafka.conftest import OrderPlaced
from tests.services._secure_kafka import PASSWORD, USER
from tests.services.fixtures import new_topic

pytestmark = [pytest.mark.slow]


@pytest.fixture
def channel(secure_kafka_server):
    """Make channels on the secured listener; what is given takes the place of what is right."""
    topic = new_topic()
    secure_kafka_server.create_topic(topic)

    def channel(**given):
        right = {
            "servers": secure_kafka_server.secure_servers,
            "topic": topic,
            "security_protocol": "SASL_SSL",
            "ssl_context": secure_kafka_server.trusting(),
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": USER,
            "sasl_plain_password": PASSWORD,
        }
        return KafkaChannel("orders", **(right | given))

    return channel


async def test_messages_go_through_a_listener_that_wants_tls_and_a_password(channel, seen):
    """Who has no right password, or does not trust it, is told; the password is in no text."""
    bus = ActorBus("shop")
    bus.add_channel(channel())

    @bus.event_handler(channel="orders")
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    async with bus.running():
        await bus.events.publish(OrderPlaced(1))
        await seen.until(1)
    assert seen.numbers == [1]

    (wrong,) = await ask_brokers([channel(sasl_plain_password="guessed")], "shop")
    (untrusted,) = await ask_brokers([channel(ssl_context=None)], "shop")
    assert wrong.error is not None
    assert untrusted.error is not None
    assert "guessed" not in repr(wrong)
    assert PASSWORD not in repr(untrusted)

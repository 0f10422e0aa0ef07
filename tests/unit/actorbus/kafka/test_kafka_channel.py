"""KafkaChannel as it is declared: what is refused when the bus starts, all of it at once."""

import ssl
from dataclasses import dataclass

import pytest

from actorbus import ActorBus, BusConfigurationError, ForeignRecord, KafkaChannel, StoreChannel

SERVERS = "localhost:9092"


@dataclass(frozen=True)
class OrderPlaced:
    number: int


def problems(*channels, **options):
    bus = ActorBus("shop")
    for channel in channels or [KafkaChannel("orders", **{"servers": SERVERS, **options})]:
        bus.add_channel(channel)
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [problem.text for problem in caught.value.problems]


def test_a_channel_with_nothing_but_servers_will_do():
    bus = ActorBus("shop")
    channel = KafkaChannel("orders", servers="one:9092, two")
    bus.add_channel(channel)
    bus.check()
    assert channel.server_list == ["one:9092", "two"]
    assert (channel.topic_name, channel.group_name("shop")) == ("orders", "shop.orders")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"servers": ""}, "'' is not 'host:port'"),
        ({"servers": []}, "servers=[] is not allowed"),
        ({"servers": ["a:b"]}, "'a:b' is not 'host:port'"),
        ({"servers": 9092}, "servers=9092 is not allowed"),
        ({"topic": "two words"}, "topic='two words' is not allowed"),
        ({"topic": ".."}, "topic='..' is not allowed"),
        ({"group": ""}, "group='' is not allowed"),
        ({"start": "middle"}, "start='middle' is not allowed: give 'earliest' or 'latest'"),
        ({"inbox": "none"}, "inbox='none' is not allowed: give 'last' or 'first'"),
        ({"outbox": "no"}, "outbox='no' is not allowed: give True or False"),
        ({"window": 0}, "window=0 is not a whole number of at least 1"),
        ({"prefetch": True}, "prefetch=True is not a whole number"),
        ({"session_timeout": 0}, "session_timeout=0 is not allowed: give seconds"),
        ({"handover_timeout": "1"}, "handover_timeout='1' is not allowed"),
        ({"commit_every": -1}, "commit_every=-1 is not allowed"),
        ({"concurrency": 0}, "concurrency=0 is not a whole number"),
        ({"priority": 3}, "priority= is not possible on channel 'orders' (KafkaChannel)"),
        ({"outbox": False, "delay": 3}, "delay= is not possible on channel 'orders'"),
        ({"security_protocol": "TLS"}, "security_protocol='TLS' is not allowed: give 'PLAINTEXT'"),
        ({"ssl_context": "yes", "security_protocol": "SSL"}, "is not an ssl.SSLContext"),
        ({"sasl_plain_username": "me"}, "sasl_... does nothing with security_protocol='PLAINTEXT'"),
        (
            {"security_protocol": "SASL_SSL", "sasl_plain_username": "me"},
            "sasl_mechanism='PLAIN' needs sasl_plain_password=",
        ),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"},
            "needs sasl_oauth_token_provider=",
        ),
        ({"consumer_options": {"group_id": "x"}}, "'group_id' is the channel's own to say"),
        ({"producer_options": []}, "producer_options=[] is not a mapping"),
        (
            {"producer_options": {"linger": 5}},
            "producer_options=: AIOKafkaProducer has no option 'linger'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(options, text):
    found = problems(**options)
    assert len(found) == 1
    assert text in found[0]


def test_everything_that_is_wrong_is_said_at_once():
    assert len(problems(servers="", window=0, inbox="x", outbox=2, priority=1)) == 5


def test_a_name_that_no_topic_can_have_asks_for_a_topic():
    (text,) = problems(KafkaChannel("my orders", servers=SERVERS))
    assert text.endswith("give topic=")


def test_a_context_that_no_connection_would_use_is_refused():
    (text,) = problems(ssl_context=ssl.create_default_context())
    assert "ssl_context= does nothing with security_protocol='PLAINTEXT'" in text


def test_two_channels_do_not_share_a_group_on_a_topic():
    one = KafkaChannel("one", servers=SERVERS, topic="orders", group="shop")
    two = KafkaChannel("two", servers=SERVERS, topic="orders", group="shop")
    (text,) = problems(one, two)
    assert "channel 'one' is on topic 'orders' in group 'shop' already" in text


def test_a_missing_driver_says_what_to_install(monkeypatch):
    monkeypatch.setattr("actorbus.channels.kafka._checks.DRIVER", "no_such_driver")
    (text,) = problems()
    assert text.endswith("is not installed: pip install 'actorbus[kafka]'")


def test_a_handlers_priority_is_refused_and_the_channels_that_have_one_are_named():
    bus = ActorBus("shop")
    bus.add_channel(KafkaChannel("orders", servers=SERVERS))
    bus.add_channel(StoreChannel("mail"))

    @bus.event_handler(channel="orders", priority=5)
    async def handle(event: OrderPlaced) -> None: ...

    with pytest.raises(BusConfigurationError, match="those that can: 'mail'"):
        bus.check()


def test_a_handler_may_ask_for_the_records_of_others():
    bus = ActorBus("shop")
    bus.add_channel(KafkaChannel("orders", servers=SERVERS))

    @bus.event_handler(channel="orders")
    async def legacy(record: ForeignRecord) -> None: ...

    bus.check()
    assert bus.handlers[0].type_name == "actorbus.ForeignRecord"


def test_only_one_handler_of_a_channel_asks_for_the_records_of_others():
    bus = ActorBus("shop")
    bus.add_channel(KafkaChannel("orders", servers=SERVERS))

    @bus.event_handler(channel="orders")
    async def one(record: ForeignRecord) -> None: ...

    @bus.event_handler(channel="orders")
    async def two(record: ForeignRecord) -> None: ...

    with pytest.raises(BusConfigurationError, match="gets the foreign records of 'orders' already"):
        bus.check()


def test_tls_and_sasl_are_handed_on_as_they_were_given():
    context = ssl.create_default_context()
    channel = KafkaChannel(
        "orders",
        servers=SERVERS,
        security_protocol="SASL_SSL",
        ssl_context=context,
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="me",
        sasl_plain_password="secret",
    )
    assert channel.security() | {"ssl_context": context} == channel.security()
    assert channel.security()["sasl_plain_password"] == "secret"
    assert "secret" not in repr(channel)


def test_tls_without_a_context_trusts_what_the_system_trusts():
    channel = KafkaChannel("orders", servers=SERVERS, security_protocol="SSL")
    context = channel.security()["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED

"""What the driver's consumer is told: the channel's options, those for TLS and SASL as given."""

import ssl

from actorbus import KafkaChannel
from actorbus.channels.kafka import _session


def told(monkeypatch, **options):
    """Return the options that the driver's consumer is made with."""
    found = {}
    monkeypatch.setattr(_session, "AIOKafkaConsumer", lambda **given: found.update(given))
    _session.make_consumer(KafkaChannel("orders", servers="a:1, b:2", **options), "shop.orders")
    return found


def test_tls_and_sasl_reach_the_driver(monkeypatch):
    context = ssl.create_default_context()
    found = told(
        monkeypatch,
        security_protocol="SASL_SSL",
        ssl_context=context,
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username="me",
        sasl_plain_password="secret",
    )
    assert found["ssl_context"] is context
    assert (found["security_protocol"], found["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-256")
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("me", "secret")


def test_the_group_the_servers_and_the_limits_are_the_channels(monkeypatch):
    found = told(monkeypatch, session_timeout=30, handover_timeout=60, start="latest")
    assert found["bootstrap_servers"] == ["a:1", "b:2"]
    assert (found["group_id"], found["auto_offset_reset"]) == ("shop.orders", "latest")
    assert (found["session_timeout_ms"], found["enable_auto_commit"]) == (30_000, False)
    assert found["rebalance_timeout_ms"] > 60_000


def test_other_options_of_the_consumer_are_passed_through(monkeypatch):
    found = told(monkeypatch, consumer_options={"fetch_max_bytes": 7, "client_rack": "a"})
    assert (found["fetch_max_bytes"], found["client_rack"]) == (7, "a")
    assert found["isolation_level"] == "read_committed"

"""What the log says about a broker, and what the driver's own log may add to it."""

import logging

import pytest

from actorbus._bus_events import (
    BrokerRecovered,
    BrokerTrouble,
    EndpointHealthy,
    EndpointSick,
    PartitionsAssigned,
    PartitionsRevoked,
)
from actorbus.channels._broker import BrokerUnavailable
from actorbus.cli._run import log_to_stderr
from actorbus.operations._log_broker import log_broker
from actors.events import EventStream


@pytest.fixture
def said(caplog):
    """Publish an event, and return what is logged: the level and the line."""
    events = EventStream()
    log_broker(events)
    caplog.set_level(logging.INFO, "actorbus")

    def said(event):
        events.publish(event)
        (record,) = caplog.records
        return record.levelname, record.getMessage()

    return said


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            BrokerTrouble("/x", 1.0, "orders", OSError("gone")),
            (
                "WARNING",
                "channel orders: its broker is in trouble, and is tried again: OSError('gone')",
            ),
        ),
        (
            BrokerRecovered("/x", 1.0, "orders"),
            ("INFO", "channel orders: its broker answers again"),
        ),
        (
            PartitionsAssigned("/x", 1.0, "orders", (0, 3)),
            ("INFO", "channel orders: has partitions 0, 3 now"),
        ),
        (
            PartitionsRevoked("/x", 1.0, "orders", (0,), 2),
            ("INFO", "channel orders: handed partitions 0 over, 2 messages of them had not ended"),
        ),
        (
            PartitionsAssigned("/x", 1.0, "orders", ()),
            ("INFO", "channel orders: has partitions none now"),
        ),
    ],
)
def test_each_event_of_a_broker_is_a_line(said, event, line):
    assert said(event) == line


def test_an_outage_that_no_broker_has_is_not_told_as_one(caplog):
    """Its traceback is in the log of the actors."""
    events = EventStream()
    log_broker(events)
    events.publish(EndpointSick("/x", 1.0, "mail", "", ConnectionError("mail is down"), 1))
    assert not caplog.records


def test_another_reason_that_a_broker_takes_nothing_is_told(caplog):
    """A reason is told once until it works again."""
    events = EventStream()
    log_broker(events)

    def fails(reason):
        error = BrokerUnavailable(reason)
        events.publish(EndpointSick("/x", 1.0, "broker:kafka", "", error, 1))

    fails("gone")
    fails("gone")
    fails("no leader")
    events.publish(EndpointHealthy("/x", 1.0, "broker:kafka", ""))
    fails("no leader")
    reasons = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert reasons == ["gone", "no leader", "no leader"]


@pytest.mark.parametrize(("level", "shown"), [("info", False), ("error", False), ("debug", True)])
def test_the_drivers_own_log_is_shown_by_a_worker_that_debugs(level, shown):
    """Each rebalance is several warnings of its, which tell nothing that is wrong."""
    driver = logging.getLogger("aiokafka")
    before = driver.level
    try:
        log_to_stderr(level)
        assert driver.isEnabledFor(logging.ERROR) == shown
    finally:
        driver.setLevel(before)

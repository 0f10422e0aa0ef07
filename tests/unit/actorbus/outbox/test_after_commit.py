"""Channels declared `outbox=False`: produced after the commit, and told if that fails."""

from dataclasses import dataclass

import pytest
import trio
from typer.testing import CliRunner

from actorbus import ActorBus, MessageNotProduced, Transaction
from actorbus.channels._broker import BrokerUnavailable
from actorbus.cli._app import app as cli
from tests.unit.actorbus.outbox.brokers import FakeBroker, FakeChannel
from tests.unit.actorbus.outbox.test_relaying import InlineDrivers


@dataclass(frozen=True)
class Ordered:
    number: int


@pytest.fixture
def broker():
    return FakeBroker()


@pytest.fixture
def bus(broker, monkeypatch):
    monkeypatch.setattr("actorbus.running._running.DriverThread", InlineDrivers)
    bus = ActorBus("shop")
    bus.add_channel(FakeChannel("kafka", broker=broker, outbox=False))

    @bus.event_handler(channel="kafka", endpoint_id="bill")
    async def bill(event: Ordered) -> None: ...

    return bus


async def until(condition):
    with trio.fail_after(5.0):
        while not condition():  # noqa: ASYNC110  the broker in memory has no bell
            await trio.sleep(0.01)


async def test_it_is_produced_at_once_outside_of_a_handler(bus, broker):
    """For its endpoint; nothing is stored. The sender gets the error, if there is one."""
    async with bus.running(consume="none"):
        sent = await bus.events.publish(Ordered(1))
        assert [(one.message_id, one.endpoint) for one in broker.published] == [(sent, "bill")]
        assert await bus.store.statistics() == []
        broker.is_down = True
        with pytest.raises(BrokerUnavailable):
            await bus.events.publish(Ordered(2))
        broker.is_down, broker.refuses = False, b"\x03"
        with pytest.raises(ValueError, match="refused"):
            await bus.events.publish(Ordered(3))


async def test_within_a_handler_it_is_produced_after_the_commit(bus, broker):
    """All that one handler sends in one batch, and nothing if it fails."""
    seen = []

    @bus.command_handler("order")
    async def order(number: int, tx: Transaction) -> None:
        for each in range(3):
            await bus.events.publish(Ordered(each))
        seen.append(broker.tries)
        if number == 2:
            raise ValueError(number)

    async with bus.running(consume="none"):
        await bus.commands.send(1, routing_key="order")
        await until(lambda: broker.published)
        with pytest.raises(ValueError, match="2"):
            await bus.commands.send(2, routing_key="order")

    assert seen == [0, 1]
    assert [len(batch) for batch in broker.batches] == [3]


async def test_what_could_not_be_produced_is_told(bus, broker, caplog):
    """By an event and in the log, with the message's id; the sender's work is done."""
    lost = []

    @bus.command_handler("order")
    async def order(number: int) -> str:
        return str(await bus.events.publish(Ordered(number)))

    broker.is_down = True
    async with bus.running(consume="none"):
        bus.system.events.subscribe(lost.append, MessageNotProduced)
        sent = await bus.commands.send(1, routing_key="order")
        await until(lambda: lost)

    assert [(one.message_id, one.channel, one.endpoint) for one in lost] == [
        (sent, "kafka", "bill")
    ]
    assert f"message {sent} is lost" in caplog.text


async def test_what_a_savepoint_undid_is_not_produced(bus, broker):
    """What was sent before it and after it is."""

    @bus.command_handler("order")
    async def order(number: int, tx: Transaction) -> None:
        await bus.events.publish(Ordered(1))
        try:
            async with tx.savepoint():
                await bus.events.publish(Ordered(2))
                raise LookupError
        except LookupError:
            await bus.events.publish(Ordered(3))

    async with bus.running(consume="none"):
        await bus.commands.send(1, routing_key="order")
        await until(lambda: broker.published)

    assert [one.body[-1] for one in broker.published] == [1, 3]


APP = """
from dataclasses import dataclass, field
from actorbus import ActorBus
from tests.unit.actorbus.outbox.brokers import FakeChannel

bus = ActorBus("shop", "sqlite:///{path}/shop.db")
bus.add_channel(FakeChannel("soon", outbox=False))
bus.add_channel(FakeChannel("kafka"))
"""


@pytest.fixture
def app(tmp_path, monkeypatch):
    (tmp_path / "outbox_app.py").write_text(APP.format(path=tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    return "outbox_app:bus"


def test_the_command_line_says_what_is_at_most_once(app):
    """`list` shows the channels' kinds and the outboxes, `doctor` warns."""
    listed = CliRunner().invoke(cli, ["list", app, "--json"]).stdout
    found = CliRunner().invoke(cli, ["doctor", app, "--json"]).stdout

    assert '"broker, at most once from commit to broker"' in listed
    assert '"outbox":"outbox","broker":"kafka"' in listed.replace(" ", "").replace("\n", "")
    assert "channel 'soon' has outbox=False: at most once from commit to broker" in found

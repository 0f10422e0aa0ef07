"""The relay: what waits in an outbox goes to its broker, whatever becomes of single messages."""

import logging
from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus, CombinedChannel, DeadLetterFilter, Retry, Transaction
from actorbus._bus_events import EndpointHealthy, EndpointSick
from actorbus.options._ordering import Ordering
from supervisors import Backoff
from tests.unit.actorbus.outbox.brokers import FakeBroker, FakeChannel


@dataclass(frozen=True)
class Ordered:
    number: int


class InlineDrivers:
    """Runs what belongs on the drivers' thread in the caller's task: time stays virtual."""

    def __init__(self, _name: str) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def run(self, function, *args):
        return await function(*args)


@pytest.fixture(autouse=True)
def _inline(monkeypatch):
    monkeypatch.setattr("actorbus.running._running.DriverThread", InlineDrivers)


@pytest.fixture
def broker():
    return FakeBroker()


def make_bus(broker, store=":memory:", key=None, name="shop", **outbox):
    """Return a bus with a broker's channel, two handlers behind it, and its outbox."""
    bus = ActorBus(name, store)
    bus.add_channel("outbox", **outbox)
    bus.add_channel(FakeChannel("kafka", broker=broker, ordering_key=key))

    @bus.event_handler(channel="kafka", endpoint_id="bill")
    async def bill(event: Ordered) -> None: ...

    return bus


def numbers(broker):
    """Return the numbers of the messages that the broker took, in order."""
    return [int(one.body[-1]) for one in broker.published]


async def queue_of(bus):
    """Return what is stored for the relay."""
    found = await bus.store.statistics()
    return next((one for one in found if one.endpoint == "broker:kafka"), None)


async def test_what_is_sent_arrives_in_order_and_is_gone(broker, autojump_clock):
    """With its ids, its headers, its body as it was stored, and the endpoint that it is for."""
    bus = make_bus(broker)
    async with bus.running(consume=["outbox"]):
        ids = [await bus.events.publish(Ordered(n), headers={"n": str(n)}) for n in range(5)]
        await bus.idle()
        left = await queue_of(bus)

    assert [one.message_id for one in broker.published] == ids
    assert {one.for_endpoint for one in broker.published} == {"bill"}
    assert broker.published[3].headers == '{"n":"3"}'
    assert left is None
    assert not broker.running


async def test_a_batch_is_published_at_once(broker, autojump_clock):
    bus = make_bus(broker)
    async with bus.running(consume="none"):
        await bus.events.publish_many([Ordered(n) for n in range(100)])
        await bus.consume_for(5.0, ["outbox"])

    assert [len(batch) for batch in broker.batches] == [100]


async def test_nothing_is_relayed_by_a_process_that_does_not_consume_the_outbox(
    broker, autojump_clock
):
    """A web process only stores; another one relays."""
    bus = make_bus(broker)
    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1))
        await trio.sleep(60.0)
        queue = await queue_of(bus)

    assert broker.tries == 0
    assert queue.ready == 1


async def test_what_a_handler_sends_leaves_with_its_transaction(broker, autojump_clock):
    """And never if that is undone."""
    bus = make_bus(broker)

    @bus.command_handler("order")
    async def order(number: int, tx: Transaction) -> None:
        await bus.events.publish(Ordered(number))
        if number == 2:
            raise ValueError(number)

    async with bus.running(consume=["outbox"]):
        await bus.commands.send(1, routing_key="order")
        with pytest.raises(ValueError, match="2"):
            await bus.commands.send(2, routing_key="order")
        await bus.idle()

    assert numbers(broker) == [1]


async def test_a_message_that_the_broker_refuses_is_retried_and_dies_alone(broker, autojump_clock):
    """The others of its batch go; its letter is relayed again when it is replayed."""
    bus = make_bus(broker, retry=Retry(attempts=3, initial=1.0))
    broker.refuses = b"\x02"
    async with bus.running(consume=["outbox"]):
        await bus.events.publish_many([Ordered(n) for n in range(5)])
        await trio.sleep(60.0)
        (letter,) = await bus.store.dead_letters(DeadLetterFilter())
        tries, arrived = broker.tries, numbers(broker)
        broker.refuses = None
        await bus.dead_letters.replay(DeadLetterFilter())
        await bus.idle()

    assert arrived == [0, 1, 3, 4]
    assert tries == 3
    assert (letter.endpoint, letter.for_endpoint, letter.attempts) == ("broker:kafka", "bill", 3)
    assert letter.reason == "attempts exhausted"
    assert numbers(broker) == [0, 1, 3, 4, 2]


async def test_of_a_broker_that_is_down_the_log_tells_once_and_of_its_end(
    broker, autojump_clock, caplog
):
    """Without a traceback: there is nothing in it that the line does not say."""
    caplog.set_level(logging.INFO)
    bus = make_bus(broker)
    broker.is_down = True
    async with bus.running(consume=["outbox"]):
        probes = []
        bus.system.events.subscribe(probes.append, EndpointSick)
        await bus.events.publish(Ordered(1))
        await trio.sleep(60.0)
        broker.is_down = False
        await bus.idle()

    told = [(one.name, one.levelname, one.getMessage()) for one in caplog.records]
    assert len(probes) > 2
    assert told == [
        (
            "actorbus",
            "WARNING",
            "broker:kafka: a broker takes no messages, and is tried again: down",
        ),
        ("actorbus", "INFO", "broker:kafka: works again"),
    ]


async def test_a_broker_that_is_down_counts_against_no_message(broker, autojump_clock):
    """The relay backs off, probes with one message, and goes on when it is back."""
    bus = make_bus(broker, backoff=Backoff(initial=1.0, maximum=4.0), retry=Retry(attempts=1))
    broker.is_down = True
    async with bus.running(consume=["outbox"]):
        await bus.events.publish_many([Ordered(n) for n in range(3)])
        events = []
        bus.system.events.subscribe(events.append, EndpointSick, EndpointHealthy)
        await trio.sleep(60.0)
        tries, sick = broker.tries, await bus.health()
        broker.is_down = False
        await trio.sleep(10.0)
        letters = await bus.store.count_dead_letters(DeadLetterFilter())
        health = await bus.health()

    assert tries < 40
    assert sick.condition != "healthy"
    assert [type(event) for event in events][-2:] == [EndpointSick, EndpointHealthy]
    assert numbers(broker) == [0, 1, 2]
    assert letters == 0
    assert len(broker.batches[0]) == 1
    (relay,) = [one for one in health.channels[0].endpoints if one.endpoint == "broker:kafka"]
    assert relay.relayed == 3


async def test_a_delayed_message_is_published_when_it_is_due(broker, autojump_clock):
    bus = make_bus(broker)
    async with bus.running(consume=["outbox"]):
        await bus.events.publish(Ordered(1), delay=30.0)
        await trio.sleep(29.0)
        before = broker.tries
        await trio.sleep(2.0)

    assert (before, numbers(broker)) == (0, [1])


async def test_an_expired_message_is_not_published(broker, autojump_clock):
    """It is counted where it lay."""
    bus = make_bus(broker)
    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1), time_to_live=5.0)
        await bus.events.publish(Ordered(2))
        await trio.sleep(6.0)
        await bus.consume_for(5.0, ["outbox"])
        (queue,) = await bus.store.statistics()

    assert numbers(broker) == [2]
    assert queue.expired == 1


async def test_messages_of_a_key_are_published_in_order_many_at_a_time(broker, autojump_clock):
    """Though only one of each key is in turn."""
    bus = make_bus(broker, key=lambda event: str(event.number % 2))
    async with bus.running(consume="none"):
        await bus.events.publish_many([Ordered(n) for n in range(40)])
        await bus.consume_for(5.0, ["outbox"])
        left = await queue_of(bus)

    for key in (0, 1):
        of_key = [n for n in numbers(broker) if n % 2 == key]
        assert of_key == list(range(key, 40, 2))
    assert len(broker.batches) == 2
    assert left is None


async def test_a_key_waits_for_a_message_that_the_broker_refuses(broker, autojump_clock):
    """Those before it are settled, those behind it wait, other keys go on."""
    bus = make_bus(
        broker, key=lambda event: str(event.number // 10), retry=Retry(attempts=2, initial=30.0)
    )
    broker.refuses = b"\x02"
    async with bus.running(consume=["outbox"]):
        await bus.events.publish_many([Ordered(n) for n in (1, 2, 3, 11, 12)])
        await trio.sleep(5.0)
        first = numbers(broker)
        broker.refuses = None
        await trio.sleep(60.0)

    assert sorted(first) == [1, 11, 12]
    assert [n for n in numbers(broker) if n < 10] == [1, 2, 3]


async def test_a_paused_outbox_keeps_its_messages(broker, autojump_clock):
    bus = make_bus(broker)
    async with bus.running(consume=["outbox"]):
        await bus.pause("outbox")
        await bus.events.publish(Ordered(1))
        await trio.sleep(30.0)
        before = broker.tries
        await bus.resume("outbox")
        await bus.idle()

    assert (before, numbers(broker)) == (0, [1])


async def test_two_brokers_of_one_outbox_do_not_wait_for_each_other(broker, autojump_clock):
    """One that is down holds up its own messages."""
    down = FakeBroker("other")
    down.is_down = True
    bus = make_bus(broker)
    bus.add_channel(FakeChannel("other", broker=down))
    bus.add_channel(CombinedChannel(["outbox", "other"], name="second"))

    @bus.event_handler(channel="second", endpoint_id="ship")
    async def ship(event: Ordered) -> None: ...

    async with bus.running(consume=["outbox"]):
        await bus.events.publish(Ordered(1))
        await trio.sleep(10.0)

    assert numbers(broker) == [1]
    assert not down.published


async def test_what_is_relayed_is_not_counted_as_handled(broker, autojump_clock):
    """Nor does it end a run that handles so many messages."""
    bus = make_bus(broker)
    async with bus.running(consume="none"):
        await bus.events.publish_many([Ordered(n) for n in range(3)])
        handled = await bus.consume_for(5.0, ["outbox"])

    assert handled == 0
    assert bus.counters.handled == 0
    assert len(broker.published) == 3


async def test_the_tree_shows_the_relay(broker, autojump_clock):
    bus = make_bus(broker)
    async with bus.running(consume=["outbox"]):
        paths = [actor.path for actor in bus.system.tree().walk()]

    assert "shop/channels/outbox/broker:kafka" in paths


@pytest.mark.parametrize("point", ["claimed", "after broker accepted", "before mark"])
async def test_a_relay_that_fails_at_any_point_loses_nothing(broker, autojump_clock, point):
    """What the broker has accepted already is sent again, with the same id."""
    bus = make_bus(broker)
    failures = iter([RuntimeError(point)])

    def fail(name):
        if name == point and (error := next(failures, None)):
            raise error

    async with bus.running(consume=["outbox"]):
        bus._running().fault_points.hook = fail
        sent = await bus.events.publish(Ordered(1))
        await trio.sleep(60.0)
        left = await queue_of(bus)

    assert {one.message_id for one in broker.published} == {sent}
    assert left is None


def ordered_by(event):
    return str(event.number)


async def test_the_policy_of_a_handler_is_not_the_relays(broker, autojump_clock):
    """A message that parks its key at its handler passes through the outbox like any other."""
    bus = make_bus(broker, key=Ordering(ordered_by, on_failure="park"), retry=Retry(attempts=1))
    broker.refuses = b"\x02"
    async with bus.running(consume=["outbox"]):
        await bus.events.publish(Ordered(2))
        await bus.idle()
        broker.refuses = None
        await bus.events.publish(Ordered(2))
        await bus.idle()

    assert numbers(broker) == [2]

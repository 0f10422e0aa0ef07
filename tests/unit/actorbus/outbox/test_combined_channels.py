"""Combined channels, outboxes that nobody declared, and where messages for brokers are stored."""

from dataclasses import dataclass

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CombinedChannel,
    DynamicChannel,
    EventBus,
    InvalidSendOption,
    RoutedChannel,
    StoreChannel,
    header,
)
from tests.unit.actorbus.outbox.brokers import FakeChannel


@dataclass(frozen=True)
class Ordered:
    number: int


async def stored(bus):
    """Return where everything that is stored is: channel, endpoint, handler."""
    queues = [(one.channel, one.endpoint) for one in await bus.store.statistics()]
    return sorted(queues)


def problems(bus):
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [str(problem).partition(": ")[2] for problem in caught.value.problems]


@pytest.fixture
def bus():
    return ActorBus("shop")


def names(bus):
    return [channel.name for channel in bus.channels]


# -- which outbox ----------------------------------------------------------------------------


def test_a_broker_channel_has_an_outbox_that_nobody_declared(bus):
    bus.add_channel(FakeChannel("kafka"))
    assert names(bus) == ["kafka", "outbox"]


def test_a_declared_outbox_is_the_one_with_its_options(bus):
    """Whether it is declared before the broker's channel or after it."""
    for order in (1, -1):
        bus = ActorBus("shop")
        for channel in [StoreChannel("outbox", concurrency=3), FakeChannel("kafka")][::order]:
            bus.add_channel(channel)
        (outbox,) = [one for one in bus.channels if one.name == "outbox"]
        assert outbox.concurrency == 3
        assert len(bus.channels) == 2


def test_a_combined_channel_names_the_outbox(bus):
    """Also that of what is sent on the broker's channel itself: it needs no other."""
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(CombinedChannel(["pending", "kafka"]))
    assert names(bus) == ["kafka", "pending"]


def test_what_is_sent_after_the_commit_needs_no_outbox(bus):
    bus.add_channel(FakeChannel("kafka", outbox=False))
    assert names(bus) == ["kafka"]


def test_a_combined_channel_is_named_like_its_outbox_unless_it_says_otherwise():
    assert CombinedChannel(["outbox", "kafka"]).name == "outbox"
    assert CombinedChannel(["outbox", "kafka"], name="orders").name == "orders"


# -- where a message is stored ----------------------------------------------------------------


@pytest.mark.parametrize("channel", ["kafka", "orders"])
async def test_a_message_for_a_broker_is_stored_for_the_relay(bus, channel):
    """Whether its handler names the broker's channel or the combined one."""
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(CombinedChannel(["pending", "kafka"], name="orders"))

    @bus.event_handler(channel=channel, endpoint_id="bill")
    async def bill(event: Ordered) -> None: ...

    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1))
        found = await stored(bus)

    assert found == [("pending", "broker:kafka")]


async def test_a_gateway_of_one_line_sends_through_the_outbox(bus):
    """Its name is the outbox's, as handlers without a channel get it too."""
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(CombinedChannel(["outbox", "kafka"]))
    for name in ("bill", "ship"):

        @bus.event_handler(endpoint_id=name)
        async def handle(event: Ordered) -> None: ...

    class OutboxEventBus(EventBus, channel="outbox"): ...

    events = bus.gateway(OutboxEventBus)
    async with bus.running(consume="none"):
        await events.publish(Ordered(1))
        (queue,) = await bus.store.statistics()

    assert (queue.channel, queue.endpoint, queue.ready) == ("outbox", "broker:kafka", 2)


async def test_handlers_that_name_an_outbox_are_behind_its_broker(bus):
    """The outbox's own endpoints relay; the broker's channel has the handlers."""
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(CombinedChannel(["outbox", "kafka"]))

    @bus.event_handler(channel="outbox", endpoint_id="bill")
    async def bill(event: Ordered) -> None: ...

    configuration = bus.check()
    of = {name: configuration.endpoints_of(name) for name in ("outbox", "kafka")}

    assert [spec.endpoint_id for spec in of["outbox"]] == ["broker:kafka"]
    assert [(spec.endpoint_id, spec.channel) for spec in of["kafka"]] == [("bill", "kafka")]


async def test_a_router_may_lead_to_a_broker(bus):
    """By way of its outbox."""
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(RoutedChannel("regions", route=header("region"), to={"eu": "kafka"}))

    @bus.event_handler(channel="regions", endpoint_id="bill")
    async def bill(event: Ordered) -> None: ...

    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1), headers={"region": "eu"})
        assert await stored(bus) == [("outbox", "broker:kafka")]


async def test_what_a_broker_cannot_do_is_refused(bus):
    """Of a message's own options to its sender; a channel's when the bus starts."""
    bus.add_channel(FakeChannel("kafka"))

    @bus.event_handler(channel="kafka", endpoint_id="bill")
    async def bill(event: Ordered) -> None: ...

    async with bus.running(consume="none"):
        with pytest.raises(InvalidSendOption, match="priority= is not possible on channel 'kafka'"):
            await bus.events.publish(Ordered(1), priority=1)
        await bus.events.publish(Ordered(1), delay=60.0)
        (queue,) = await bus.store.statistics()
    assert queue.waiting == 1


def test_a_delay_needs_the_outbox(bus):
    bus.add_channel(FakeChannel("kafka", outbox=False, delay=1.0))
    (found,) = problems(bus)
    assert "delay= is not possible on channel 'kafka'" in found


# -- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combined", "text"),
    [
        (CombinedChannel(["outbox"]), "give two names"),
        (CombinedChannel("outbox"), "give two names"),
        (CombinedChannel(["kafka", "kafka"]), "names one channel twice"),
        (CombinedChannel(["outbox", "kafak"]), "no channel 'kafak' at a broker; did you mean"),
        (CombinedChannel(["outbox", "plain"]), "'plain' is a StoreChannel, not a channel at a"),
        (CombinedChannel(["outbox", "soon"]), "'soon' is declared with outbox=False"),
        (CombinedChannel(["tenants", "kafka"]), "'tenants' is a DynamicChannel: an outbox is"),
        (CombinedChannel(["outbox", "kafka"], name="plain"), "name='plain' is another channel's"),
        (CombinedChannel(["outbox", "kafka"], name="a/b"), "the channel name 'a/b' is not"),
        (CombinedChannel(["", "kafka"]), "the channel name '' is not"),
    ],
)
def test_what_is_wrong_with_a_combined_channel_is_said_at_the_start(bus, combined, text):
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel("plain")
    bus.add_channel(FakeChannel("soon", outbox=False))
    bus.add_channel(DynamicChannel("tenants", tenant=header("tenant")))
    bus.add_channel(combined)

    assert any(text in problem for problem in problems(bus)), problems(bus)


def test_two_combined_channels_cannot_have_one_name(bus):
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(CombinedChannel(["one", "kafka"], name="orders"))
    bus.add_channel(CombinedChannel(["two", "kafka"], name="orders"))
    assert any("'orders': is declared already" in problem for problem in problems(bus))


def test_an_odd_value_for_outbox_is_refused(bus):
    bus.add_channel(FakeChannel("kafka", outbox="no"))  # type: ignore[arg-type]  # that is the test
    assert any("outbox='no' is not allowed: give True or False" in p for p in problems(bus))


def test_consuming_a_combined_channel_means_both_of_its_members(bus):
    """By the outbox's name it is the outbox alone."""
    bus.add_channel(FakeChannel("kafka"))
    bus.add_channel(CombinedChannel(["outbox", "kafka"]))
    bus.add_channel(CombinedChannel(["pending", "kafka"], name="orders"))
    assert bus._names(["orders"]) == ("pending", "kafka")
    assert bus._names(["outbox"]) == ("outbox",)

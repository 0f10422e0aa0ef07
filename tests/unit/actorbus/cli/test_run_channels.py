"""Which channels `actorbus run` takes by name."""

import pytest

from actorbus import ActorBus, CombinedChannel, KafkaChannel, RoutedChannel, header
from actorbus.cli._errors import CommandFailed
from actorbus.cli._run import declared_channels


@pytest.fixture
def bus():
    bus = ActorBus("shop")
    for name in ("north", "south", "other"):
        bus.add_channel(name)
    bus.add_channel(RoutedChannel("regions", route=header("region"), to=["north", "south"]))
    bus.add_channel(KafkaChannel("kafka", servers="127.0.0.1:1"))
    bus.add_channel(CombinedChannel(["outbox", "kafka"], name="both"))
    return bus


def test_a_channel_that_leads_on_to_others_may_be_named(bus):
    assert declared_channels(bus, ["regions", "other", "both"]) == ["regions", "other", "both"]


def test_a_name_that_is_nothings_is_refused_with_what_was_meant(bus):
    with pytest.raises(CommandFailed, match=r"no channel 'regoins'; did you mean 'regions'"):
        declared_channels(bus, ["regoins"])


async def test_what_it_leads_to_is_consumed(bus):
    async with bus.running(consume=declared_channels(bus, ["regions"])):
        assert [desk.channel.name for desk in bus._running().delivery.desks] == ["north", "south"]

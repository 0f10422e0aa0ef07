"""What start-up must refuse is refused in one report, whoever checks it."""

from dataclasses import dataclass

import pytest

from actorbus import ActorBus, BusConfigurationError, DynamicChannel, InstantRetry, field


@dataclass(frozen=True)
class Place:
    number: int


@dataclass(frozen=True)
class Placed:
    number: int


async def handle_command(command: Place) -> None: ...
async def handle_event(event: Placed) -> None: ...
async def tick() -> None: ...


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


async def test_all_of_it_is_in_one_report(store, tmp_path):
    bus = ActorBus("shop", store)
    bus.add_channel("mail")
    bus.add_channel(DynamicChannel("shops", tenant=field("number"), unknown="nobody's"))
    bus.command_handler(channel="mial")(handle_command)
    bus.command_handler(endpoint_id="twice")(handle_command)
    bus.event_handler(channel="mail", endpoint_id="twice")(handle_event)
    bus.event_handler(
        channel="mail", endpoint_id="failing", retry=InstantRetry(3), error_channel="errors"
    )(handle_event)
    bus.event_handler(
        channel="mail", endpoint_id="ordered", priority=1, ordering_key=field("number")
    )(handle_event)
    bus.event_handler(channel="mail", endpoint_id="new", aliases=("failing",))(handle_event)
    bus.scheduled(cron="0 0 30 2 *", channel="mail")(tick)

    with pytest.raises(BusConfigurationError) as caught:
        async with bus.running():
            pass

    text = str(caught.value)
    for problem in (
        "no channel 'mial'; did you mean 'mail'?",
        "endpoint id 'twice' is taken by",
        "two handlers of the command",
        "retry=InstantRetry(...) contradicts channel=",
        "error_channel: no channel 'errors'",
        "ordering_key= contradicts priority=1",
        "alias 'failing' is the endpoint id of",
        "cron='0 0 30 2 *' never ticks",
        "nobody's",
    ):
        assert problem in text
    assert not (tmp_path / "bus.db").exists()

"""Options of absurd values are named with what is allowed, and start nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    ByLoad,
    DistributedBus,
    DynamicChannel,
    EventBus,
    FailedMessage,
    InvalidMessage,
    Rate,
    Retry,
    RoundRobinChannel,
    RoutedChannel,
    ServiceMap,
    header,
)
from supervisors import ConfigurationError

HUGE = 10**400
TOO_LARGE = [HUGE, 2**63]
NO_NUMBERS = [b"x", "many", [1], {}, None, timedelta(1), 1j, float("nan"), float("inf")]


@dataclass(frozen=True)
class Note:
    number: int


def problems(*channels, bus=None, **options):
    """Return the report of a bus with one handler."""
    bus = bus or ActorBus("shop", ":memory:")
    for channel in channels or ("notes",):
        bus.add_channel(channel)

    @bus.event_handler(channel="notes", **options)
    async def note(event: Note) -> None: ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return str(caught.value)


@pytest.mark.parametrize("value", [*TOO_LARGE, *NO_NUMBERS])
@pytest.mark.parametrize("option", ["concurrency", "max_in_flight"])
def test_a_channel_names_a_number_that_it_cannot_use(option, value):
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("notes", **{option: value})
    with pytest.raises(BusConfigurationError, match=f"{option}=.* is not a whole number of at"):
        bus.check()


@pytest.mark.parametrize("value", [*TOO_LARGE, *NO_NUMBERS])
@pytest.mark.parametrize(
    "option", ["concurrency", "workers", "max_in_flight", "max_tenants", "max_active"]
)
def test_a_dynamic_channel_names_a_number_that_it_cannot_use(option, value):
    channel = DynamicChannel("notes", tenant=header("tenant"), **{option: value})
    assert f"{option}=" in problems(channel)


@pytest.mark.parametrize("value", TOO_LARGE)
@pytest.mark.parametrize(
    "options",
    [
        lambda value: {"rate_limit": Rate(value)},
        lambda value: {"rate_limit": Rate(1, burst=value)},
        lambda value: {"concurrency": ByLoad(1, value)},
    ],
    ids=["count", "burst", "maximum"],
)
def test_a_number_that_no_store_can_hold_is_refused(options, value):
    assert "give a whole number of at least 1 and at most 64 bits" in problems(**options(value))


@pytest.mark.parametrize("option", ["lease", "shutdown_timeout"])
def test_a_lease_is_a_number(option):
    absurd: dict[str, Any] = {option: timedelta(seconds=10)}
    bus = ActorBus("shop", ":memory:", **absurd)
    assert f"{option}=datetime.timedelta(seconds=10) is not allowed" in problems(bus=bus)


@pytest.mark.parametrize("name", [5, ["shop"], b"shop", "\ud800", None])
def test_a_bus_has_a_text_for_a_name(name):
    assert f"name={name!r} is not allowed" in problems(bus=ActorBus(name, ":memory:"))


@pytest.mark.parametrize("world", [[], {}, set()])
def test_what_cannot_be_hashed_is_no_world(world):
    bus = ActorBus("shop", ":memory:", runs_on=world)
    assert f"runs_on={world!r} is not allowed" in problems(bus=bus)


@pytest.mark.parametrize("option", ["initial", "factor", "maximum", "jitter"])
def test_a_number_that_no_float_can_hold_is_no_pause(option):
    with pytest.raises(ConfigurationError, match=f"{option}="):
        Retry(**{option: HUGE})


def test_more_attempts_than_a_float_can_count_are_too_many_for_the_memory_of_ids():
    assert "its delay and its retries may take" in problems(retry=Retry(attempts=HUGE))


@pytest.mark.parametrize("value", [5, None, ...])
def test_a_declaration_of_something_else_says_what_is_wanted(value):
    with pytest.raises(TypeError, match="give a list of channels"):
        RoundRobinChannel("notes", value)
    with pytest.raises(TypeError, match="is no channel: give a name"):
        ActorBus("shop", ":memory:").add_channel(value)
    with pytest.raises(TypeError, match="is no channel: give a name"):
        ActorBus("shop", ":memory:").add_inbox(value)
    bus = ActorBus("shop", ":memory:")
    bus.add_channel(RoutedChannel("notes", route=header("kind"), to=value))
    with pytest.raises(BusConfigurationError, match=r"to=.* is not allowed: give \{value"):
        bus.check()


def test_tenants_are_names():
    number: Any = 5
    with pytest.raises(TypeError, match=r"tenants=5 is not allowed: give names"):
        DynamicChannel("notes", tenant=header("tenant"), tenants=number)


async def test_a_deduplication_key_that_cannot_be_written_is_the_senders_error():
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("notes")

    @bus.event_handler(channel="notes", deduplicate=lambda _: "\ud800")
    async def note(event: Note) -> None: ...

    async with bus.running(consume="none"):
        with pytest.raises(InvalidMessage, match="gave '.ud800'"):
            await bus.events.publish(Note(1))


async def test_the_reason_of_a_pause_is_a_text():
    reason: Any
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("notes")
    async with bus.running(consume="none"):
        for reason in ("\udcff", 5):
            with pytest.raises(BusConfigurationError, match="reason=.* is not allowed"):
                await bus.pause("notes", reason=reason)


def test_a_list_is_no_name_of_a_channel_or_a_map():
    """What cannot be looked up is named like any other value."""
    bus = ActorBus("shop", ":memory:", unknown_fields=["x"])  # type: ignore[arg-type]  # what is refused
    bus.add_channel("notes")
    bus.provide(Note, scope=["app"])  # type: ignore[arg-type]  # what is refused
    bus.add_service_map(ServiceMap({"orders": "notes"}, name=["x"]))  # type: ignore[arg-type]  # what is refused
    bus.schedule({"number": 1}, every=5, name="five", routing_key=5)  # type: ignore[arg-type]  # what is refused

    class Lost(DistributedBus, channel=["notes"], service_map=["y"]):  # type: ignore[arg-type]  # what is refused
        pass

    class Odd(EventBus, channel="notes", content_type="text/odd"):
        pass

    bus.gateway(Lost)
    bus.gateway(Odd)

    @bus.error_handler(channel=["notes"])  # type: ignore[arg-type]  # what is refused
    async def failed(message: FailedMessage) -> None: ...

    @bus.scheduled(every=5, channel=["notes"])  # type: ignore[arg-type]  # what is refused
    async def five() -> None: ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    report = str(caught.value)
    for part in (
        "unknown_fields=['x'] is not allowed",
        "scope=['app'] is not allowed",
        "service map ['x']: name=['x'] is not allowed",
        "no message type is registered as 5",
        "Lost: no channel ['notes']",
        "Lost: no service map ['y']",
        "Odd: content_type='text/odd' is not allowed",
        "failed: no channel ['notes']",
        "five: no channel ['notes']",
    ):
        assert part in report, part

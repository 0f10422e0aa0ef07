"""Which place's wish counts, and that the documents say the same as the code."""

import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actorbus import DynamicChannel, GatewayOptions, HandlerOptions, HandlerSpec, StoreChannel
from actorbus.declaring._channel import CAPABILITIES, ChannelOptions
from actorbus.endpoints._plan import plan_endpoint
from actorbus.options._options import QueryOptions
from actorbus.options._precedence import (
    ALLOWED,
    LEFT_TO_CHANNELS,
    PLACES,
    first,
    on_channel,
    timing_of,
)
from actorbus.options._timing import Timing, due_by

PAGE = Path(__file__).parents[4] / "docs" / "delivery-options.md"
AT = datetime(2030, 1, 1, tzinfo=UTC)


def spec(**options):
    return HandlerSpec("event", dict, "orders", print, "endpoint", channel="mail", **options)


def test_the_page_shows_where_each_option_may_be_said():
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|(.*)\|.*\|$", text, re.MULTILINE)
    shown = {
        name: {place for place, cell in zip(PLACES, cells, strict=True) if cell.strip()}
        for name, *cells in rows
    }

    assert shown == ALLOWED


@pytest.mark.parametrize("option", sorted(ALLOWED))
def test_it_may_be_said_there_and_nowhere_else(option):
    places = {
        "message": QueryOptions.__annotations__,
        "gateway": GatewayOptions.__annotations__,
        "handler": HandlerOptions.__annotations__,
        "channel": ChannelOptions.__annotations__,
    }

    assert {place for place, options in places.items() if option in options} == ALLOWED[option]


@pytest.mark.parametrize("kind", [StoreChannel, DynamicChannel])
def test_both_kinds_of_channel_have_all_options_of_channels(kind):
    names = {one.name for one in fields(kind)}

    assert {name for name, places in ALLOWED.items() if "channel" in places} <= names
    assert kind.capabilities == CAPABILITIES


def test_what_a_handler_does_not_say_is_its_channels():
    channel = StoreChannel("mail", priority=1, time_to_live=60, timeout=5, delay=AT)
    merged = on_channel(spec(priority=0, timeout=9.0), channel)

    said = {name: getattr(merged, name) for name in LEFT_TO_CHANNELS}
    assert {name: value for name, value in said.items() if value is not None} == {
        "delay": AT,
        "priority": 0,
        "time_to_live": 60.0,
        "timeout": 9.0,
    }


def test_the_handlers_own_channel_comes_before_a_gateways():
    own, gateways = StoreChannel("mail", delay=1), StoreChannel("outbox", delay=2, priority=3)
    merged = on_channel(on_channel(spec(), own), gateways)

    assert (merged.delay, merged.priority) == (1, 3)


def test_nothing_said_anywhere_changes_nothing():
    alone = spec()

    assert on_channel(alone, StoreChannel("mail")) is alone
    assert timing_of(alone) == Timing()


def rule(event):
    return 1


@pytest.mark.parametrize(
    ("wish", "due"),
    [
        (Timing(), Timing(deliver_at=AT.timestamp())),
        (Timing(delay=0.0), Timing(delay=0.0)),
        (Timing(deliver_at=1.0), Timing(deliver_at=1.0)),
        (Timing(rule=rule), Timing(rule=rule)),
    ],
)
def test_delay_and_time_of_delivery_are_one_wish(wish, due):
    """Whoever says either has said when: nothing of the next place is mixed in."""
    assert first(wish, due_by(AT)) == due


def test_each_option_is_found_for_itself():
    default = Timing(delay=5.0, priority=3, time_to_live=60.0)

    assert first(Timing(priority=0), default) == Timing(5.0, None, 0, 60.0)
    assert first(Timing(time_to_live=9.0), default) == Timing(5.0, None, 3, 9.0)


def test_a_plan_has_its_time_limit_from_the_channel_that_its_messages_end_on():
    """A handler of a routed channel is planned on each of those that messages are routed to."""
    limited = StoreChannel("mail", timeout=5)

    assert plan_endpoint(spec(), limited).spec.timeout == 5.0
    assert plan_endpoint(spec(timeout=9.0), limited).spec.timeout == 9.0
    assert plan_endpoint(spec(), StoreChannel("hop", timeout=5)).spec.timeout is None

"""Options are refused when they are given, with the value and what is allowed."""

from datetime import UTC, datetime, timedelta

import pytest

from actorbus._errors import InvalidHeader, InvalidSendOption
from actorbus.options._options import Checked, checked_headers, checked_id, contradictions
from actorbus.options._timing import Timing, timing
from supervisors import Retry

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_times_are_seconds_or_timedeltas():
    assert timing({"delay": timedelta(minutes=1), "time_to_live": 2, "priority": 3}, NOW) == Timing(
        delay=60.0, priority=3, time_to_live=2.0
    )


def test_a_time_of_delivery_may_be_a_datetime_or_unix_time():
    at = datetime(2026, 1, 1, 1, tzinfo=UTC)

    assert timing({"deliver_at": at}, NOW).deliver_at == at.timestamp()
    assert timing({"deliver_at": NOW + 5}, NOW).deliver_at == NOW + 5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"delay": -1}, r"delay=-1 is not allowed: give seconds .0 or more., a timedelta"),
        ({"delay": datetime(2030, 1, 1)}, r"2030.* is not allowed: it has no time zone"),  # noqa: DTZ001  without a zone, as tested
        ({"delay": lambda: 1}, r"a function takes the message, or message and headers"),
        ({"delay": timedelta(seconds=-1)}, r"delay=datetime.timedelta"),
        ({"delay": "soon"}, r"delay='soon' is not allowed"),
        ({"delay": True}, r"delay=True is not allowed"),
        ({"delay": float("nan")}, r"delay=nan is not allowed"),
        ({"delay": 10**400}, r"delay=10+ is not allowed"),
        ({"deliver_at": NOW - 1}, r"is in the past .it is 2026-01-01T00:00:00\+00:00."),
        ({"deliver_at": datetime(2030, 1, 1)}, r"give a datetime with a time zone"),  # noqa: DTZ001  without a zone, as tested
        ({"time_to_live": 0}, r"time_to_live=0 is not allowed: give seconds, more than 0"),
        ({"priority": 1.5}, r"priority=1.5 is not allowed: give a whole number"),
        ({"priority": 2**63}, r"priority=9223372036854775808 is not allowed: .* at most 64 bits"),
        ({"priority": -(2**63) - 1}, r"priority=-9223372036854775809 is not allowed"),
        ({"delay": 1, "deliver_at": NOW + 1}, r"delay= and deliver_at= contradict each other"),
    ],
)
def test_what_a_sender_may_not_wish_for_is_refused(options, text):
    with pytest.raises(InvalidSendOption, match=text):
        timing(options, NOW)


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"tenant": 7}, "header 'tenant': the value 7 is int, not text"),
        ({7: "x"}, "the header name 7 is not a text"),
        ({"": "x"}, "the header name '' is not a text of at least one character"),
        ([("a", "b")], "is not a mapping of text to text"),
        ({"tenant": "\ud800"}, r"header 'tenant': the value '\\ud800' has a lone surrogate"),
        ({"\ud800": "x"}, "the header name .* is not a text"),
    ],
)
def test_headers_are_text(headers, text):
    with pytest.raises(InvalidHeader, match=text):
        checked_headers(headers)


def test_headers_of_text_types_are_taken_as_their_text():
    class Name(str):
        __slots__ = ()

    kept = checked_headers({Name("tenant"): Name("acme")})

    assert [(type(name), type(value)) for name, value in kept.items()] == [(str, str)]
    assert kept == {"tenant": "acme"}


@pytest.mark.parametrize("value", ["", 7, "a\nb", "x" * 201])
def test_ids_are_short_printable_texts(value):
    with pytest.raises(InvalidSendOption, match="message_id="):
        checked_id("message_id", value)


@pytest.mark.parametrize(
    ("name", "value", "ask", "text"),
    [
        ("timeout", 0, "seconds", "timeout=0 is not allowed: give seconds .*, more than 0"),
        (
            "concurrency",
            0,
            "concurrency",
            "concurrency=0 is not allowed: give a whole number of at",
        ),
        ("priority", "high", "whole", "priority='high' is not allowed: give a whole number"),
        ("retry", 3, "retry", "retry=3 is not allowed: give a Retry"),
        ("deduplicate", "id", "function", "deduplicate='id' is not allowed: give a function"),
        (
            "outage",
            "OSError",
            "exceptions",
            "outage='OSError' is not allowed: give an exception type",
        ),
        ("aliases", "old", "texts", "aliases='old' is not allowed: give a tuple of texts"),
        ("runs_on", "moon", "choice", "runs_on='moon' is not allowed: give 'trio' or 'asyncio'"),
    ],
)
def test_a_handlers_option_is_refused_with_what_is_allowed(name, value, ask, text):
    checked = Checked({name: value})
    asks = {
        "concurrency": lambda: checked.whole(name, at_least=1),
        "retry": lambda: checked.of_type(name, Retry, "a Retry"),
        "choice": lambda: checked.choice(name, ("trio", "asyncio")),
    }
    asks.get(ask, lambda: getattr(checked, ask)(name))()

    assert len(checked.problems) == 1
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(checked.problems[0])


def test_one_exception_type_alone_will_do():
    assert Checked({"permanent": KeyError}).exceptions("permanent") == (KeyError,)


def test_options_of_a_channel_need_one():
    assert list(contradictions({"delay": 1, "breaker": 3}, asynchronous=False)) == [
        "breaker= needs channel=: a synchronous handler runs when it is called",
        "delay= needs channel=: a synchronous handler runs when it is called",
    ]


def test_an_error_is_not_both_permanent_and_an_outage():
    options = {"permanent": (KeyError, OSError), "outage": OSError}

    assert list(contradictions(options, asynchronous=True)) == [
        "OSError is both permanent= and outage=: drop one"
    ]

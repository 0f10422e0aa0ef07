"""The trace file: what is written is read again, and what is damaged is named with its line."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actorbus.tuning import (
    Ended,
    EndpointSettings,
    Happened,
    TraceFileError,
    read_recording,
    read_trace,
)
from actorbus.tuning._trace_file import (
    BackoffSettings,
    Kind,
    RetrySettings,
    dropped_line,
    endpoint_line,
    event_lines,
    first_line,
    last_line,
)
from supervisors import Backoff, Retry
from supervisors.simulator import Try

SETTINGS = EndpointSettings(
    channel="mails",
    concurrency=10,
    max_in_flight=100,
    retry=RetrySettings(attempts=5, initial=0.1, factor=2.0, maximum=30.0, jitter=0.2),
    backoff=BackoffSettings(
        initial=0.1, factor=2.0, maximum=30.0, jitter=0.2, reset_after=10.0, first_immediate=True
    ),
)
FIRST = first_line("shop", 1_764_000_000.5, {"shop.send_mail": SETTINGS})
names = st.text(max_size=20)
times = st.floats(min_value=0, max_value=1e7, allow_nan=False)
events = st.builds(
    Happened,
    t=times,
    kind=st.sampled_from(get_args(Kind)),
    endpoint=st.just(0),
    message=st.integers(min_value=0, max_value=2**40),
    attempt=st.integers(min_value=0, max_value=1000),
    value=st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False) | names,
    exception=st.none() | names,
)


def as_fields(one: Happened) -> tuple[object, ...]:
    return (one.t, one.kind, one.endpoint, one.message, one.attempt, one.value, one.exception)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.jsonl"


@settings(max_examples=50, deadline=None)
@given(found=st.lists(events), more=st.sets(names.filter(lambda name: name != "shop.send_mail")))
def test_what_is_written_is_read_again(tmp_path_factory, found, more):
    """Events, endpoints that came later, what was dropped, and the end."""
    file = tmp_path_factory.mktemp("traces") / "trace.jsonl"
    found.sort(key=lambda one: one.t)
    end = found[-1].t if found else 3.0
    lines = [FIRST, *(endpoint_line(name, SETTINGS) for name in sorted(more))]
    lines.append(event_lines([as_fields(one) for one in found]))
    lines += [dropped_line(end, 7), last_line(end, "limit", events=len(found), dropped=7)]
    file.write_bytes(b"".join(lines))
    recording = read_recording(file)
    assert (recording.bus, recording.started) == ("shop", 1_764_000_000.5)
    assert recording.endpoints == dict.fromkeys(["shop.send_mail", *sorted(more)], SETTINGS)
    assert recording.events == found
    assert recording.ended == Ended(t=end, ended="limit", events=len(found), dropped=7)
    assert (recording.dropped, recording.seconds) == (7, end)


@settings(max_examples=50, deadline=None)
@given(cut=st.integers(min_value=1))
def test_a_file_that_was_cut_anywhere_behind_its_first_line_is_read_up_to_there(
    tmp_path_factory, cut
):
    """What lies before the cut line is what was recorded, and it has no end."""
    file = tmp_path_factory.mktemp("traces") / "trace.jsonl"
    lines = event_lines([(n / 2, "began", 0, n, 1) for n in range(20)])
    cut %= len(lines)
    file.write_bytes(FIRST + lines[:cut])
    recording = read_recording(file)
    assert len(recording.events) == lines[:cut].count(b"\n")
    assert recording.ended is None


def test_fields_that_an_event_can_do_without_may_be_left_out(file):
    file.write_bytes(FIRST + b'[0.5,"sick",0]\n')
    assert read_recording(file).events == [Happened(0.5, "sick", 0)]


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        (b"", 1, "its first line is missing, or was cut off: nothing was recorded"),
        (FIRST[:40], 1, "its first line is missing, or was cut off: nothing was recorded"),
        (b"hello\n", 1, "this is no trace of actorbus"),
        (b"\xff\xfe\n", 1, "this is no trace of actorbus"),
        (b'{"format":"other","version":1}\n', 1, "format='other' is not 'actorbus-trace'"),
        (FIRST.replace(b'"version":1', b'"version":9'), 1, "version=9 is not known"),
        (FIRST.replace(b'"attempts":5', b'"attempts":"x"'), 1, "endpoints: Expected `int`"),
        (FIRST + b"[0.5]\n", 2, "Expected `array` of at least length 3, got 1"),
        (FIRST + b'[0.5,"eaten",0]\n', 2, "Invalid enum value 'eaten'"),
        (FIRST + b'[-1,"sick",0]\n', 2, "Expected `float` >= 0.0"),
        (FIRST + b'[1,"sick",0]\n[0.5,"sick",0]\n', 3, "t=0.5 is before the event above it (1.0)"),
        (FIRST + b'[1,"sick",3]\n', 2, "no endpoint has the number 3"),
        (FIRST + b'{"what":1}\n', 2, "neither an event, nor an endpoint, nor an end"),
        (FIRST + b"\x00\x00\n", 2, "JSON is malformed"),
        (FIRST + b'{"a":' * 20_000 + b"\n", 2, "maximum recursion depth"),
        (FIRST + b"[1,'sick',0,".replace(b"'", b'"') + b"[" * 20_000 + b"\n", 2, "Expected `int`"),
        (b'{"a":' * 20_000 + b"\n", 1, "this is no trace of actorbus"),
        (FIRST + b'[1,"done",0,1,1,-0.5]\n', 2, "value=-0.5 is less than 0"),
        (FIRST + b"7\n", 2, "neither an event, nor an endpoint, nor an end"),
        (FIRST + b'{"ended":"bored","t":1,"events":0,"dropped":0}\n', 2, "Invalid enum value"),
        (
            FIRST + endpoint_line("shop.send_mail", SETTINGS),
            2,
            "endpoint 'shop.send_mail' is there twice",
        ),
        (
            FIRST + last_line(1, "stopped", events=0, dropped=0) + b'[2,"sick",0]\n',
            3,
            "there is more behind the end of the recording",
        ),
    ],
)
def test_what_is_damaged_is_named_with_its_line(file, lines, line, problem):
    file.write_bytes(lines)
    with pytest.raises(TraceFileError) as caught:
        read_recording(file)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{file}, line {line}: {problem}")


def test_a_time_that_no_clock_shows_is_refused(file):
    file.write_bytes(FIRST + b'[1e999,"sick",0]\n')
    with pytest.raises(TraceFileError, match="line 2"):
        read_recording(file)


def test_a_line_without_an_end_is_not_read_whole(file):
    """A file that is no trace at all may be of any size."""
    file.write_bytes(FIRST + b"[" * 17_000_000)
    with pytest.raises(TraceFileError, match="line 2"):
        read_recording(file)


def test_a_recording_is_read_as_what_is_simulated(file):
    """Arrivals with what they had waited, tries with their begin, the settings as they were."""
    events = [
        (0.5, "arrived", 0, 1, 1, 2.0),
        (0.5, "began", 0, 1, 1),
        (0.75, "failed", 0, 1, 1, 0.25, "ValueError"),
        (0.75, "retried", 0, 1, 1, 0.1),
        (1.0, "store", 0, 1, 2, 0.1, "StoreUnavailable"),
        (1.5, "done", 0, 1, 2, 0.5),
        (2.0, "outage", 0, 2, 1, 0.5, "GatewayDown"),
        (2.0, "sick", 0, 0, 0, 1),
    ]
    file.write_bytes(FIRST + event_lines(events) + last_line(9, "stopped", events=8, dropped=0))
    trace = read_trace(file)
    (endpoint,) = trace.endpoints
    assert (trace.name, trace.duration, trace.complete) == ("shop", 9.0, True)
    assert (endpoint.name, endpoint.channel) == ("shop.send_mail", "mails")
    assert endpoint.arrivals == [(-1.5, 1), (2.0, 2)]
    assert endpoint.tries == [
        Try(1, 1, 0.5, 0.25, "failed"),
        Try(1, 2, 1.0, 0.5, "ok"),
        Try(2, 1, 1.5, 0.5, "outage"),
    ]
    assert (endpoint.retry, endpoint.backoff) == (Retry(), Backoff())

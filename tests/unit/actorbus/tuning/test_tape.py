"""The tape of a recording: bounded in what waits and in what it knows; and its writer."""

import threading

import pytest

from actorbus.tuning import _tape, read_recording
from actorbus.tuning._tape import MOST_WAITING, Tape
from actorbus.tuning._trace_file import (
    BackoffSettings,
    Ended,
    EndpointSettings,
    RetrySettings,
    endpoint_line,
    first_line,
)
from actorbus.tuning._trace_writer import Bounds, TraceWriter


@pytest.fixture
def tape():
    return Tape(lambda: 5.0, lambda: 0.0)


class Written:
    """A writer and its outcome."""

    def __init__(self, path, bounds):
        self.over = threading.Event()
        self.writer = TraceWriter(path, bounds, self._on_end)
        self.writer.open(overwrite=False)

    def _on_end(self, outcome):
        self.outcome = outcome
        self.over.set()


def write(tape, path, bounds):
    written = Written(path, bounds)
    written.writer.start(first_line("shop", 0.0, {}), tape)
    tape.end()
    written.writer.stop()
    assert written.over.wait(10)
    return written.outcome


def test_what_finds_no_room_is_counted_and_not_kept(tape):
    for _ in range(MOST_WAITING + 7):
        tape.note("sick", 0)
    assert (len(tape.waiting), tape.dropped) == (MOST_WAITING, 7)


def test_what_was_dropped_is_said_in_the_file(tape, tmp_path, monkeypatch):
    monkeypatch.setattr(_tape, "MOST_WAITING", 0)
    tape.note("sick", 0)
    tape.note("sick", 0)
    outcome = write(tape, tmp_path / "trace", Bounds(10, 10_000))
    recording = read_recording(tmp_path / "trace")
    assert recording.ended == Ended(t=0.0, ended="stopped", events=0, dropped=2)
    assert (recording.dropped, outcome.dropped) == (2, 2)


def test_a_message_keeps_its_number_while_it_is_seen(tape, monkeypatch):
    """Those that were not seen for long are forgotten: twice the bound is all that is kept."""
    monkeypatch.setattr(_tape, "MOST_KNOWN", 3)
    first = [tape.number(copy)[0] for copy in "abc"]
    again = [tape.number(copy)[0] for copy in "dca"]
    assert (first, again) == ([1, 2, 3], [4, 3, 1])
    for copy in "efgh":
        tape.number(copy)
    assert tape.number("b") == (9, True)
    assert len(tape._known) + len(tape._known_before) <= 6


def test_nothing_is_noted_after_the_end(tape):
    tape.end()
    tape.note("sick", 0)
    assert not tape.waiting


def test_a_limit_of_events_is_exact(tape, tmp_path):
    for _ in range(5):
        tape.note("sick", 0)
    tape.waiting.appendleft(endpoint_line("send", SETTINGS))
    outcome = write(tape, tmp_path / "trace", Bounds(3, 10_000))
    recording = read_recording(tmp_path / "trace")
    assert len(recording.events) == 3
    assert recording.ended == Ended(t=0.0, ended="limit", events=3, dropped=0)
    assert (outcome.events, outcome.ending) == (3, "limit")


SETTINGS = EndpointSettings(
    channel="mails",
    concurrency=1,
    max_in_flight=1,
    retry=RetrySettings(attempts=1, initial=1, factor=1, maximum=1, jitter=0),
    backoff=BackoffSettings(
        initial=1, factor=1, maximum=1, jitter=0, reset_after=1, first_immediate=True
    ),
)

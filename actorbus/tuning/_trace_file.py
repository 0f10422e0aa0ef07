"""The trace file: what failed on a bus and how much it had to do, a JSON line each, no payloads.

    {"format": "actorbus-trace", "version": 1, "bus": "shop", "started": 1764000000.0,
     "endpoints": {"shop.send_mail": {"channel": "mails", "concurrency": 10, ...}}}
    [0.512, "arrived", 0, 1, 1, 0.003]          seconds, kind, endpoint, message, attempt, value
    [0.513, "began", 0, 1, 1]
    [0.613, "failed", 0, 1, 1, 0.1, "smtplib.SMTPServerDisconnected"]
    {"endpoint": "shop.send_mail tenant 1", "settings": {"channel": "mails", ...}}
    {"t": 9.2, "dropped": 120}                  events for which the buffer had no room
    {"t": 600.0, "ended": "stopped", "events": 40211, "dropped": 120}

Rules:
 1. Endpoints are numbered from 0, in the order in which the file names them; messages from 1, in
    order of first sight, and tenants too. No ids, payloads, tenant names or texts of exceptions.
 2. Times are seconds since `started`, and never go back.
 3. A last line that was cut off is left out: the process, or its machine, ended there. All else
    that is not as it should be is an error that names its line.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal, TypeAlias

import msgspec

from actorbus._errors import ActorBusError

FORMAT: Final = "actorbus-trace"
VERSION: Final = 1
LONGEST_LINE: Final = 16_000_000
"""Bytes; the first line, which names all endpoints, is the longest."""

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the text of a line can be refused with; the last one if it is nested too deeply."""

Kind = Literal[
    "arrived",
    "began",
    "done",
    "failed",
    "outage",
    "permanent",
    "store",
    "stale",
    "retried",
    "released",
    "dead",
    "diverted",
    "sick",
    "healthy",
    "backing off",
    "restarted",
    "tuned",
]
"""What happens to a message or, where the message is 0, to an endpoint.

    arrived      it was claimed for the first time here; the value is the seconds it had waited
    began        a handler was started on it
    done failed outage permanent   the handler ended so; the value is the seconds that it took
    store        the store failed it: it runs again, uncounted
    stale        another process has it: its lease had run out
    retried      it waits for its next attempt; the value is the delay in seconds
    released     it is given back, uncounted
    dead diverted   it failed for good; the value is the reason
    sick healthy    the endpoint's; the value of `sick` is how often it was so far
    backing off  the endpoint's actor waits; the value is the delay in seconds
    restarted    a new instance has started; the value is how many there were
    tuned        its settings were changed while it ran
"""
Ending: TypeAlias = Literal["stopped", "limit", "failed"]
"""Somebody ended the recording, it reached one of its limits, or the file could not be written."""
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Number = Annotated[int, msgspec.Meta(ge=0)]


class CurveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Delays: `initial * factor ** (n - 1)`, at most `maximum`, longer by up to `jitter`."""

    initial: float
    factor: float
    maximum: float
    jitter: float


class RetrySettings(CurveSettings, frozen=True, kw_only=True):
    """A `Retry`."""

    attempts: int


class BackoffSettings(CurveSettings, frozen=True, kw_only=True):
    """A `Backoff`."""

    reset_after: float
    first_immediate: bool


class EndpointSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint was supervised when the recording began."""

    channel: str
    concurrency: int
    max_in_flight: int
    retry: RetrySettings
    backoff: BackoffSettings
    max_restarts: int | None = None
    within: float = 5.0
    breaker: int | None = None


class Happened(msgspec.Struct, frozen=True, array_like=True):
    """One event. `endpoint` and `message` are numbers; see `Kind` for the `value`."""

    t: Seconds
    kind: Kind
    endpoint: Number
    message: Number = 0
    attempt: Number = 0
    value: float | str | None = None
    exception: str | None = None
    """The name of the exception's type."""


class Ended(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last line of a recording that came to an end."""

    t: Seconds
    ended: Ending
    events: int
    dropped: int


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A trace file, read."""

    bus: str
    started: float
    """Unix time."""
    endpoints: dict[str, EndpointSettings]
    """By name, in the order of their numbers."""
    events: list[Happened]
    dropped: int = 0
    """Events that are missing, since the writer did not keep up."""
    ended: Ended | None = None
    """None: the recording was cut off."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        if self.ended is not None:
            return self.ended.t
        return self.events[-1].t if self.events else 0.0


class TraceFileError(ActorBusError):
    """A file is no trace, or not one of this version; `line` is where, from 1."""

    def __init__(self, path: str, line: int, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.problem}"


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    bus: str = ""
    started: float = 0.0
    endpoints: msgspec.Raw = msgspec.Raw(b"{}")


class _New(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    endpoint: str
    settings: EndpointSettings


class _Dropped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    t: Seconds
    dropped: Annotated[int, msgspec.Meta(ge=1)]


Line = Happened | _New | _Dropped | Ended
_encoder: Final = msgspec.json.Encoder()
_event: Final = msgspec.json.Decoder(Happened).decode
_OTHERS: Final[Sequence[tuple[str, type[_New | _Dropped | Ended]]]] = (
    ("ended", Ended),
    ("dropped", _Dropped),
    ("endpoint", _New),
)


# -- writing --------------------------------------------------------------------------------


def first_line(bus: str, started: float, endpoints: dict[str, EndpointSettings]) -> bytes:
    """Return the line that a file begins with."""
    head = {"format": FORMAT, "version": VERSION, "bus": bus, "started": started}
    return _encoder.encode({**head, "endpoints": endpoints}) + b"\n"


def event_lines(events: Sequence[tuple[object, ...]]) -> bytes:
    """Return the lines of events, each the fields of a `Happened`; the last ones may be missing."""
    return _encoder.encode_lines(events)


def endpoint_line(name: str, settings: EndpointSettings) -> bytes:
    """Return the line that names one more endpoint."""
    return _encoder.encode(_New(endpoint=name, settings=settings)) + b"\n"


def dropped_line(t: float, count: int) -> bytes:
    """Return the line that says how many events are missing here."""
    return _encoder.encode(_Dropped(t=t, dropped=count)) + b"\n"


def last_line(t: float, ended: Ending, *, events: int, dropped: int) -> bytes:
    """Return the line that a file ends with."""
    return _encoder.encode(Ended(t=t, ended=ended, events=events, dropped=dropped)) + b"\n"


# -- reading --------------------------------------------------------------------------------


def read_recording(path: str | Path) -> Recording:
    """Read a trace file. Raises TraceFileError, and OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        return _Reader(str(path)).read(_whole_lines(file))


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that were written to their end."""
    while line := file.readline(LONGEST_LINE):
        if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            return
        yield line


def _object(found: object) -> Line:
    """Return the line that is an object. Raises ValidationError."""
    for key, kind in _OTHERS:
        if isinstance(found, dict) and key in found:
            return msgspec.convert(found, kind)
    raise msgspec.ValidationError("neither an event, nor an endpoint, nor an end")


class _Reader:
    """Reads one file, line by line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._line = 0
        self._t = 0.0
        self._dropped = 0
        self._ended: Ended | None = None
        self._endpoints: dict[str, EndpointSettings] = {}
        self._events: list[Happened] = []

    def read(self, lines: Iterable[bytes]) -> Recording:
        head: _Head | None = None
        for self._line, line in enumerate(lines, 1):
            if head is None:
                head = self._head(line)
            else:
                self._take(self._parse(line))
        if head is None:
            self._line = 1
            raise self._wrong("its first line is missing, or was cut off: nothing was recorded")
        return Recording(
            bus=head.bus,
            started=head.started,
            endpoints=self._endpoints,
            events=self._events,
            dropped=self._dropped,
            ended=self._ended,
        )

    def _head(self, line: bytes) -> _Head:
        try:
            head = msgspec.json.decode(line, type=_Head)
        except UNREADABLE as error:
            raise self._wrong(f"this is no trace of actorbus ({error})") from error
        if head.format != FORMAT:
            raise self._wrong(f"format={head.format!r} is not {FORMAT!r}")
        if head.version != VERSION:
            raise self._wrong(f"version={head.version} is not known; this actorbus reads {VERSION}")
        if not -inf < head.started < inf:
            raise self._wrong(f"started={head.started!r} is not a Unix time")
        try:
            found = msgspec.json.decode(head.endpoints, type=dict[str, EndpointSettings])
        except UNREADABLE as error:
            raise self._wrong(f"endpoints: {error}") from error
        self._endpoints = found
        return head

    def _parse(self, line: bytes) -> Line:
        try:
            if line.startswith(b"["):
                return _event(line)
            return _object(msgspec.json.decode(line))
        except UNREADABLE as error:
            raise self._wrong(str(error)) from error

    def _take(self, line: Line) -> None:
        if self._ended is not None:
            raise self._wrong("there is more behind the end of the recording")
        if isinstance(line, _New):
            self._add(line)
            return
        if not self._t <= line.t < inf:
            raise self._wrong(f"t={line.t} is before the event above it ({self._t})")
        self._t = line.t
        if isinstance(line, Happened):
            if line.endpoint >= len(self._endpoints):
                raise self._wrong(f"no endpoint has the number {line.endpoint}")
            if isinstance(line.value, float) and line.value < 0:
                raise self._wrong(f"value={line.value} is less than 0")
            self._events.append(line)
        elif isinstance(line, _Dropped):
            self._dropped += line.dropped
        else:
            self._ended = line

    def _add(self, line: _New) -> None:
        if line.endpoint in self._endpoints:
            raise self._wrong(f"endpoint {line.endpoint!r} is there twice")
        self._endpoints[line.endpoint] = line.settings

    def _wrong(self, problem: str) -> TraceFileError:
        return TraceFileError(self._path, self._line, problem)

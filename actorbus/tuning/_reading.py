"""From a recording to what is simulated: each endpoint's arrivals and tries."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import asdict

from actorbus.tuning._trace_file import EndpointSettings, Happened, Recording, read_recording
from supervisors import Backoff, Retry
from supervisors.simulator import EndpointTrace, Outcome, Trace, Try

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "done": "ok",
    "failed": "failed",
    "outage": "outage",
    "permanent": "permanent",
}


def read_trace(path: str | Path) -> Trace:
    """Read a trace file, for `supervisors.simulate` and `actorbus tune`.

    What the store failed, and what another process had taken over, is nobody's try. Raises
    TraceFileError, and OSError if the file cannot be read.
    """
    return trace_of(read_recording(path))


def trace_of(recording: Recording) -> Trace:
    """Return the trace that a recording is of."""
    by_endpoint: dict[int, list[Happened]] = {}
    for event in recording.events:
        by_endpoint.setdefault(event.endpoint, []).append(event)
    endpoints = (
        _endpoint(name, settings, by_endpoint.get(number, ()))
        for number, (name, settings) in enumerate(recording.endpoints.items())
    )
    ended = recording.ended
    return Trace(
        recording.bus,
        tuple(endpoints),
        started=recording.started,
        duration=recording.seconds,
        complete=ended is not None and ended.ended == "stopped",
    )


def _endpoint(name: str, settings: EndpointSettings, events: Iterable[Happened]) -> EndpointTrace:
    arrivals: dict[int, float] = {}
    tries: list[Try] = []
    for event in events:
        if event.message:
            arrivals.setdefault(event.message, _arrival(event))
        if event.kind in _OUTCOMES:
            tries.append(_try(event))
    return EndpointTrace(
        name,
        [(at, number) for number, at in arrivals.items()],
        tries,
        channel=settings.channel,
        concurrency=settings.concurrency,
        max_in_flight=settings.max_in_flight,
        retry=Retry(**asdict(settings.retry)),
        backoff=Backoff(**asdict(settings.backoff)),
        max_restarts=settings.max_restarts,
        within=settings.within,
        breaker=settings.breaker,
    )


def _arrival(first: Happened) -> float:
    """Return when a message came; one that was in hand already when it began counts from then."""
    return first.t - _seconds(first) if first.kind == "arrived" else first.t


def _try(event: Happened) -> Try:
    took = _seconds(event)
    return Try(event.message, event.attempt, event.t - took, took, _OUTCOMES[event.kind])


def _seconds(event: Happened) -> float:
    return float(event.value) if isinstance(event.value, int | float) else 0.0

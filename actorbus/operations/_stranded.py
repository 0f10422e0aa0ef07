"""Messages that no process takes now, and why. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actorbus._store import ProcessRow, QueueStatistics

UNKNOWN_ENDPOINT = "no running process has this endpoint"
"""Why messages are parked whose handler was renamed without an alias, or is not deployed."""


@dataclass(frozen=True, slots=True)
class Stranded:
    """A queue that has messages, and the reason why nobody takes them."""

    queue: QueueStatistics
    reason: str


def stranded(
    queues: Iterable[QueueStatistics], processes: Sequence[ProcessRow]
) -> Iterator[Stranded]:
    """Say of each queue with messages that no running process takes why that is so.

    A process that has just started has not said yet what it consumes: then nothing is known.
    """
    alive = [process for process in processes if process.alive]
    if any(process.snapshot is None for process in alive):
        return
    consumed = [_consumed(process) for process in alive]
    for queue in queues:
        backlog = queue.ready + queue.waiting + queue.claimed + queue.held + queue.parked
        reason = _reason(queue, consumed) if backlog else None
        if reason is not None:
            yield Stranded(queue, reason)


def untaken(
    queues: Iterable[QueueStatistics], processes: Sequence[ProcessRow], declared: Iterable[str]
) -> Sequence[str]:
    """Return the endpoints with dead letters that neither this process nor a live one has.

    A live process that has not said yet what it consumes may have any: then nothing is known.
    """
    alive = [process for process in processes if process.alive]
    if any(process.snapshot is None for process in alive):
        return ()
    known = set(declared)
    for process in alive:
        known.update(*_consumed(process).values())
    return sorted({queue.endpoint for queue in queues if queue.dead} - known)


def takers(processes: Sequence[ProcessRow], channel: str) -> set[str] | None:
    """Return the endpoints whose messages live processes take from a channel.

    None if one of them has just started and has not said yet.
    """
    alive = [process for process in processes if process.alive]
    if any(process.snapshot is None for process in alive):
        return None
    return {name for process in alive for name in _consumed(process).get(channel, ())}


@dataclass(frozen=True, slots=True)
class Contested:
    """An endpoint that running processes of several buses take messages for."""

    channel: str
    endpoint: str
    buses: tuple[str, ...]


def contested(processes: Iterable[ProcessRow]) -> Iterator[Contested]:
    """Name the endpoints of which services on one store take each other's messages."""
    takers: dict[tuple[str, str], set[str]] = {}
    for process in processes:
        if process.alive:
            for channel, endpoints in _consumed(process).items():
                for endpoint in endpoints:
                    takers.setdefault((channel, endpoint), set()).add(process.bus)
    for (channel, endpoint), buses in takers.items():
        if len(buses) > 1:
            yield Contested(channel, endpoint, tuple(sorted(buses)))


def _consumed(process: ProcessRow) -> Mapping[str, Sequence[str]]:
    """Return the endpoints whose messages a process takes, by channel."""
    document = json.loads(process.snapshot or "{}")
    found: Mapping[str, Sequence[str]] = document.get("consumes", {})
    return found


def _reason(queue: QueueStatistics, consumed: Sequence[Mapping[str, Sequence[str]]]) -> str | None:
    if not consumed:
        return "no process is running"
    takers = [endpoints[queue.channel] for endpoints in consumed if queue.channel in endpoints]
    if not takers:
        return f"no running process consumes the channel {queue.channel!r}"
    if not any(queue.endpoint in endpoints for endpoints in takers):
        return UNKNOWN_ENDPOINT
    return None

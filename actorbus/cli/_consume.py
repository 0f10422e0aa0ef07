"""One run of a consuming bus: what ends it, and what is told about it afterwards."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import trio

from actorbus import ActorBus
from actorbus._delivery import Unfinished
from actorbus.cli._signals import stop_requests

_LOOK_EVERY = 0.02  # seconds between two looks at the counters
_MEASURE_EVERY = 1.0  # seconds between two looks at the memory


class Ending(StrEnum):
    """Why a run ended."""

    SIGNAL = "a signal asked for it"
    IDLE = "nothing is ready or due"
    DURATION = "its time is over"
    LIMIT = "its number of messages is reached"
    FAILURE = "a message failed"
    MEMORY = "its memory limit is reached"


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop without being told; None and False are no limit."""

    once: bool = False
    duration: float | None = None
    messages: int | None = None
    stop_on_failure: bool = False
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did."""

    ending: Ending
    seconds: float
    handled: int
    retried: int
    dead: int
    unfinished: Sequence[Unfinished]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "ending": self.ending.name.lower()}


async def consume(
    bus: ActorBus, channels: Sequence[str], limits: Limits, note: Callable[[str], None]
) -> Report:
    """Consume the channels (all, if none is named) until one of the limits or a signal."""
    start = trio.current_time()
    with stop_requests() as stop:
        async with bus.running(consume=list(channels) or "all"):
            names = channels or [channel.name for channel in bus.channels]
            note(f"consuming {', '.join(names)} (process {os.getpid()})")
            ending = await _first(_endings(bus, limits, stop.wait))
            note(f"stopping: {stop.name or ending}")
    counts = bus.counters
    return Report(
        ending,
        trio.current_time() - start,
        counts.handled,
        counts.retried,
        counts.dead,
        bus.unfinished,
    )


def _endings(
    bus: ActorBus, limits: Limits, signal: Callable[[], Awaitable[None]]
) -> dict[Ending, Callable[[], Awaitable[None]]]:
    endings: dict[Ending, Callable[[], Awaitable[None]]] = {Ending.SIGNAL: signal}
    counters = bus.counters
    if limits.once:
        endings[Ending.IDLE] = bus.idle
    if limits.duration is not None:
        endings[Ending.DURATION] = partial(trio.sleep, limits.duration)
    if limits.messages is not None:
        messages = limits.messages
        endings[Ending.LIMIT] = lambda: _until(lambda: counters.handled >= messages)
    if limits.stop_on_failure:
        endings[Ending.FAILURE] = lambda: _until(
            lambda: counters.retried + counters.dead + counters.diverted > 0
        )
    if limits.memory is not None:
        memory = limits.memory
        endings[Ending.MEMORY] = lambda: _until(lambda: _resident() > memory, _MEASURE_EVERY)
    return endings


async def _first(endings: dict[Ending, Callable[[], Awaitable[None]]]) -> Ending:
    """Wait for whichever comes first."""
    reached: list[Ending] = []
    async with trio.open_nursery() as nursery:

        async def wait_for(ending: Ending) -> None:
            await endings[ending]()
            reached.append(ending)
            nursery.cancel_scope.cancel()

        for ending in endings:
            nursery.start_soon(wait_for, ending)
    return reached[0]


async def _until(condition: Callable[[], bool], interval: float = _LOOK_EVERY) -> None:
    while not condition():  # noqa: ASYNC110  # counters are looked at; an event each would cost
        await trio.sleep(interval)


def _resident() -> int:
    """Return the process's resident memory in bytes, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

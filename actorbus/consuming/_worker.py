"""A run of a consuming bus: what ends it, whichever comes first."""

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import outcome
import trio

from actorbus.consuming._consumption import Consumption
from actorbus.consuming._limits import MEMORY_FILE, Ending, Limits

_MEASURE_EVERY = 1.0  # seconds between two looks at the memory

Wait = Callable[[], Awaitable[None]]


def limited(consumption: Consumption, limits: Limits, idle: Wait) -> dict[Ending, Wait]:
    """Return what waits for each of the limits that are set."""
    endings: dict[Ending, Wait] = {}
    if limits.idle:
        endings[Ending.IDLE] = idle
    if limits.duration is not None:
        endings[Ending.DURATION] = partial(trio.sleep, limits.duration)
    if limits.messages is not None:
        endings[Ending.LIMIT] = consumption.used_up
    if limits.failures is not None:
        endings[Ending.FAILURE] = partial(consumption.failed, limits.failures)
    if limits.memory is not None:
        endings[Ending.MEMORY] = partial(_memory_is_above, limits.memory)
    return endings


async def first(endings: Mapping[Ending, Wait]) -> Ending:
    """Wait for whichever comes first, and return it; raise what one of them raises."""
    reached: list[outcome.Outcome[Ending]] = []
    async with trio.open_nursery() as nursery:

        async def wait_for(ending: Ending, wait: Wait) -> None:
            try:
                await wait()
            except Exception as error:  # noqa: BLE001  raised below, as it is and in no group
                reached.append(outcome.Error(error))
            else:
                reached.append(outcome.Value(ending))
            nursery.cancel_scope.cancel()

        for ending, wait in endings.items():
            nursery.start_soon(wait_for, ending, wait)
    return reached[0].unwrap()


async def _memory_is_above(limit: int) -> None:
    while _resident() <= limit:  # noqa: ASYNC110  nobody tells when the memory grows
        await trio.sleep(_MEASURE_EVERY)


def _resident() -> int:
    """Return the process's resident memory in bytes, as Linux tells it."""
    pages = int(MEMORY_FILE.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

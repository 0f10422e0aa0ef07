"""Pass messages through one process: `memory PATH MESSAGES`, and note its memory on the way.

The sender waits when the backlog reaches its bound, so that what is measured is what the bus
keeps, not what waits in the store.
"""

import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from benchmarks._process import report
from benchmarks.probes._work import PROGRESS, Work, make_bus
from benchmarks.probes.drain import create_effects

BOUND = 5_000
EARLY = 10_000


async def main(path: Path, messages: int) -> None:
    bus = make_bus(path)
    create_effects(path)
    PROGRESS.left = messages

    async def within_bounds() -> AsyncIterator[Work]:
        for number in range(messages):
            while number - (messages - PROGRESS.left) > BOUND:  # noqa: ASYNC110  # the handler stays as it is
                await trio.sleep(0.01)
            yield Work(number)

    async def send_all() -> None:
        await bus.commands.send_many(within_bounds())

    async with bus.running(), trio.open_nursery() as nursery:
        nursery.start_soon(send_all)
        early = await _memory_after(messages, min(EARLY, messages // 2))
        await PROGRESS.finished.wait()
        await bus.idle()
        late = resident()
    report(messages=messages, early=early, late=late)


async def _memory_after(messages: int, handled: int) -> int:
    while messages - PROGRESS.left < handled:  # noqa: ASYNC110  # the handler stays as it is
        await trio.sleep(0.01)
    return resident()


def resident() -> int:
    """Return the resident memory in bytes."""
    gc.collect()
    with Path("/proc/self/statm").open() as statm:
        return int(statm.read().split()[1]) * 4096


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))

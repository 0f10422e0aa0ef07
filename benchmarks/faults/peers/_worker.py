"""What the workers share. It imports nothing but Python and uvloop."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

SECONDS = 0.02
AT_ONCE = 10
READY = b"ready\n"


def run(
    fill: Callable[[str, int], Coroutine[Any, Any, None]],
    work: Callable[[str, float], Coroutine[Any, Any, None]],
) -> None:
    logging.disable(logging.CRITICAL)  # a server that is killed is meant to be
    command, url, number = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if command == "fill":
            runner.run(fill(url, int(number)))
            print("{}")
        else:
            runner.run(work(url, float(number)))


async def job(number: object) -> None:
    """Say which it is, at once and whole: it may be the last word; then take the time."""
    os.write(1, f"{number}\n".encode())
    await asyncio.sleep(SECONDS)


async def until_told(*running: asyncio.Task[Any]) -> None:
    """Say that it is ready, and wait for the end of the input; then cancel what runs."""
    os.write(1, READY)
    await asyncio.to_thread(sys.stdin.read)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

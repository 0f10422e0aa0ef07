"""The command line that the peers share."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import uvloop

POLL = 0.002
"""Seconds between two looks at what is not settled yet, after the last handler began."""


def run(
    fill: Callable[[str, int], Coroutine[Any, Any, None]],
    drain: Callable[..., Coroutine[Any, Any, None]],
) -> None:
    """Fill or drain; the options after EFFECT are passed on as numbers."""
    logging.disable(logging.WARNING)  # a line for each message would be measured too
    command, url, messages, *rest = sys.argv[1:]
    if command == "fill":
        start(fill(url, int(messages)))
        print("{}")
    else:
        effect, *options = rest
        start(drain(url, int(messages), effect, *map(int, options)))


def start(program: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(program)


async def until_zero(count: Callable[[], Awaitable[int]]) -> float:
    """Wait until nothing is left to settle, and return when that was seen."""
    while await count():  # noqa: ASYNC110 - it is the database that tells
        await asyncio.sleep(POLL)
    return time.perf_counter()

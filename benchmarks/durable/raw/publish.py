"""The ceiling of publishing: `publish URL MESSAGES TRANSACTIONS HOW`, HOW is copy or executemany.

The rows are made before the clock starts; a transaction of its own for each thousand of them.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import uvloop

from benchmarks._process import report
from benchmarks.durable.raw._rows import COLUMNS, INSERT, rows

Rows = Sequence[tuple[Any, ...]]


async def main(url: str, messages: int, transactions: int, how: str) -> None:
    connection = await asyncpg.connect(url)
    store = {"copy": copy, "executemany": executemany}[how]
    await once(connection, store, rows(0, messages))  # statements are prepared with the first use
    batches = [rows(number * messages, messages) for number in range(1, transactions + 1)]
    start = time.perf_counter()
    for batch in batches:
        await once(connection, store, batch)
    seconds = time.perf_counter() - start
    report(rate=messages * transactions / seconds, seconds=seconds)
    await connection.close()


async def once(
    connection: asyncpg.Connection,
    store: Callable[[asyncpg.Connection, Rows], Awaitable[object]],
    batch: Rows,
) -> None:
    async with connection.transaction():
        await store(connection, batch)


async def copy(connection: asyncpg.Connection, batch: Rows) -> object:
    return await connection.copy_records_to_table(
        "actorbus_messages", records=batch, columns=COLUMNS
    )


async def executemany(connection: asyncpg.Connection, batch: Rows) -> None:
    await connection.executemany(INSERT, batch)


if __name__ == "__main__":
    url, messages, transactions, how = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(url, int(messages), int(transactions), how))

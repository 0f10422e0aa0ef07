"""The ceiling of a drain: `drain URL MESSAGES EFFECT [CONNECTIONS] [BATCH]`.

The bus's claim and settlement in bare asyncpg on uvloop. EFFECT `none`: each connection claims a
batch and settles it, at least once. `insert`: a transaction for each message, with one row inserted
and the settlement before its commit. No decoding, no handlers, no actors.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence

import asyncpg
import uvloop

from actorbus.stores.postgresql._queries import QUERIES
from benchmarks.durable._entries import INSERT, INSERTS, Entries
from benchmarks.durable.probes._work import CHANNEL, ENDPOINT

OWNER = "raw"
LARGEST_BODY = 1 << 20
REGISTER = QUERIES["register_process"]
CLAIM = QUERIES["claim"]
ACKNOWLEDGE = QUERIES["acknowledge"]
ACKNOWLEDGE_AND_COMMIT = "SELECT actorbus_acknowledge_or_raise({0}, {1}); COMMIT"

Claims = Sequence[asyncpg.Record]


async def main(
    url: str, messages: int, effect: str, connections: int = 0, batch: int = 100
) -> None:
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    async with asyncpg.create_pool(url, min_size=12, max_size=12) as pool:
        await pool.execute(REGISTER, OWNER, "raw", "here", 1, 1, 3600.0)
        if effect == INSERTS:
            await transactions(pool, entries, connections or 8, batch)
        else:
            await batches(pool, entries, connections or 2, batch)
        settled = time.perf_counter()
        if await pool.fetchval("SELECT count(*) FROM actorbus_messages"):
            raise SystemExit("messages are left")
    entries.report(settled)


async def batches(pool: asyncpg.Pool, entries: Entries, connections: int, batch: int) -> None:
    async def loop() -> None:
        async with pool.acquire() as connection:
            while claimed := await claim(connection, batch):
                for _ in claimed:
                    entries()
                await acknowledge(connection, claimed)

    await asyncio.gather(*(loop() for _ in range(connections)))


async def transactions(pool: asyncpg.Pool, entries: Entries, connections: int, batch: int) -> None:
    """Keep a batch claimed ahead of the connections that work on them."""
    queue: asyncio.Queue[asyncpg.Record | None] = asyncio.Queue(batch)

    async def loop() -> None:
        async with pool.acquire() as connection:
            while (message := await queue.get()) is not None:
                entries()
                await handle(connection, message)

    async def feed() -> None:
        async with pool.acquire() as connection:
            while claimed := await claim(connection, batch):
                for message in claimed:
                    await queue.put(message)
        for _ in range(connections):
            await queue.put(None)

    await asyncio.gather(feed(), *(loop() for _ in range(connections)))


async def claim(connection: asyncpg.Connection, batch: int) -> Claims:
    demand = {"number": 0, "channel": CHANNEL, "endpoints": [ENDPOINT], "tenant": ""}
    asked = json.dumps([{**demand, "credit": batch}])
    claimed: Claims = await connection.fetch(CLAIM, OWNER, LARGEST_BODY, asked)
    return claimed


async def acknowledge(connection: asyncpg.Connection, claimed: Claims) -> None:
    sequences, epochs = zip(*((row["sequence"], row["epoch"]) for row in claimed), strict=True)
    row = await connection.fetchrow(ACKNOWLEDGE, sequences, epochs)
    if row["stale"]:
        raise SystemExit(f"stale: {row['stale']}")


async def handle(connection: asyncpg.Connection, message: asyncpg.Record) -> None:
    await connection.execute("BEGIN")
    await connection.execute(INSERT, message["body"].decode(errors="replace"))
    await connection.execute(ACKNOWLEDGE_AND_COMMIT.format(message["sequence"], message["epoch"]))


if __name__ == "__main__":
    url, messages, effect, *options = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(url, int(messages), effect, *map(int, options)))

"""SAQ on PostgreSQL."""

import asyncio
from typing import Any

from psycopg_pool import AsyncConnectionPool
from saq import Worker
from saq.queue.postgres import PostgresQueue

from benchmarks.durable._entries import CREATE_EFFECTS, INSERT, INSERTS, Entries, chunks
from benchmarks.durable.peers._program import run, until_zero

LEFT = "SELECT count(*) FROM saq_jobs WHERE status IN ('new', 'deferred', 'queued', 'active')"
AT_ONCE = 20
"""Jobs that are enqueued side by side: SAQ stores them one by one."""


async def fill(url: str, messages: int) -> None:
    queue = PostgresQueue.from_url(url)
    await queue.connect()
    async with queue.pool.connection() as connection:
        await connection.execute(CREATE_EFFECTS)
    limit = asyncio.Semaphore(AT_ONCE)

    async def enqueue(body: str) -> None:
        async with limit:
            await queue.enqueue("work", body=body)

    for bodies in chunks(messages):
        await asyncio.gather(*map(enqueue, bodies))
    await queue.disconnect()


async def drain(url: str, messages: int, effect: str, concurrency: int = 20) -> None:
    queue = PostgresQueue.from_url(url, min_size=concurrency, max_size=concurrency)
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    async with AsyncConnectionPool(
        url, kwargs={"autocommit": True}, min_size=concurrency, max_size=concurrency
    ) as pool:

        async def work(context: dict[str, Any], *, body: str) -> None:
            entries()
            if effect == INSERTS:
                async with pool.connection() as connection:
                    await connection.execute(INSERT.replace("$1", "%s"), (body,))

        async def left() -> int:
            async with pool.connection() as connection:
                cursor = await connection.execute(LEFT)
                [(count,)] = await cursor.fetchall()
                return int(count)

        await queue.connect()
        worker = Worker(queue, [("work", work)], concurrency=concurrency)
        running = asyncio.create_task(worker.start())
        await done.wait()
        entries.report(await until_zero(left))
        await worker.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await queue.disconnect()


if __name__ == "__main__":
    run(fill, drain)

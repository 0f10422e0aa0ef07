"""pgqueuer, as its guide on tuning has it: a plain connection for the queue, `autovac` applied.

The settlements are written in batches of the same size as the claims, as pgqueuer always does.
"""

import asyncio
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.durable._entries import CREATE_EFFECTS, INSERT, INSERTS, Entries, chunks
from benchmarks.durable.peers._program import run, until_zero

ENTRYPOINT = "work"
LEFT = "SELECT count(*) FROM pgqueuer"


async def fill(url: str, messages: int) -> None:
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    await queries.optimize_autovacuum()
    await connection.execute(CREATE_EFFECTS)
    for bodies in chunks(messages):
        await queries.enqueue(
            [ENTRYPOINT] * len(bodies), [body.encode() for body in bodies], [0] * len(bodies)
        )
    await connection.close()


async def drain(
    url: str, messages: int, effect: str, batch: int = 100, pool_size: int = 10
) -> None:
    connection = await asyncpg.connect(url)
    observer = await asyncpg.connect(url)
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    application = PgQueuer(AsyncpgDriver(connection))
    async with asyncpg.create_pool(url, min_size=pool_size, max_size=pool_size) as pool:

        async def work(job: Job) -> None:
            entries()
            if effect == INSERTS:
                await pool.execute(INSERT, job.payload.decode())

        application.entrypoint(ENTRYPOINT)(work)
        running = asyncio.create_task(
            application.run(batch_size=batch, dequeue_timeout=timedelta(seconds=1))
        )
        await done.wait()
        entries.report(await until_zero(lambda: observer.fetchval(LEFT)))
        application.shutdown.set()
        await running


if __name__ == "__main__":
    run(fill, drain)

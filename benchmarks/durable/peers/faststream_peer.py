"""faststream-outbox: terminal deletes in batches (`flush` > 1), or one for each row (`flush` 1)."""

import asyncio

import asyncpg
from faststream_outbox import OutboxBroker, make_outbox_table, outbox_autovacuum_ddl
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.durable._entries import CREATE_EFFECTS, INSERT, INSERTS, Entries, chunks
from benchmarks.durable.peers._program import run, until_zero

QUEUE = "work"
FETCH = 100
LEFT = "SELECT count(*) FROM outbox"


def engine_of(url: str, connections: int) -> AsyncEngine:
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=connections
    )


async def fill(url: str, messages: int) -> None:
    engine = engine_of(url, 2)
    metadata = MetaData()
    broker = OutboxBroker(engine, outbox_table=make_outbox_table(metadata), logger=None)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text(outbox_autovacuum_ddl("outbox")))
        await connection.execute(text(CREATE_EFFECTS))
    for bodies in chunks(messages):
        async with engine.begin() as connection:
            await broker.publish_batch(*bodies, queue=QUEUE, session=connection)
    await engine.dispose()


async def drain(url: str, messages: int, effect: str, flush: int = 100, workers: int = 4) -> None:
    engine = engine_of(url, workers + 2)
    observer = await asyncpg.connect(url)
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    broker = OutboxBroker(engine, outbox_table=make_outbox_table(MetaData()), logger=None)
    async with asyncpg.create_pool(url, min_size=workers, max_size=workers) as pool:

        async def work(body: str) -> None:
            entries()
            if effect == INSERTS:
                await pool.execute(INSERT, body)

        broker.subscriber(
            QUEUE,
            max_workers=workers,
            fetch_batch_size=FETCH,
            terminal_flush_batch_size=flush,
            min_fetch_interval=0.001,
            max_fetch_interval=0.001,
        )(work)
        await broker.start()
        await done.wait()
        entries.report(await until_zero(lambda: observer.fetchval(LEFT)))
        await broker.stop()
    await engine.dispose()


if __name__ == "__main__":
    run(fill, drain)

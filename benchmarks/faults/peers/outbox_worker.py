"""faststream-outbox: a row whose lease is over is fetched by another worker."""

from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.faults.peers._worker import AT_ONCE, job, run, until_told

QUEUE = "job"


def engine_of(url: str) -> AsyncEngine:
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=AT_ONCE + 2
    )


async def fill(url: str, messages: int) -> None:
    engine = engine_of(url)
    metadata = MetaData()
    broker = OutboxBroker(engine, outbox_table=make_outbox_table(metadata), logger=None)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        bodies = map(str, range(messages))
        await broker.publish_batch(*bodies, queue=QUEUE, session=connection)
    await engine.dispose()


async def work(url: str, lease: float) -> None:
    engine = engine_of(url)
    broker = OutboxBroker(engine, outbox_table=make_outbox_table(MetaData()), logger=None)

    async def begin(body: str) -> None:
        await job(body)

    broker.subscriber(
        QUEUE,
        max_workers=AT_ONCE,
        fetch_batch_size=AT_ONCE,
        lease_ttl_seconds=lease,
        min_fetch_interval=0.05,
        max_fetch_interval=0.5,
    )(begin)
    await broker.start()
    await until_told()
    await broker.stop()
    await engine.dispose()


if __name__ == "__main__":
    run(fill, work)

"""pgqueuer: a job whose heartbeat is older than the lease is picked by another worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pgqueuer
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.faults.peers._worker import AT_ONCE, job, run, until_told

ENTRYPOINT = "job"
RESTART = 0.5
"""Seconds before it starts again what a lost connection has ended; 5 is its default."""


async def fill(url: str, messages: int) -> None:
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    bodies: list[bytes | None] = [str(number).encode() for number in range(messages)]
    await queries.enqueue([ENTRYPOINT] * messages, bodies, [0] * messages)
    await connection.close()


@asynccontextmanager
async def application(url: str) -> AsyncIterator[PgQueuer]:
    connection = await asyncpg.connect(url)
    made = PgQueuer(AsyncpgDriver(connection))

    async def begin(one: Job) -> None:
        assert one.payload is not None
        await job(one.payload.decode())

    made.entrypoint(ENTRYPOINT)(begin)
    try:
        yield made
    finally:
        await connection.close()


async def work(url: str, lease: float) -> None:
    """Run as `pgq run --restart-on-failure --shutdown-on-listener-failure` would."""
    shutdown = asyncio.Event()
    running = asyncio.create_task(
        pgqueuer.run(
            lambda: application(url),
            batch_size=AT_ONCE,
            max_concurrent_tasks=2 * AT_ONCE,
            dequeue_timeout=timedelta(seconds=0.5),
            heartbeat_timeout=timedelta(seconds=lease),
            shutdown_on_listener_failure=True,
            restart_on_failure=True,
            restart_delay=timedelta(seconds=RESTART),
            shutdown=shutdown,
        )
    )
    await until_told(running)


if __name__ == "__main__":
    run(fill, work)

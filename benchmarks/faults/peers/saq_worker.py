"""SAQ: a job that was not touched for longer than its heartbeat, the lease, is swept and retried.

A sweep waits for each such job to be aborted, by default 5 seconds, one after the other; here it
waits a tenth of a second, and there is one every half second.
"""

import asyncio
from typing import Any

from saq import Worker
from saq.queue.postgres import PostgresQueue

from benchmarks.faults.peers._worker import AT_ONCE, job, run, until_told

LEASE = 3
RETRIES = 10
LOOK = 0.5
ABORT = 0.1


async def fill(url: str, messages: int) -> None:
    queue = PostgresQueue.from_url(url)
    await queue.connect()
    limit = asyncio.Semaphore(AT_ONCE)

    async def enqueue(number: int) -> None:
        async with limit:
            await queue.enqueue("job", number=number, heartbeat=LEASE, retries=RETRIES)

    await asyncio.gather(*map(enqueue, range(messages)))
    await queue.disconnect()


async def work(url: str, lease: float) -> None:
    assert lease == LEASE, "a job's heartbeat is decided when it is enqueued"
    queue = PostgresQueue.from_url(url, min_size=AT_ONCE, max_size=2 * AT_ONCE)

    async def begin(context: dict[str, Any], *, number: int) -> None:
        await job(number)

    await queue.connect()
    worker = Worker(queue, [("job", begin)], concurrency=AT_ONCE)
    sweeps = asyncio.create_task(_sweep(queue))
    await until_told(sweeps, asyncio.create_task(worker.start()))


async def _sweep(queue: PostgresQueue) -> None:
    while True:
        await asyncio.sleep(LOOK)
        await queue.sweep(abort=ABORT)


if __name__ == "__main__":
    run(fill, work)

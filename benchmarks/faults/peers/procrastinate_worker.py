"""Procrastinate: jobs of a worker without a heartbeat for the lease are retried.

Procrastinate leaves that to a periodic task, which its guide has; here it is asked every half
second, as a task of each worker. Heartbeats are a third of the lease apart.
"""

import asyncio

from procrastinate import App, PsycopgConnector

from benchmarks.faults.peers._worker import AT_ONCE, job, run, until_told

LOOK = 0.5


async def fill(url: str, messages: int) -> None:
    application = App(connector=PsycopgConnector(conninfo=url))

    async def declared(number: int) -> None: ...

    task = application.task(name="job")(declared)
    async with application.open_async():
        await application.schema_manager.apply_schema_async()
        await task.batch_defer_async(*({"number": number} for number in range(messages)))


async def work(url: str, lease: float) -> None:
    application = App(connector=PsycopgConnector(conninfo=url, min_size=AT_ONCE, max_size=AT_ONCE))
    application.task(name="job")(job)
    async with application.open_async():
        running = asyncio.create_task(
            application.run_worker_async(
                concurrency=AT_ONCE,
                delete_jobs="successful",
                install_signal_handlers=False,
                fetch_job_polling_interval=0.5,
                update_heartbeat_interval=lease / 3,
                stalled_worker_timeout=lease,
            )
        )
        await until_told(running, asyncio.create_task(_retry_stalled(application, lease)))


async def _retry_stalled(application: App, lease: float) -> None:
    jobs = application.job_manager
    while True:
        await asyncio.sleep(LOOK)
        for stalled in await jobs.get_stalled_jobs(seconds_since_heartbeat=lease):
            await jobs.retry_job(stalled)


if __name__ == "__main__":
    run(fill, work)

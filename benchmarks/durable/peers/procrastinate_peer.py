"""Procrastinate with asynchronous tasks; finished jobs are deleted, as its guide advises."""

import asyncio

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from benchmarks.durable._entries import CREATE_EFFECTS, INSERT, INSERTS, Entries, chunks
from benchmarks.durable.peers._program import run, until_zero

LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


async def fill(url: str, messages: int) -> None:
    application = App(connector=PsycopgConnector(conninfo=url))

    async def work(body: str) -> None: ...

    task = application.task(name="work")(work)
    async with application.open_async():
        await application.schema_manager.apply_schema_async()
        await application.connector.execute_query_async(CREATE_EFFECTS)
        for bodies in chunks(messages):
            await task.batch_defer_async(*({"body": body} for body in bodies))


async def drain(url: str, messages: int, effect: str, concurrency: int = 20) -> None:
    application = App(
        connector=PsycopgConnector(conninfo=url, min_size=concurrency + 2, max_size=concurrency + 2)
    )
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    async with (
        application.open_async(),
        AsyncConnectionPool(
            url, kwargs={"autocommit": True}, min_size=concurrency, max_size=concurrency
        ) as pool,
    ):

        async def work(body: str) -> None:
            entries()
            if effect == INSERTS:
                async with pool.connection() as connection:
                    await connection.execute(INSERT.replace("$1", "%s"), (body,))

        async def left() -> int:
            async with pool.connection() as connection:
                cursor = await connection.execute(LEFT)
                [(count,)] = await cursor.fetchall()
                return int(count)

        application.task(name="work")(work)
        running = asyncio.create_task(
            application.run_worker_async(
                concurrency=concurrency,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        await done.wait()
        entries.report(await until_zero(left))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    run(fill, drain)

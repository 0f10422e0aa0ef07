"""Handlers share a commit; one that takes it down with it fails alone."""

import trio

from actorbus import Headers, Retry, Transaction
from tests.runtime.bus.delivery.jobs import Job


async def test_a_message_that_destroys_its_group_fails_alone(autojump_clock, bus, log):
    """Its neighbours run again, uncounted; every effect is there once."""
    bus.add_channel("mail", retry=Retry(attempts=2, initial=1.0))

    @bus.command_handler("make tables")
    async def make(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE done (number INTEGER, attempt INTEGER)")
        await tx.execute("CREATE TABLE single (n INTEGER UNIQUE)")
        await tx.execute("INSERT INTO single VALUES (1)")

    @bus.event_handler(channel="mail")
    async def work(event: Job, tx: Transaction, headers: Headers):
        await tx.execute("INSERT INTO done VALUES ($1, $2)", event.number, headers.attempt)
        if event.number % 10 == 5:
            await tx.execute("INSERT OR ROLLBACK INTO single VALUES (1)")

    async with bus.running():
        await bus.commands.send({}, routing_key="make tables")
        await bus.events.publish_many([Job(number) for number in range(40)])
        await trio.sleep(60)
        async with await bus.store.snapshot("test") as snapshot:
            rows = await snapshot.fetch("SELECT number, attempt FROM done ORDER BY number")
        letters = await bus.dead_letters.list()

    good = [number for number in range(40) if number % 10 != 5]
    assert [tuple(row) for row in rows] == [(number, 1) for number in good]
    assert [(one.exception, one.attempts) for one in letters] == [("sqlite3.IntegrityError", 2)] * 4
    assert bus.counters.run_again > 0

"""Store messages in one transaction after another: `publish URL MESSAGES TRANSACTIONS HOW`.

HOW: `gateway` (`send_many`), `handler` (what it sends is stored with its commit) or `outbox`
(`bus.outbox.using`: on the caller's own asyncpg connection and loop).
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import trio
import uvloop

from actorbus import CommandBus
from benchmarks._process import report
from benchmarks.durable._entries import body
from benchmarks.durable.probes._work import Work, make_bus


@dataclass(frozen=True, slots=True)
class SendAll:
    first: int
    count: int


def messages(first: int, count: int) -> Iterator[Work]:
    return (Work(body(number)) for number in range(first, first + count))


async def from_a_gateway(url: str, count: int, transactions: int) -> None:
    bus = make_bus(url)
    async with bus.running(consume="none"):
        await bus.commands.send_many(messages(0, count))
        start = time.perf_counter()
        for number in range(1, transactions + 1):
            await bus.commands.send_many(messages(number * count, count))
        tell(count * transactions, start)


async def from_a_handler(url: str, count: int, transactions: int) -> None:
    bus = make_bus(url)

    async def send_all(command: SendAll, commands: CommandBus) -> None:
        await commands.send_many(messages(command.first, command.count))

    bus.command_handler(send_all)
    async with bus.running(consume="none"):
        await bus.commands.send(SendAll(0, count))
        start = time.perf_counter()
        for number in range(1, transactions + 1):
            await bus.commands.send(SendAll(number * count, count))
        tell(count * transactions, start)


async def on_a_connection(url: str, count: int, transactions: int) -> None:
    bus = make_bus(url)
    connection = await asyncpg.connect(url)

    async def once(number: int) -> None:
        async with bus.outbox.using(connection) as outbox, connection.transaction():
            await outbox.send_many(messages(number * count, count))

    await once(0)
    start = time.perf_counter()
    for number in range(1, transactions + 1):
        await once(number)
    tell(count * transactions, start)
    await connection.close()


def tell(count: int, start: float) -> None:
    seconds = time.perf_counter() - start
    report(rate=count / seconds, seconds=seconds)


if __name__ == "__main__":
    url, count, transactions, how = sys.argv[1:]
    if how == "outbox":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(on_a_connection(url, int(count), int(transactions)))
    else:
        program = {"gateway": from_a_gateway, "handler": from_a_handler}[how]
        trio.run(program, url, int(count), int(transactions))

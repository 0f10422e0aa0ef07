"""Synchronous calls run side by side and inside each other, from asyncio too."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from actorbus import ActorBus, CommandBus, QueryBus


@dataclass(frozen=True)
class Wait:
    number: int


@dataclass(frozen=True)
class Count:
    left: int


@dataclass(frozen=True)
class Even:
    number: int


@dataclass(frozen=True)
class Odd:
    number: int


@pytest.fixture(params=[":memory:", "file"])
def bus(request, tmp_path):
    file = request.param == "file"
    return ActorBus("shop", f"sqlite:///{tmp_path / 'bus.db'}" if file else ":memory:")


def test_a_hundred_queries_from_asyncio_run_at_once(bus):
    """Each of them waits for all others to have begun: one after the other they never end."""
    together = asyncio.Barrier(100)

    @bus.query_handler
    async def wait(query: Wait) -> int:
        await together.wait()
        return query.number

    async def main():
        async with bus.running(), asyncio.timeout(20):
            return await asyncio.gather(*(bus.queries.ask(Wait(n)) for n in range(100)))

    assert asyncio.run(main()) == list(range(100))


async def test_a_command_whose_handler_sends_the_same_command_ends(bus):
    @bus.command_handler
    async def count(command: Count, commands: CommandBus) -> Any:
        if command.left == 0:
            return 0
        return 1 + await commands.send(Count(command.left - 1))

    async with bus.running():
        assert await bus.commands.send(Count(1)) == 1
        assert await bus.commands.send(Count(10)) == 10


async def test_two_queries_that_ask_each_other_end(bus):
    @bus.query_handler
    async def even(query: Even, queries: QueryBus) -> bool:
        return query.number == 0 or await queries.ask(Odd(query.number - 1))

    @bus.query_handler
    async def odd(query: Odd, queries: QueryBus) -> bool:
        return query.number != 0 and await queries.ask(Even(query.number - 1))

    async with bus.running():
        assert await bus.queries.ask(Even(6))
        assert not await bus.queries.ask(Even(7))


async def test_queries_that_ask_each_other_through_channels_end(bus):
    bus.add_channel("questions", concurrency=8)

    @bus.query_handler(channel="questions")
    async def even(query: Even, queries: QueryBus) -> bool:
        return query.number == 0 or await queries.ask(Odd(query.number - 1), timeout=10)

    @bus.query_handler(channel="questions")
    async def odd(query: Odd, queries: QueryBus) -> bool:
        return query.number != 0 and await queries.ask(Even(query.number - 1), timeout=10)

    async with bus.running():
        assert await bus.queries.ask(Even(6), timeout=10)

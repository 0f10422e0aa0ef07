"""docs/durability.md: its program runs on the servers that it is for, and its tests exist."""

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import trio

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "durability.md").read_text("utf-8")
TESTS = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "actorbus" / "testing").rglob("*.py")]
TABLES = "CREATE TABLE orders (number INTEGER); CREATE TABLE bills (number INTEGER)"


def test_every_test_that_the_page_names_is_there():
    there = {
        name for file in TESTS for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8"))
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))

    assert len(named) > 40
    assert named - there == set()


@pytest.fixture
def program(postgres, kafka_server, topic, monkeypatch):
    """The names that the page's blocks define."""
    monkeypatch.setenv("STORE", postgres)
    monkeypatch.setenv("SERVERS", kafka_server.servers)
    monkeypatch.setenv("TOPIC", topic)
    names: dict[str, Any] = {"__name__": "durability_page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/durability.md", "exec"), names)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(TABLES)
        yield names, connection


def in_its_own_loop(url: str, place: Any, number: int) -> None:
    """Place an order as a program does that owns its connection."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await place(connection, number)
        await connection.close()

    asyncio.run(run())


async def test_an_order_is_billed_once_by_way_of_outbox_and_kafka(program, postgres):
    """One from a handler, and one from a connection that the program owns."""
    names, connection = program
    bus = names["bus"]
    async with bus.running():
        await bus.commands.send(names["PlaceOrder"](1))
        await trio.to_thread.run_sync(in_its_own_loop, postgres, names["place"], 2)
        with trio.fail_after(60):
            while len(numbers(connection, "bills")) < 2:  # noqa: ASYNC110  # of two programs
                await trio.sleep(0.05)
        await bus.idle()

    assert numbers(connection, "orders") == [1, 2]
    assert numbers(connection, "bills") == [1, 2]


def numbers(connection: psycopg.Connection[Any], table: str) -> list[int]:
    rows = connection.execute(f"SELECT number FROM {table} ORDER BY number").fetchall()
    return [number for (number,) in rows]

"""Messages in transactions on connections that the program owns: asyncpg, psycopg, SQLAlchemy."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import django
import psycopg
import pytest
import sqlalchemy
from django.conf import settings
from django.db import connections, transaction

from actorbus import (
    ActorBus,
    BusStateError,
    DynamicChannel,
    InvalidMessage,
    InvalidSendOption,
    Letter,
    TransactionError,
    header,
)
from tests.unit.actorbus.outbox.brokers import FakeChannel


@dataclass(frozen=True)
class Ordered:
    number: int


@dataclass(frozen=True)
class Bill:
    number: int


class Asked:
    """A query, which cannot be stored."""


def make_bus(url, seen=None):
    """Return a bus with a handler on the store's own channel, and one behind a broker."""
    bus = ActorBus("shop", url)
    bus.add_channel("orders", ordering_key=lambda message: str(message.number % 2))
    bus.add_channel(FakeChannel("kafka"))

    @bus.event_handler(channel="orders", endpoint_id="note")
    async def note(event: Ordered) -> None:
        if seen is not None:
            seen.append(event.number)

    @bus.event_handler(channel="kafka", endpoint_id="ship")
    async def ship(event: Ordered) -> None: ...

    @bus.command_handler(channel="orders", endpoint_id="bill")
    async def bill(command: Bill) -> None: ...

    return bus


@pytest.fixture
def url(postgres):
    """The URL of a database that has the tables."""
    make_tables(postgres)
    return postgres


def make_tables(url):
    async def run():
        async with make_bus(url).running(consume="none"):
            pass

    asyncio.run(run())


def stored(url):
    """Return what is stored, in order: channel, endpoint, the endpoint behind a broker."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT channel, endpoint, for_endpoint FROM actorbus_messages ORDER BY sequence"
        ).fetchall()


BOTH = [("orders", "note", None), ("outbox", "broker:kafka", "ship")]


@asynccontextmanager
async def connected(url):
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def test_messages_are_there_with_the_commit_and_never_without_it(url):
    """On the caller's loop, of a bus that does not run; for the store's channels and brokers."""
    bus = make_bus(url)

    async def run():
        async with connected(url) as connection:
            out = bus.outbox.using(connection)
            with pytest.raises(LookupError):
                async with connection.transaction():
                    await out.publish(Ordered(1))
                    raise LookupError
            before = stored(url)
            async with connection.transaction():
                sent = await out.publish(Ordered(1), headers={"a": "b"})
            return (
                before,
                sent,
                await connection.fetchval("SELECT message_id FROM actorbus_messages"),
            )

    before, sent, found = asyncio.run(run())
    assert (before, stored(url)) == ([], BOTH)
    assert sent == found


def test_commands_and_many_messages(url):
    """In one statement, in order; letters have options of their own."""
    bus = make_bus(url)

    async def run():
        async with connected(url) as connection, connection.transaction():
            out = bus.outbox.using(connection)
            await out.send(Bill(1))
            again = Letter(Bill(2), message_id="same")
            return await out.send_many([Bill(3), again, again, Ordered(4)])

    assert asyncio.run(run()) == 4
    assert stored(url) == [("orders", "bill", None)] * 3 + BOTH


def test_outside_of_a_transaction_nothing_is_written(url):
    bus = make_bus(url)

    async def run():
        async with connected(url) as connection:
            with pytest.raises(TransactionError, match="outside of a transaction"):
                await bus.outbox.using(connection).publish(Ordered(1))

    asyncio.run(run())
    assert stored(url) == []


def test_who_waits_for_messages_is_woken_after_the_transaction(url):
    """Within a poll's pause at most without it: here polls are far apart."""
    seen = []
    bus, writer = make_bus(url, seen), make_bus(url)

    async def run():
        async with bus.running(consume=["orders"]), connected(url) as connection:
            await bus.idle()
            started = time.monotonic()
            async with writer.outbox.using(connection) as out, connection.transaction():
                await out.publish(Ordered(1))
            async with asyncio.timeout(10):
                while not seen:  # noqa: ASYNC110  the handler is in another world
                    await asyncio.sleep(0.002)
            return time.monotonic() - started

    asyncio.run(run())
    assert seen == [1]


def test_notifications_are_sent_after_the_transaction_only(url):
    """Of the channels that have work; none if nothing was written, or it failed."""
    bus = make_bus(url)
    heard = []

    async def run():
        async with connected(url) as listening, connected(url) as connection:
            await listening.add_listener("actorbus.public", lambda *got: heard.append(got[3]))
            async with bus.outbox.using(connection):
                pass
            with pytest.raises(LookupError):
                async with bus.outbox.using(connection) as out, connection.transaction():
                    await out.publish(Ordered(1))
                    raise LookupError
            async with connection.transaction(), bus.outbox.using(connection) as out:
                await out.publish(Ordered(1))
            async with bus.outbox.using(connection) as out, connection.transaction():
                await out.publish(Ordered(1))
            async with asyncio.timeout(10):
                while not heard:  # noqa: ASYNC110  polled, as it may stay empty
                    await asyncio.sleep(0.01)

    asyncio.run(run())
    assert heard == ['["", "outbox"]']  # on "orders" a message of that key is in turn already


def test_what_cannot_be_stored_is_refused(url):
    """With nothing written, and the transaction as it was."""
    bus = make_bus(url)

    @bus.command_handler("at.once")
    async def at_once(command: Bill) -> None: ...

    bus.add_channel(FakeChannel("soon", outbox=False))
    bus.add_channel(DynamicChannel("tenants", tenant=header("t"), tenants=list, unknown="error"))

    @bus.command_handler("soon", channel="soon")
    async def soon(command: Bill) -> None: ...

    @bus.command_handler("tenants", channel="tenants")
    async def tenants(command: Bill) -> None: ...

    async def run():
        async with connected(url) as connection, connection.transaction():
            out = bus.outbox.using(connection)
            with pytest.raises(InvalidSendOption, match=r"at once, .*give it channel="):
                await out.send({"number": 1}, routing_key="at.once")
            with pytest.raises(InvalidSendOption, match="has outbox=False"):
                await out.send({"number": 1}, routing_key="soon")
            with pytest.raises(BusStateError, match="which only a running bus does"):
                await out.send({"number": 1}, routing_key="tenants", headers={"t": "x"})
            with pytest.raises(InvalidMessage):
                await out.publish(Bill(1))
            with pytest.raises(InvalidMessage):
                await out.send({"number": "one"}, routing_key="at.once")
            with pytest.raises(InvalidMessage, match="is an event"):
                await out.send(Ordered(1))
            await bus.outbox.using(connection, channel="orders").send(
                {"number": 1}, routing_key="at.once"
            )
        with pytest.raises(TypeError, match=r"bus\.outbox\.statement"):
            bus.outbox.using(object())

    asyncio.run(run())
    assert [row[0] for row in stored(url)] == ["orders"]


def test_it_is_for_stores_in_postgresql():
    bus = make_bus("sqlite:///shop.db")
    with pytest.raises(BusStateError, match="where they are in PostgreSQL"):
        bus.outbox.statement([Ordered(1)])


# -- statements for other drivers -------------------------------------------------------------


def test_psycopg_stores_what_a_statement_says(url):
    """In its transaction; with a key, the second of its messages is held."""
    sql, rows = make_bus(url).outbox.statement([Ordered(1), Ordered(3), Ordered(2)])
    with psycopg.connect(url) as connection:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)
        connection.rollback()
        assert stored(url) == []
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)
    with psycopg.connect(url) as connection:
        states = connection.execute(
            "SELECT endpoint, state FROM actorbus_messages ORDER BY sequence"
        ).fetchall()

    assert [row[0] for row in states] == ["note", "broker:kafka"] * 3
    assert [state for endpoint, state in states if endpoint == "note"] == ["ready", "held", "ready"]


def test_sqlalchemy_stores_what_a_statement_says(url):
    """With named placeholders, and with those of its driver."""
    outbox = make_bus(url).outbox
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        sql, rows = outbox.statement([Ordered(1)], placeholders="named")
        connection.execute(sqlalchemy.text(sql), rows)
    with engine.begin() as connection:
        sql, rows = outbox.statement([Ordered(1)])
        connection.exec_driver_sql(sql, rows)
    engine.dispose()

    assert stored(url) == BOTH * 2


def test_a_numeric_statement_is_asyncpgs(url):
    """And what was stored so is the same as what `using` stores."""
    bus = make_bus(url)

    async def run():
        async with connected(url) as connection:
            await connection.executemany(
                *bus.outbox.statement([Ordered(1)], placeholders="numeric")
            )
            async with connection.transaction():
                await bus.outbox.using(connection).publish(Ordered(1))
            names = "headers, body, type_name, content_type, priority, channel, endpoint, tenant"
            return await connection.fetch(
                f"SELECT {names} FROM actorbus_messages ORDER BY sequence"
            )

    first, second, third, fourth = asyncio.run(run())
    assert (first, second) == (third, fourth)


def test_django_stores_what_a_statement_says(url):
    if not settings.configured:
        settings.configure()
    django.setup()
    parts = sqlalchemy.make_url(url)
    connections.databases["shop"] = connections["default"].settings_dict | {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.database,
        "USER": parts.username,
        "PASSWORD": parts.password or "",
        "HOST": parts.host,
        "PORT": parts.port,
    }
    try:
        with transaction.atomic(using="shop"), connections["shop"].cursor() as cursor:
            cursor.executemany(*make_bus(url).outbox.statement([Ordered(1)]))
        assert stored(url) == BOTH
    finally:
        connections["shop"].close()
        del connections.databases["shop"]


def test_other_placeholders_are_refused(url):
    with pytest.raises(ValueError, match="'format' or 'numeric' or 'named'"):
        make_bus(url).outbox.statement([], placeholders="qmark")

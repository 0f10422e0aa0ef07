"""What a handler writes and sends leaves at its commit, on every channel, or not at all."""

import contextlib
from dataclasses import dataclass

import pytest

from actorbus import (
    ActorBus,
    CommandBus,
    DynamicChannel,
    EventBus,
    InvalidTenant,
    QueryBus,
    ReadOnlyTransaction,
    RollbackOnly,
    StoreError,
    SubscribersFailed,
    Transaction,
    UnknownTenant,
    header,
)


@dataclass(frozen=True)
class Act:
    fails: str = ""


@dataclass(frozen=True)
class Outer:
    fails: str = ""


@dataclass(frozen=True)
class Happened:
    number: int


@dataclass(frozen=True)
class Mailed:
    number: int


@dataclass(frozen=True)
class Rows:
    pass


class AsyncCommandBus(CommandBus, channel="async"):
    pass


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def bus(store, calls):
    """A bus with a table, two channels, and `Act`, which writes, sends, and then may fail."""
    bus = ActorBus("shop", store)
    bus.add_channel("async")
    bus.add_channel("mail")
    bus.add_channel(
        DynamicChannel("tenants", tenant=header("tenant"), tenants={"acme"}, unknown="error")
    )

    @bus.command_handler("tables")
    async def tables(command: dict[str, str], tx: Transaction) -> None:
        await tx.execute("CREATE TABLE rows (what TEXT UNIQUE)")
        await tx.execute("INSERT INTO rows VALUES ('first')")

    @bus.query_handler
    async def rows(query: Rows, tx: Transaction) -> list[str]:
        return [row[0] for row in await tx.fetch("SELECT what FROM rows ORDER BY what")]

    @bus.event_handler(channel="mail", endpoint_id="mailed")
    async def mailed(event: Mailed) -> None:
        calls.append(("mailed", event.number))

    @bus.command_handler("later", endpoint_id="later")
    async def later(command: dict[str, str]) -> None:
        calls.append("later")

    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus, later: AsyncCommandBus) -> None:
        tx.after_commit(lambda: calls.append("committed"))
        await tx.execute("INSERT INTO rows VALUES ('act')")
        await events.publish(Mailed(1))
        await events.publish_many([Mailed(2), Mailed(3)])
        await later.send({}, routing_key="later")
        if command.fails == "raises":
            raise LookupError
        if command.fails == "commit":
            with contextlib.suppress(Exception):  # the transaction is gone: its commit has to fail
                await tx.execute("INSERT OR ROLLBACK INTO rows VALUES ('first')")

    return bus


async def stored(bus):
    return sum(queue.ready + queue.waiting for queue in await bus.store.statistics())


async def test_what_it_sends_is_there_with_what_it_wrote(bus, calls):
    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="tables")
        await bus.commands.send(Act())
        assert await bus.queries.ask(Rows()) == ["act", "first"]
        assert await stored(bus) == 4

    assert calls == ["committed"]


@pytest.mark.parametrize(("fails", "error"), [("raises", LookupError), ("commit", Exception)])
async def test_nothing_leaves_when_it_raises_or_its_commit_fails(bus, calls, fails, error):
    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(error):
            await bus.commands.send(Act(fails))
        assert await bus.queries.ask(Rows()) == ["first"]
        assert await stored(bus) == 0
        await bus.idle()

    assert calls == []


async def test_a_commit_that_fails_is_the_stores_error(bus):
    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises((StoreError, RollbackOnly)):
            await bus.commands.send(Act("commit"))


async def test_nested_buses_release_at_the_outermost_commit_only(bus, calls):
    """Outer sends Act; what Act wrote and sent waits for the outer commit, hooks included."""
    seen = []

    @bus.command_handler
    async def outer(command: Outer, commands: CommandBus, queries: QueryBus) -> None:
        await commands.send(Act())
        seen.append((await queries.ask(Rows()), await stored(bus), list(calls)))
        if command.fails:
            raise LookupError

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(LookupError):
            await bus.commands.send(Outer("raises"))
        assert (await stored(bus), calls) == (0, [])
        await bus.commands.send(Outer())
        assert await stored(bus) == 4

    assert seen == [(["first"], 0, [])] * 2
    assert calls == ["committed"]


async def test_an_inner_failure_undoes_its_own_part_only(bus):
    @bus.command_handler
    async def outer(command: Outer, commands: CommandBus, events: EventBus) -> None:
        await events.publish(Mailed(0))
        with contextlib.suppress(LookupError):
            await commands.send(Act("raises"))

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="tables")
        await bus.commands.send(Outer())
        assert await bus.queries.ask(Rows()) == ["first"]
        assert await stored(bus) == 1


async def test_synchronous_subscribers_have_a_savepoint_each_and_one_group(bus, calls):
    """All run, in declared order; the publisher cannot commit, also if it catches the group."""

    @bus.event_handler(endpoint_id="one")
    async def one(event: Happened, tx: Transaction) -> None:
        calls.append("one")
        await tx.execute("INSERT INTO rows VALUES ('one')")
        raise LookupError

    @bus.event_handler(endpoint_id="two")
    async def two(event: Happened, tx: Transaction) -> None:
        calls.append([row[0] for row in await tx.fetch("SELECT what FROM rows")])
        await tx.execute("INSERT INTO rows VALUES ('one')")

    @bus.event_handler(endpoint_id="three")
    async def three(event: Happened, tx: Transaction) -> None:
        await tx.execute("INSERT INTO rows VALUES ('one')")

    @bus.command_handler
    async def outer(command: Outer, events: EventBus) -> None:
        with pytest.raises(SubscribersFailed) as caught:
            await events.publish(Happened(1))
        calls.append(caught.value.endpoints)

    async with bus.running():
        await bus.commands.send({}, routing_key="tables")
        with pytest.raises(RollbackOnly) as caught:
            await bus.commands.send(Outer())
        assert await bus.queries.ask(Rows()) == ["first"]

    assert isinstance(caught.value.__cause__, SubscribersFailed)
    assert calls == ["one", ["first"], ("one", "three")]


async def test_a_query_reads_what_was_committed_and_neither_writes_nor_sends(bus):
    @bus.query_handler("writes")
    async def writes(query: dict[str, str], tx: Transaction, events: EventBus) -> None:
        with pytest.raises(ReadOnlyTransaction):
            await tx.execute("INSERT INTO rows VALUES ('query')")
        with pytest.raises(ReadOnlyTransaction):
            await events.publish(Mailed(1))

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="tables")
        await bus.queries.ask({}, routing_key="writes")
        assert (await bus.queries.ask(Rows()), await stored(bus)) == (["first"], 0)


async def test_two_hops_end_at_the_tenant_and_an_unknown_one_is_the_senders(bus, calls):
    @bus.command_handler("shipped", channel="tenants")
    async def shipped(command: dict[str, str]) -> None:
        calls.append("shipped")

    commands = bus.gateway(AsyncCommandBus)

    async with bus.running():
        await commands.send({}, routing_key="shipped", headers={"tenant": "acme"})
        await bus.idle()
        with pytest.raises(UnknownTenant):
            await commands.send({}, routing_key="shipped", headers={"tenant": "other"})
        with pytest.raises(InvalidTenant):
            await commands.send({}, routing_key="shipped")
        assert await stored(bus) == 0

    assert calls == ["shipped"]

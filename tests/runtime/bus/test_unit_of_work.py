"""What a handler writes and sends is there if and only if its transaction commits."""

import asyncio
import logging
from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    CommandBus,
    EventBus,
    HandlerEnded,
    Headers,
    QueryBus,
    ReadOnlyTransaction,
    RollbackOnly,
    SubscribersFailed,
    Transaction,
    TransactionError,
    detached,
)


@dataclass(frozen=True)
class Act:
    what: str = ""


@dataclass(frozen=True)
class Inner:
    what: str = ""


@dataclass(frozen=True)
class Happened:
    what: str = ""


@dataclass(frozen=True)
class Told:
    what: str


@dataclass(frozen=True)
class GetRows:
    pass


class Refusal(Exception):
    pass


@pytest.fixture
def bus(seen):
    """A bus with a table `rows`, a command `Act` to be handled by the test, and an outbox."""
    bus = ActorBus("shop")
    bus.add_channel("outbox")

    @bus.command_handler("make table")
    async def make_table(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE rows (what TEXT UNIQUE)")

    @bus.query_handler
    async def rows(query: GetRows, tx: Transaction) -> list[str]:
        return [row[0] for row in await tx.fetch("SELECT what FROM rows ORDER BY what")]

    @bus.event_handler(channel="outbox")
    async def told(event: Told):
        seen.add(event.what)

    return bus


async def run(bus, *commands):
    """Send commands to the bus; return the rows, the messages stored, and the errors."""
    errors = []
    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="make table")
        for command in commands:
            try:
                await bus.commands.send(command)
            except Exception as error:
                errors.append(error)
        rows = await bus.queries.ask(GetRows())
        queues = await bus.store.statistics()
    return rows, sum(queue.ready for queue in queues), errors


async def test_rows_and_messages_are_there_together(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ($1)", command.what)
        await events.publish(Told("a"))
        await events.publish_many([Told("b"), Told("c")])

    assert await run(bus, Act("x")) == (["x"], 3, [])


async def test_neither_is_there_when_the_handler_fails(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ($1)", command.what)
        await events.publish(Told("a"))
        raise Refusal

    rows, messages, (error,) = await run(bus, Act("x"))
    assert (rows, messages) == ([], 0)
    assert isinstance(error, Refusal)


async def test_neither_is_there_when_the_handler_is_cancelled(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ($1)", command.what)
        await events.publish(Told("a"))
        scope.cancel()
        await trio.sleep_forever()

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="make table")
        with trio.CancelScope() as scope:
            await bus.commands.send(Act("x"))
        assert scope.cancelled_caught
        assert await bus.queries.ask(GetRows()) == []
        assert await bus.store.statistics() == []


async def test_a_plain_handler_writes_and_sends_too(bus):
    @bus.command_handler
    def act(command: Act, tx: Transaction, events: EventBus):
        assert tx.execute("INSERT INTO rows VALUES ($1)", command.what).get().rowcount == 1
        tx.execute("INSERT INTO rows VALUES ($1)", command.what + "2")
        assert tx.fetch("SELECT count(*) FROM rows").get()[0][0] == 2
        events.publish(Told("a"))

    assert await run(bus, Act("x")) == (["x", "x2"], 1, [])


async def test_an_error_that_a_plain_handler_did_not_look_at_undoes_everything(bus):
    @bus.command_handler
    def act(command: Act, tx: Transaction, events: EventBus):
        tx.execute("INSERT INTO rows VALUES ($1)", "x")
        tx.execute("INSERT INTO rows VALUES ($1)", "x")

    rows, _, (error,) = await run(bus, Act())
    assert rows == []
    assert isinstance(error, RollbackOnly)
    assert "UNIQUE constraint failed" in str(error.__cause__)


async def test_an_error_that_was_looked_at_does_not(bus):
    @bus.command_handler
    def act(command: Act, tx: Transaction):
        tx.execute("INSERT INTO rows VALUES ($1)", "x")
        with pytest.raises(Exception, match="UNIQUE"):
            tx.execute("INSERT INTO rows VALUES ($1)", "x").get()

    assert await run(bus, Act()) == (["x"], 0, [])


async def test_a_call_that_was_never_awaited_undoes_everything(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ($1)", "x")
        events.publish(Told("lost?"))

    rows, messages, (error,) = await run(bus, Act())
    assert (rows, messages) == ([], 0)
    assert "never awaited" in str(error.__cause__)


async def test_a_savepoint_undoes_its_own_rows_and_messages_only(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ('before')")
        await events.publish(Told("kept"))
        with pytest.raises(Refusal):
            async with tx.savepoint():
                await tx.execute("INSERT INTO rows VALUES ('inside')")
                await events.publish(Told("undone"))
                raise Refusal
        async with tx.savepoint():
            await tx.execute("INSERT INTO rows VALUES ('kept')")

    assert await run(bus, Act()) == (["before", "kept"], 1, [])


async def test_a_savepoint_in_a_plain_handler(bus):
    @bus.command_handler
    def act(command: Act, tx: Transaction):
        with pytest.raises(Refusal), tx.savepoint():
            tx.execute("INSERT INTO rows VALUES ('inside')")
            raise Refusal
        with tx.savepoint():
            tx.execute("INSERT INTO rows VALUES ('kept')")

    assert await run(bus, Act()) == (["kept"], 0, [])


async def test_after_commit_functions_of_a_savepoint_are_undone_with_it(bus, seen):
    @bus.command_handler
    async def act(command: Act, tx: Transaction):
        with pytest.raises(Refusal):
            async with tx.savepoint():
                tx.after_commit(lambda: seen.add("undone"))
                raise Refusal
        tx.after_commit(lambda: seen.add("kept"))

    await run(bus, Act())
    assert seen.items == ["kept"]


@pytest.mark.parametrize(
    "use",
    [
        lambda tx, _: tx.execute("INSERT INTO rows VALUES ('mine')"),
        lambda tx, _: tx.fetch("SELECT 1"),
        lambda _, events: events.publish(Told("mine")),
        lambda tx, _: enter(tx.savepoint()),
    ],
)
async def test_a_task_outside_of_an_open_savepoint_is_refused(bus, use):
    """What it does would be undone, or kept, with the other task's part."""
    refused = []

    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        opened, over = trio.Event(), trio.Event()

        async def beside():
            await opened.wait()
            with pytest.raises(TransactionError, match=r"act: another task .* a savepoint open"):
                await use(tx, events)
            refused.append(True)
            over.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(beside)
            with pytest.raises(Refusal):
                async with tx.savepoint():
                    await tx.execute("INSERT INTO rows VALUES ('inside')")
                    opened.set()
                    await over.wait()
                    raise Refusal
        await tx.execute("INSERT INTO rows VALUES ('after')")

    assert await run(bus, Act()) == (["after"], 0, [])
    assert refused == [True]


async def enter(savepoint):
    async with savepoint:
        pass


async def test_tasks_that_begin_inside_a_savepoint_are_in_it(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, commands: CommandBus):
        async with tx.savepoint(), trio.open_nursery() as nursery:
            nursery.start_soon(tx.execute, "INSERT INTO rows VALUES ('child')")
            nursery.start_soon(commands.send, Inner("inner"))

    @bus.command_handler
    async def inner(command: Inner, tx: Transaction):
        async with tx.savepoint():
            await tx.execute("INSERT INTO rows VALUES ($1)", command.what)

    assert await run(bus, Act()) == (["child", "inner"], 0, [])


def test_two_asyncio_tasks_cannot_share_a_savepoint_either():
    bus = ActorBus("shop")
    gathered = []

    @bus.command_handler
    async def act(command: Act, tx: Transaction):
        async def part(number):
            async with tx.savepoint():
                await tx.execute("SELECT 1")
                await asyncio.sleep(0.01)
            return number

        gathered.extend(await asyncio.gather(part(1), part(2), return_exceptions=True))

    async def main():
        async with bus.running():
            await bus.commands.send(Act())

    asyncio.run(main())
    assert {type(one) for one in gathered} == {int, TransactionError}  # either may be first


async def test_after_commit_functions_wait_for_the_commit_and_may_send(bus, seen):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        tx.after_commit(lambda: seen.add("plain"))

        async def send():
            await events.publish(Told("late"))
            seen.add("async")

        tx.after_commit(send)
        await tx.execute("INSERT INTO rows VALUES ('x')")
        assert seen.items == []
        if command.what == "fail":
            raise Refusal

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="make table")
        with pytest.raises(Refusal):
            await bus.commands.send(Act("fail"))
        await bus.commands.send(Act("fine"))
        await seen.until(2)
        (queue,) = await bus.store.statistics()
    assert seen.items == ["plain", "async"]
    assert queue.ready == 1


async def test_a_failing_after_commit_function_is_logged_and_the_next_runs(bus, seen, caplog):
    @bus.command_handler
    async def act(command: Act, tx: Transaction):
        tx.after_commit(lambda: 1 / 0)
        tx.after_commit(lambda: seen.add("next"))

    caplog.set_level(logging.ERROR, "actorbus")
    await run(bus, Act())
    assert seen.items == ["next"]
    assert "an after_commit function failed" in caplog.text


async def test_a_synchronous_command_inside_is_a_savepoint(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, commands: CommandBus):
        await tx.execute("INSERT INTO rows VALUES ('outer')")
        await commands.send(Inner("fine"))
        with pytest.raises(Refusal):
            await commands.send(Inner("fail"))

    @bus.command_handler
    async def inner(command: Inner, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ($1)", command.what)
        await events.publish(Told(command.what))
        if command.what == "fail":
            raise Refusal

    assert await run(bus, Act()) == (["fine", "outer"], 1, [])


async def test_an_inner_command_is_undone_with_the_outer_one(bus):
    @bus.command_handler
    async def act(command: Act, commands: CommandBus):
        await commands.send(Inner("x"))
        raise Refusal

    @bus.command_handler
    def inner(command: Inner, tx: Transaction, events: EventBus):
        tx.execute("INSERT INTO rows VALUES ($1)", command.what)
        events.publish(Told(command.what))

    rows, messages, _ = await run(bus, Act())
    assert (rows, messages) == ([], 0)


async def test_inner_commands_side_by_side_do_not_mix_their_savepoints(bus):
    @bus.command_handler
    async def act(command: Act, commands: CommandBus):
        async with trio.open_nursery() as nursery:
            for name in "abcdef":
                nursery.start_soon(send, commands, name)

    async def send(commands, name):
        try:
            await commands.send(Inner(name))
        except Refusal:
            assert name in "bd"

    @bus.command_handler
    async def inner(command: Inner, tx: Transaction):
        for step in "12":
            await tx.execute("INSERT INTO rows VALUES ($1)", command.what + step)
            await trio.lowlevel.checkpoint()
        if command.what in "bd":
            raise Refusal

    rows, _, errors = await run(bus, Act())
    assert rows == ["a1", "a2", "c1", "c2", "e1", "e2", "f1", "f2"]
    assert errors == []


async def test_a_failed_subscriber_makes_the_publisher_roll_back_also_if_caught(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, events: EventBus):
        await tx.execute("INSERT INTO rows VALUES ('publisher')")
        with pytest.raises(SubscribersFailed):
            await events.publish(Happened())

    @bus.event_handler
    async def fine(event: Happened, tx: Transaction):
        await tx.execute("INSERT INTO rows VALUES ('fine')")

    @bus.event_handler
    async def failing(event: Happened, tx: Transaction):
        await tx.execute("INSERT INTO rows VALUES ('failing')")
        raise Refusal

    rows, _, (error,) = await run(bus, Act())
    assert rows == []
    assert isinstance(error, RollbackOnly)
    assert isinstance(error.__cause__, SubscribersFailed)


async def test_subscribers_of_a_publisher_without_a_transaction_have_one_each(bus):
    @bus.event_handler
    async def failing(event: Happened, tx: Transaction):
        await tx.execute("INSERT INTO rows VALUES ('failing')")
        raise Refusal

    @bus.event_handler
    async def fine(event: Happened, tx: Transaction):
        await tx.execute("INSERT INTO rows VALUES ('fine')")

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="make table")
        with pytest.raises(SubscribersFailed):
            await bus.events.publish(Happened())
        assert await bus.queries.ask(GetRows()) == ["fine"]


async def test_a_query_reads_what_is_committed_and_neither_writes_nor_sends(bus, seen):
    @bus.query_handler
    async def curious(query: Act, tx: Transaction, events: EventBus):
        with pytest.raises(ReadOnlyTransaction):
            await tx.execute("INSERT INTO rows VALUES ('x')")
        with pytest.raises(ReadOnlyTransaction):
            await events.publish(Told("x"))
        with pytest.raises(ReadOnlyTransaction):
            tx.after_commit(print)
        return await tx.fetch_one("SELECT count(*) FROM rows")

    @bus.command_handler
    async def inner(command: Inner, tx: Transaction, queries: QueryBus):
        await tx.execute("INSERT INTO rows VALUES ('uncommitted')")
        seen.add((await queries.ask(Act()))[0])

    rows, messages, errors = await run(bus, Inner())
    assert (rows, messages, errors) == (["uncommitted"], 0, [])
    assert seen.items == [0]


async def test_work_that_outlives_its_handler_cannot_send_in_its_name(bus):
    over = trio.Event()

    async def late(events):
        await over.wait()
        with pytest.raises(HandlerEnded, match=r"with actorbus.detached"):
            await events.publish(Told("late"))
        with detached():
            await events.publish(Told("detached"))

    @bus.command_handler
    async def act(command: Act, events: EventBus):
        nursery.start_soon(late, events)

    async with bus.running(consume="none"):
        async with trio.open_nursery() as nursery:
            await bus.commands.send(Act())
            over.set()
        (queue,) = await bus.store.statistics()
    assert queue.ready == 1


async def test_headers_and_ids_are_passed_on(bus, seen):
    @bus.command_handler
    async def act(command: Act, commands: CommandBus, headers: Headers):
        seen.add(headers)
        await commands.send(Inner(), headers={"b": "2"})

    @bus.command_handler
    async def inner(command: Inner, headers: Headers):
        seen.add(headers)

    async with bus.running(consume="none"):
        await bus.commands.send(Act(), headers={"a": "1", "b": "1"}, correlation_id="chain")

    first, second = seen.items
    assert dict(second) == {"a": "1", "b": "2"}
    assert (first.correlation_id, first.causation_id) == ("chain", "")
    assert (second.correlation_id, second.causation_id) == ("chain", first.id)
    assert second.type_name.endswith(".Inner")
    assert second.endpoint.endswith(".inner")


async def test_two_tasks_of_one_handler_share_its_turn(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction, commands: CommandBus):
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(tx.execute, "INSERT INTO rows VALUES ($1)", name)
                nursery.start_soon(commands.send, Inner(name + "1"))

    @bus.command_handler
    async def inner(command: Inner, tx: Transaction):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.execute, "INSERT INTO rows VALUES ($1)", command.what)
            nursery.start_soon(tx.execute, "INSERT INTO rows VALUES ($1)", command.what + "2")

    rows, _, errors = await run(bus, Act())
    assert errors == []
    assert rows == ["a", "a1", "a12", "b", "b1", "b12", "c", "c1", "c12"]


async def test_units_that_contend_for_the_writer_take_turns(bus):
    @bus.command_handler
    async def act(command: Act, tx: Transaction):
        (row,) = await tx.fetch("SELECT count(*) FROM rows")
        await trio.sleep(0.001)
        await tx.execute("INSERT INTO rows VALUES ($1)", f"{row[0]:02}")

    async with bus.running(consume="none"):
        await bus.commands.send({}, routing_key="make table")
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(bus.commands.send, Act())
        assert await bus.queries.ask(GetRows()) == [f"{n:02}" for n in range(20)]

"""One handler of each colour, called from each world: the calls mean the same everywhere."""

import asyncio
import contextvars
import threading
from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus, CommandBus, EventBus, HandlerTimeout, Headers, QueryBus, Transaction

request_id = contextvars.ContextVar("request_id", default="none")


@dataclass(frozen=True)
class OnTrio:
    depth: int = 0


@dataclass(frozen=True)
class OnThread:
    depth: int = 0


@dataclass(frozen=True)
class OnAsyncio:
    depth: int = 0


@dataclass(frozen=True)
class Done:
    where: str


@dataclass(frozen=True)
class GetRows:
    pass


CALLS = [OnTrio, OnThread, OnAsyncio]


def make_bus(seen):  # noqa: C901  # a handler per colour
    bus = ActorBus("shop")
    bus.add_channel("done")

    @bus.command_handler("make table")
    async def make_table(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE rows (what TEXT)")

    @bus.query_handler(runs_on="trio")
    async def rows(query: GetRows, tx: Transaction) -> list[str]:
        return [row[0] for row in await tx.fetch("SELECT what FROM rows ORDER BY what")]

    @bus.command_handler(runs_on="trio")
    async def on_trio(command: OnTrio, tx: Transaction, commands: CommandBus, events: EventBus):
        await trio.lowlevel.checkpoint()
        await tx.execute("INSERT INTO rows VALUES ($1)", f"trio {command.depth}")
        await events.publish(Done("trio"))
        if command.depth:
            for kind in CALLS:
                await commands.send(kind(command.depth - 1))
        return request_id.get()

    @bus.command_handler
    def on_thread(command: OnThread, tx: Transaction, commands: CommandBus, events: EventBus):
        tx.execute("INSERT INTO rows VALUES ($1)", f"thread {command.depth}")
        events.publish(Done("thread"))
        if command.depth:
            for kind in CALLS:
                commands.send(kind(command.depth - 1)).get()
        return request_id.get()

    @bus.command_handler(runs_on="asyncio")
    async def on_asyncio(
        command: OnAsyncio, tx: Transaction, commands: CommandBus, *, events: EventBus
    ):
        await asyncio.sleep(0)
        await tx.execute("INSERT INTO rows VALUES ($1)", f"asyncio {command.depth}")
        await events.publish(Done("asyncio"))
        if command.depth:
            for kind in CALLS:
                await commands.send(kind(command.depth - 1))
        return request_id.get()

    @bus.event_handler(channel="done", runs_on="asyncio")
    async def note(event: Done, headers: Headers, queries: QueryBus):
        seen.add((event.where, headers["who"], len(await queries.ask(GetRows()))))

    return bus


ROWS = ["{} 1", "asyncio 0", "thread 0", "trio 0"]


async def test_every_colour_called_from_trio(seen):
    bus = make_bus(seen)
    async with bus.running():
        request_id.set("r1")
        await bus.commands.send({}, routing_key="make table")
        answers = [await bus.commands.send(kind(1), headers={"who": "me"}) for kind in CALLS]
        await seen.until(12)
        rows = await bus.queries.ask(GetRows())

    assert answers == ["r1", "r1", "r1"]
    assert rows == sorted(
        ["asyncio 0", "thread 0", "trio 0"] * 3 + ["asyncio 1", "thread 1", "trio 1"]
    )
    assert {who for _, who, _ in seen.items} == {"me"}


def test_every_colour_called_from_asyncio(seen):
    bus = make_bus(seen)

    async def main():
        async with bus.running():
            request_id.set("r2")
            await bus.commands.send({}, routing_key="make table")
            answers = [await bus.commands.send(kind(1), headers={"who": "me"}) for kind in CALLS]
            await seen.until(12)
            return answers, await bus.queries.ask(GetRows())

    answers, rows = asyncio.run(main())
    assert answers == ["r2", "r2", "r2"]
    assert len(rows) == 12


def test_every_colour_called_from_plain_threads(seen):
    bus = make_bus(seen)
    answers = []
    with bus.running_in_thread():
        bus.commands.send({}, routing_key="make table").get()

        def call(kind):
            request_id.set(kind.__name__)
            answers.append(bus.commands.send(kind(1), headers={"who": "me"}).get())

        threads = [threading.Thread(target=call, args=[kind]) for kind in CALLS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen.until(12).get(timeout=10)
        rows = bus.queries.ask(GetRows()).get()

    assert sorted(answers) == ["OnAsyncio", "OnThread", "OnTrio"]
    assert len(rows) == 12


def test_async_handlers_run_where_the_bus_was_entered(seen):
    bus = ActorBus("shop")

    @bus.command_handler
    async def handle(command: OnTrio):
        return "trio" if trio.lowlevel.in_trio_run() else asyncio.get_running_loop()

    async def main():
        async with bus.running():
            return await bus.commands.send(OnTrio()) is asyncio.get_running_loop()

    async def main_on_trio():
        async with bus.running():
            return await bus.commands.send(OnTrio())

    assert asyncio.run(main())
    assert trio.run(main_on_trio) == "trio"


def test_the_bus_may_say_where_async_handlers_run():
    bus = ActorBus("shop", runs_on="trio")

    @bus.command_handler
    async def handle(command: OnTrio):
        return trio.lowlevel.in_trio_run()

    async def main():
        async with bus.running():
            return await bus.commands.send(OnTrio())

    assert asyncio.run(main())


@pytest.mark.parametrize("kind", CALLS)
async def test_a_handler_past_its_timeout_is_ended_and_undone(kind, seen):
    bus = ActorBus("shop")
    release = threading.Event()

    @bus.command_handler(runs_on="trio", timeout=0.05)
    async def on_trio(command: OnTrio):
        await trio.sleep_forever()

    @bus.command_handler(runs_on="asyncio", timeout=0.05)
    async def on_asyncio(command: OnAsyncio):
        await asyncio.Event().wait()

    @bus.command_handler(timeout=0.05)
    def on_thread(command: OnThread, tx: Transaction):
        release.wait(10)
        try:
            tx.execute("CREATE TABLE late (x)").get()
        except Exception as error:
            seen.add(type(error).__name__)

    async with bus.running():
        with pytest.raises(
            HandlerTimeout, match=rf"on_{kind.__name__[2:].lower()} ran longer than"
        ):
            await bus.commands.send(kind())
        release.set()
        if kind is OnThread:
            await seen.until(1)
            assert seen.items == ["HandlerEnded"]


async def test_a_plain_function_that_returns_a_coroutine_is_an_error():
    bus = ActorBus("shop")

    async def work():
        pass

    @bus.command_handler
    def handle(command: OnThread):
        return work()

    async with bus.running():
        with pytest.raises(TypeError, match="is a plain function that returned a coroutine"):
            await bus.commands.send(OnThread())


@pytest.mark.parametrize("runs_on", ["trio", "asyncio"])
def test_cancelling_an_asyncio_caller_cancels_the_handler_and_undoes_it(runs_on, seen):
    bus = ActorBus("shop")
    bus.add_channel("done")

    @bus.command_handler(runs_on=runs_on)
    async def act(command: OnTrio, events: EventBus):
        try:
            await events.publish(Done("never"))
            seen.add("begun")
            await (trio if runs_on == "trio" else asyncio).Event().wait()
        finally:
            seen.add("cancelled")

    @bus.event_handler(channel="done")
    async def note(event: Done):
        seen.add("handled")

    async def main():
        async with bus.running():
            call = asyncio.ensure_future(bus.commands.send(OnTrio()))
            await seen.until(1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await seen.until(2)

    asyncio.run(main())
    assert seen.items == ["begun", "cancelled"]


def test_calls_start_tasks_under_asyncio(seen):
    bus = make_bus(seen)

    async def main():
        async with bus.running():
            await bus.commands.send({}, routing_key="make table")
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(bus.commands.send(kind(), headers={"who": "me"}))
                    for kind in CALLS
                ]
                many = group.create_task(bus.events.publish_many([], headers={"who": "me"}))
            return [task.result() for task in tasks], many.result()

    assert asyncio.run(main()) == (["none"] * 3, 0)


@pytest.mark.parametrize(
    ("runs_on", "sleep", "other"),
    [("trio", asyncio.sleep, "asyncio"), ("asyncio", trio.sleep, "trio")],
)
async def test_a_handler_that_awaits_the_other_loop_is_told_which_option_helps(
    runs_on, sleep, other
):
    bus = ActorBus("shop", runs_on=runs_on)

    @bus.command_handler(endpoint_id="waits")
    async def waits(command: OnTrio):
        await sleep(1)

    async with bus.running():
        with pytest.raises(RuntimeError) as caught:
            await bus.commands.send(OnTrio())

    [note] = caught.value.__notes__
    assert note.startswith(f"waits ran on {runs_on}; if it needs {other}, say so:")

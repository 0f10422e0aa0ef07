"""Entering and leaving a bus: once at a time, in each world, in order, and not across a fork."""

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from actorbus import ActorBus, BusConfigurationError, BusStateError, Transaction


@dataclass(frozen=True)
class PlaceOrder:
    number: int


def make_bus(store=":memory:"):
    bus = ActorBus("shop", store)
    bus.add_channel("one")
    bus.add_channel("two")

    @bus.command_handler
    async def place(command: PlaceOrder, tx: Transaction) -> int:
        return command.number

    return bus


async def test_a_bus_is_entered_once_at_a_time_and_again_afterwards():
    bus = make_bus()
    async with bus.running():
        with pytest.raises(BusStateError, match=r"bus 'shop' is running already"):
            async with bus.running():
                pass
        assert await bus.commands.send(PlaceOrder(1)) == 1
    async with bus.running():
        assert await bus.commands.send(PlaceOrder(2)) == 2


async def test_nothing_can_be_declared_while_it_runs():
    bus = make_bus()
    async with bus.running():
        with pytest.raises(BusStateError, match=r"bus 'shop' runs: add a channel before it"):
            bus.add_channel("three")


async def test_an_unknown_channel_to_consume_is_reported_with_everything_else():
    bus = make_bus()
    bus.add_channel("three", concurrency=0)
    with pytest.raises(BusConfigurationError) as caught:
        async with bus.running(consume=["one", "tow"]):
            pass

    texts = [problem.text for problem in caught.value.problems]
    assert len(texts) == 2
    assert "no channel 'tow'; did you mean 'two'?" in texts[1]


@pytest.mark.parametrize(
    ("consume", "said"),
    [
        ("one", "consume='one' is one text: give 'all', 'none' or a list, ['one']"),
        ("tow", "no channel 'tow'; did you mean 'two'?"),
    ],
)
async def test_a_text_in_place_of_a_list_of_channels_is_not_read_letter_by_letter(consume, said):
    with pytest.raises(BusConfigurationError) as caught:
        async with make_bus().running(consume=consume):
            pass

    [problem] = caught.value.problems
    assert said in problem.text


async def test_a_bus_in_a_thread_is_refused_where_a_loop_runs_and_told_what_to_write():
    bus = make_bus()
    with (
        pytest.raises(BusStateError, match=r"enter `async with bus.running\(\):` and await"),
        bus.running_in_thread(),
    ):
        pass

    async with bus.running():
        assert await bus.commands.send(PlaceOrder(1)) == 1


async def test_looking_opens_the_store_and_makes_no_service():
    bus = make_bus()

    def make_service():
        raise ConnectionError("down")

    bus.provide(dict[str, str], make_service)
    async with bus.looking():
        assert await bus.dead_letters.count() == 0
        assert len(await bus.processes()) == 1
        with pytest.raises(BusStateError):
            await bus.commands.send(PlaceOrder(1))


@pytest.mark.parametrize("store", ["mysql://x", "sqlite:///x.db?speed=7", "sqlite://"])
async def test_a_store_that_cannot_be_meant_is_a_problem_of_the_configuration(store):
    with pytest.raises(BusConfigurationError, match=r"ActorBus\(store=...\): store "):
        async with make_bus(store).running():
            pass


async def test_settings_of_the_bus_are_checked_with_everything_else():
    wrong: Any = {"runs_on": "moon", "lease": 0, "shutdown_timeout": "x", "max_message_bytes": -1}
    bus = ActorBus("a/b", **wrong)
    with pytest.raises(BusConfigurationError) as caught:
        async with bus.running():
            pass

    assert len(caught.value.problems) == 5


async def test_a_bus_that_failed_to_start_can_be_entered_again(tmp_path):
    bus = make_bus(f"sqlite:///{tmp_path}/missing/shop.db")
    with pytest.raises(Exception, match="missing"):
        async with bus.running():
            pass
    (tmp_path / "missing").mkdir()
    async with bus.running():
        assert await bus.commands.send(PlaceOrder(1)) == 1


def test_a_failed_start_is_raised_as_it_is_under_asyncio_and_in_threads(tmp_path):
    bus = make_bus(f"sqlite:///{tmp_path}/missing/shop.db")

    async def enter():
        async with bus.running():
            pass

    for start in (lambda: asyncio.run(enter()), lambda: bus.running_in_thread().__enter__()):
        with pytest.raises(Exception, match="missing") as caught:
            start()
        assert not isinstance(caught.value, BaseExceptionGroup)


async def test_the_bodys_exception_arrives_as_it_was_raised():
    with pytest.raises(ZeroDivisionError):
        async with make_bus().running():
            raise ZeroDivisionError


def test_the_bodys_exception_arrives_as_it_was_raised_elsewhere():
    async def main():
        async with make_bus().running():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    with pytest.raises(ZeroDivisionError), make_bus().running_in_thread():
        raise ZeroDivisionError


async def test_cancelling_the_scope_around_a_bus_stops_it():
    bus = make_bus()
    with trio.CancelScope() as scope:
        async with bus.running():
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    with pytest.raises(BusStateError):
        await bus.commands.send(PlaceOrder(1))


def test_cancelling_the_task_around_a_bus_stops_it_under_asyncio():
    bus = make_bus()

    async def main():
        async def body():
            async with bus.running():
                inside.set()
                await asyncio.Event().wait()

        inside = asyncio.Event()
        task = asyncio.create_task(body())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with bus.running():
            return await bus.commands.send(PlaceOrder(3))

    assert asyncio.run(main()) == 3


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_is_told_that_the_bus_is_not_its_own():
    bus = make_bus()
    with bus.running_in_thread():
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                bus.commands.send(PlaceOrder(1))
            except BusStateError as error:
                os.write(write, str(error).encode())
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as answer:
            assert "is a fork; enter a bus of its own after the fork" in answer.read()

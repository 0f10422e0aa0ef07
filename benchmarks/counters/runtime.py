"""Actors: what a message costs, and what an actor and a message that wait hold in memory."""

from typing import Any

import trio
import trio.testing

from actors import Actor, ActorRef, ActorSystem, Mailbox
from benchmarks.counters._counting import FEW, MANY, Work, blocks, run


class Echo(Actor, mailbox=Mailbox(10_000)):
    async def on_receive(self, message: Any) -> Any:
        return message


async def tell(count: int) -> None:
    async with ActorSystem("counters") as system:
        ref = system.spawn(Echo)
        for number in range(count):
            ref.tell(number)
        await ref.request("end")


async def ask(count: int) -> None:
    async with ActorSystem("counters") as system:
        ref = system.spawn(Echo)
        for number in range(count):
            await ref.request(number)


async def spawn(count: int) -> None:
    async with ActorSystem("counters") as system:
        refs: list[ActorRef[Any]] = [system.spawn(Echo) for _ in range(count)]
        await refs[-1].request("ping")


COUNTERS = ("wake_ups", "calls", "blocks_kept")
WORK: dict[str, Work] = {"tell": tell, "ask": ask, "spawn and stop": spawn}


def held() -> dict[str, dict[str, float]]:
    """Return the blocks that an idle actor holds, and a message in a mailbox."""
    return {
        "idle actor": {"blocks_held": _held(_idle)},
        "waiting message": {"blocks_held": _held(_waiting)},
    }


def _held(hold: Any) -> float:
    found: dict[int, int] = {}

    async def work(count: int) -> None:
        found[count] = await hold(count)

    for count in (FEW, FEW, MANY):
        run(work, count)
    return (found[MANY] - found[FEW]) / (MANY - FEW)


async def _idle(count: int) -> int:
    async with ActorSystem("counters") as system:
        await trio.testing.wait_all_tasks_blocked()
        before = blocks()
        refs = [system.spawn(Echo) for _ in range(count)]
        await refs[-1].request("ping")
        await trio.testing.wait_all_tasks_blocked()
        return blocks() - before


class Gate(Actor, mailbox=Mailbox(10_000)):
    """Handles its first message until it may go on, so that the others wait."""

    def __init__(self, may_go: trio.Event) -> None:
        super().__init__()
        self.may_go = may_go

    async def on_receive(self, message: Any) -> None:
        await self.may_go.wait()


async def _waiting(count: int) -> int:
    may_go = trio.Event()
    async with ActorSystem("counters") as system:
        ref = system.spawn(Gate, may_go)
        ref.tell("first")
        await trio.testing.wait_all_tasks_blocked()
        before = blocks()
        for _ in range(count):
            ref.tell(object())
        grown = blocks() - before
        may_go.set()
        return grown

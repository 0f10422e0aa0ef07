"""A hundred times as much as can be handled: `overload_probe store|actor PATH SECONDS`.

`store`: a channel on SQLite, whose backlog is in the file. `actor`: an actor whose mailbox holds
1,000, and drops what finds no room. Prints the resident memory before, and the highest meanwhile.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from actorbus import ActorBus
from actors import Actor, ActorSystem, Mailbox
from benchmarks._open_loop import Schedule, arrive
from benchmarks._process import report
from benchmarks.durable._entries import body
from benchmarks.durable.probes._work import Work
from benchmarks.faults._memory import BATCHES, HANDLER, Peak, batch

MAILBOX = 1_000


class Slow(Actor, mailbox=Mailbox(MAILBOX, overflow="drop_newest")):
    handled = 0

    async def on_receive(self, message: Work) -> None:
        await trio.sleep(HANDLER)
        Slow.handled += 1


async def store(path: Path, seconds: float) -> None:
    bus = ActorBus("overload", store=f"sqlite:///{path}")
    bus.add_channel("work", concurrency=1)

    async def work(message: Work) -> None:
        await trio.sleep(HANDLER)

    bus.command_handler(channel="work", runs_on="trio")(work)
    async with bus.running():
        peak = Peak()

        async def send(number: int) -> None:
            await bus.commands.send_many(Work(body(one)) for one in batch(number))
            peak.look()

        await _flood(send, seconds)
        _tell(peak, seconds, bus.counters.handled)


async def actor(path: Path, seconds: float) -> None:
    async with ActorSystem("overload") as system:
        ref = system.spawn(Slow)
        await ref.started()
        peak = Peak()

        async def send(number: int) -> None:
            for one in batch(number):
                ref.tell(Work(body(one)))
            peak.look()

        await _flood(send, seconds)
        _tell(peak, seconds, Slow.handled)


async def _flood(send: Callable[[int], Awaitable[object]], seconds: float) -> None:
    await arrive(Schedule(trio.current_time(), BATCHES), int(seconds * BATCHES), send)


def _tell(peak: Peak, seconds: float, handled: int) -> None:
    peak.look()
    sent = int(seconds * BATCHES) * len([*batch(0)])
    report(before=peak.before, highest=peak.highest, sent=sent, handled=handled)


if __name__ == "__main__":
    kind, path, seconds = sys.argv[1:]
    trio.run({"store": store, "actor": actor}[kind], Path(path), float(seconds))

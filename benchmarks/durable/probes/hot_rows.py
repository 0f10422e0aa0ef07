"""A worker whose handlers update the same sixteen rows: `hot_rows URL`."""

import sys
from dataclasses import dataclass

import trio

from actorbus import ActorBus, Transaction
from benchmarks.durable._workers import READY

CHANNEL = "hot"
ROWS = 16
CREATE = "CREATE TABLE hot_rows (id INTEGER PRIMARY KEY, touched INTEGER NOT NULL)"
UPSERT = (
    "INSERT INTO hot_rows (id, touched) VALUES ($1, 1)"
    " ON CONFLICT (id) DO UPDATE SET touched = hot_rows.touched + 1"
)


@dataclass(frozen=True, slots=True)
class Touch:
    row: int


def make_bus(url: str, begin: trio.Event) -> ActorBus:
    bus = ActorBus("hot rows", store=url)
    bus.add_channel(CHANNEL)

    async def touch(message: Touch, tx: Transaction) -> None:
        await begin.wait()
        await tx.execute(UPSERT, message.row)

    bus.command_handler(channel=CHANNEL, endpoint_id="touch")(touch)
    return bus


async def main(url: str) -> None:
    begin = trio.Event()
    async with make_bus(url, begin).running():
        print(READY, flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        begin.set()
        await trio.to_thread.run_sync(sys.stdin.read)


async def fill(url: str, messages: int) -> None:
    async with make_bus(url, trio.Event()).running(consume="none") as bus:
        await bus.commands.send_many(Touch(number % ROWS) for number in range(messages))
    print("{}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        trio.run(fill, sys.argv[1], int(sys.argv[2]))
    else:
        trio.run(main, sys.argv[1])

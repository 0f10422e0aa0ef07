"""A worker whose handlers update the same sixteen rows: `hot_rows URL GROUP`.

`hot_rows --fill URL MESSAGES` sends the messages.
"""

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


def make_bus(url: str, begin: trio.Event, group: int = 1) -> ActorBus:
    bus = ActorBus("hot rows", store=url)
    bus.add_channel(CHANNEL, group_commit=group)

    async def touch(message: Touch, tx: Transaction) -> None:
        await begin.wait()
        await tx.execute(UPSERT, message.row)

    bus.command_handler(channel=CHANNEL, endpoint_id="touch")(touch)
    return bus


async def main(url: str, group: int) -> None:
    begin = trio.Event()
    async with make_bus(url, begin, group).running():
        print(READY, flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        begin.set()
        await trio.to_thread.run_sync(sys.stdin.read)


async def fill(url: str, messages: str) -> None:
    async with make_bus(url, trio.Event()).running(consume="none") as bus:
        await bus.commands.send_many(Touch(number % ROWS) for number in range(int(messages)))
    print("{}")


if __name__ == "__main__":
    if sys.argv[1] == "--fill":
        trio.run(fill, sys.argv[2], sys.argv[3])
    else:
        trio.run(main, sys.argv[1], int(sys.argv[2]))

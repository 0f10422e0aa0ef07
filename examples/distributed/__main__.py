"""``python -m examples.distributed``: both services, a day's departures, and the truth.

With ``--kill`` the receiving service is ended by kill -9 in the middle, and started again. Ends
with 0 when both services have exactly what they must have, and with 1 when they do not.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import trio

from actorbus import ActorBus, DistributedBus
from examples.distributed import services, truth
from examples.distributed.rows import RecordDeparture
from examples.flights.data import MONTH, read_departures

LONGEST = 120.0
"""Seconds that all of it may take."""


def main() -> int:
    """Run the command line and return its exit code."""
    asked = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="distributed-") as folder:
        store = asked.store or f"sqlite:///{Path(folder) / 'distributed.db'}"
        rows = departures(asked.rows)
        with services.running(store, "departures", "notifications") as running:
            return trio.run(work_through, store, rows, running, asked.kill)


def departures(count: int) -> list[RecordDeparture]:
    """Return the first departures of the month."""
    first = islice(read_departures(MONTH), count)
    return [RecordDeparture(row.id, row.origin, row.delay) for row in first]


async def work_through(
    store: str,
    rows: Sequence[RecordDeparture],
    running: Mapping[str, services.Service],
    kill: bool,  # noqa: FBT001  # given by position, to trio.run
) -> int:
    """Send everything, wait until it is handled, and compare; return the exit code."""
    async with sender(store).running(consume="none") as bus:
        with trio.fail_after(LONGEST):
            await bus.commands.send_many(rows)
            print(f"sent {len(rows)} departures to the service 'departures'")
            await send_what_nobody_takes(bus.distributed)
            if kill:
                await backlog_below(bus, len(rows), running)
                running["notifications"].kill()
                print("killed the service 'notifications' in the middle of its work")
                running["notifications"].start_again()
            await backlog_below(bus, 1, running)
        return await shown(bus, rows)


def sender(store: str) -> ActorBus:
    """Return the bus of the service "departures", for this process, which only sends."""
    os.environ["DISTRIBUTED_STORE"] = store
    from examples.distributed.departures import bus  # noqa: PLC0415  # it reads the variable

    return bus


async def send_what_nobody_takes(distributed: DistributedBus) -> None:
    """Publish an event without subscribers, and send a command under a misspelt key."""
    await distributed.publish_event("departures.day_is_over", {"date": "2013-01-01"})
    await distributed.send_command("notifications", "notifications.apologize", {"flight": "UA1"})


async def backlog_below(bus: ActorBus, most: int, running: Mapping[str, services.Service]) -> None:
    """Wait until fewer messages than this are on their way."""
    while True:
        for service in running.values():
            service.check()
        queues = await bus.store.statistics()
        if sum(one.ready + one.waiting + one.claimed for one in queues) < most:
            return
        await trio.sleep(0.05)  # other processes work; their counts are looked at now and then


async def shown(bus: ActorBus, rows: Sequence[RecordDeparture]) -> int:
    """Print the account beside the truth; return 0 if they are the same."""
    wanted, there = truth.expected(rows), await truth.found(bus)
    for what, count in there.items():
        print(f"{what + ':':30}{count:6} of {wanted[what]}")
    print(f"events without a subscriber:  {bus.distributed_counts.unsubscribed:6} of 1")
    letters = await bus.dead_letters.list()
    for letter in letters:
        print(f"dead letter at {letter.endpoint!r}: {letter.exception_message}")
    exact = there == wanted and len(letters) == 1
    print("exactly the truth" if exact else "not the truth")
    return 0 if exact else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.distributed",
        description="Two services that send to each other through one store file.",
    )
    parser.add_argument("--kill", action="store_true", help="kill -9 the receiver in the middle")
    parser.add_argument("--rows", type=int, default=1000, help="how many departures (1000)")
    parser.add_argument("--store", help="keep the store, for instance sqlite:///distributed.db")
    return parser


if __name__ == "__main__":
    sys.exit(main())

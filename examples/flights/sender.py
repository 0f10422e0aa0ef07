"""Sends a command for every row of a month; run again, it sends nothing twice.

``python -m examples.flights.sender --data FILE --store URL`` sends, and leaves the
work to other processes.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import trio

from actorbus import ActorBus, Letter
from examples.flights.app import Topics, make_bus, topics_at
from examples.flights.data import MONTH, DataError, Departure, read_departures
from examples.flights.messages import RecordDeparture, SetTheScene
from examples.flights.truth import count


async def send_month(
    bus: ActorBus, path: Path, sent: Callable[[int], object] = lambda _: None
) -> None:
    """Send the rows in their order; `sent` is told how many of the file have been taken.

    A row's id is its message's id: the gateway stores a command that it has already only once.
    """
    await bus.commands.send_many(_letters(path, sent))


def _letters(path: Path, sent: Callable[[int], object]) -> Iterator[Letter]:
    for number, row in enumerate(read_departures(path), start=1):
        yield letter(row)
        sent(number)


def letter(row: Departure) -> Letter:
    """Return a row's command; its header travels on to the events of its handler."""
    return Letter(command(row), message_id=row.id, headers={"carrier": row.carrier})


def command(row: Departure) -> RecordDeparture:
    return RecordDeparture(
        id=row.id,
        day=row.day,
        carrier=row.carrier,
        flight=row.flight,
        origin=row.origin,
        destination=row.destination,
        scheduled=row.scheduled,
        departed=row.departed,
        delay=row.delay,
    )


async def main(data: Path, store: str, topics: Topics | None) -> None:
    bus = make_bus(store, topics=topics)
    async with bus.running(consume="none"):
        await bus.commands.send(SetTheScene(refused=count(data).troubled_carrier()))
        await send_month(bus, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Send a month of departures.")
    parser.add_argument("--data", type=Path, default=MONTH)
    parser.add_argument("--store", required=True)
    parser.add_argument("--broker")
    parser.add_argument("--topics")
    arguments = parser.parse_args()
    try:
        topics = topics_at(arguments.broker, arguments.topics)
        trio.run(main, arguments.data, arguments.store, topics)
    except DataError as error:
        sys.exit(f"error: {error}")

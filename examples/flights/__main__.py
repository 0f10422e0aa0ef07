"""``python -m examples.flights``: the month, from the file to the final account.

Ends with 0 when the account is the truth, 1 when it is not, 2 for a bad file or option.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

import trio
from rich.console import Console

from actorbus import ActorBus, ConfigurationError, DeadLetterFilter, StoreError
from examples.flights import recovery, truth
from examples.flights.account import PERMANENT, Account, account_table
from examples.flights.app import Topics, gateway_away, make_bus, topics_at
from examples.flights.data import MONTH, DataError, read_departures
from examples.flights.live import Scene, keep_looking, live_view
from examples.flights.messages import GetAccount, SetTheScene
from examples.flights.sender import send_month
from examples.flights.topics import NoTopics, make_topics
from examples.flights.watch import Watch
from examples.flights.workers import workers

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    data: Path
    store: str
    as_json: bool
    workers: int
    topics: Topics | None = None
    gateway_outage: float = 0.0


def main() -> int:
    """Run the command line and return its exit code."""
    for name in ("actorbus", "aiokafka"):  # thousands of failures are the plot
        logging.getLogger(name).setLevel(logging.CRITICAL)
    asked = _parser().parse_args()
    try:
        for _ in read_departures(asked.data):
            pass
        month = truth.count(asked.data)
    except DataError as error:
        return _complain(error)
    with tempfile.TemporaryDirectory(prefix="flights-") as folder:
        store = asked.store or f"sqlite:///{folder}/flights.db"
        topics = topics_at(asked.broker, asked.topics)
        options = Options(asked.data, store, asked.json, asked.workers, topics, asked.outage)
        try:
            if topics is not None:
                make_topics(topics)
            with workers(store, options.workers - 1, topics=topics, gateway_outage=asked.outage):
                account = trio.run(work_through, options, month, Watch())
        except (ConfigurationError, StoreError, NoTopics) as error:
            return _complain(error)
        except KeyboardInterrupt:
            return INTERRUPTED
    return _conclude(account, month, options)


def _complain(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.flights", description=__doc__)
    parser.add_argument("--data", type=Path, default=MONTH, help="a month's file, plain or gzip")
    parser.add_argument("--store", help="a store's URL; without it, a temporary SQLite file")
    parser.add_argument("--broker", help="Kafka's host:port; the channels are topics of it then")
    parser.add_argument("--topics", default="flights", help="what their names begin with")
    parser.add_argument("--json", action="store_true", help="no live view, one JSON object last")
    parser.add_argument("--workers", type=_at_least_one, default=1, help="processes that consume")
    parser.add_argument(
        "--gateway-outage",
        dest="outage",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long the gateway is away as a whole, from its first request on",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


async def work_through(options: Options, month: truth.Truth, watch: Watch) -> Account:
    """Send the month, wait, mend, replay, wait, and take the account."""
    began = time.monotonic()
    bus, scene = (
        make_bus(options.store, gateway_away(options.gateway_outage), options.topics),
        Scene(month.rows.total(), watch),
    )
    rows = month.rows.total()
    async with bus.running():
        with scene.watch.on(bus):
            async with _shown(bus, scene, options):
                await bus.commands.send(SetTheScene(refused=month.troubled_carrier()))
                scene.step = "sending and working"
                await send_month(bus, options.data, lambda sent: setattr(scene, "sent", sent))
                scene.step = "working"
                await recovery.all_recorded(bus, rows)
                scene.step = "repaired, replaying"
                replayed = await recovery.mend(bus)
                await recovery.all_recorded(bus, rows)
                scene.step = "done"
            return await take_account(bus, scene.watch, replayed, time.monotonic() - began)


@asynccontextmanager
async def _shown(bus: ActorBus, scene: Scene, options: Options) -> AsyncIterator[None]:
    if options.as_json:
        yield
        return
    with live_view(scene, Console()) as live:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_looking, bus, scene, live)
            yield
            scene.queues = await bus.store.statistics()
            nursery.cancel_scope.cancel()


async def take_account(bus: ActorBus, watch: Watch, replayed: int, seconds: float) -> Account:
    """Count what is there: in the tables, among the dead letters, and unfinished."""
    cancelled = DeadLetterFilter(channel="departures", reason=PERMANENT)
    return Account(
        carriers=await bus.queries.ask(GetAccount()),
        cancelled=await recovery.carriers(bus, cancelled),
        dead_letters=await recovery.reasons(bus),
        unfinished=await recovery.unfinished(bus),
        replayed=replayed,
        restarts=watch.restarts.total(),
        seconds=seconds,
    )


def _conclude(account: Account, month: truth.Truth, options: Options) -> int:
    differences = list(account.differences(month))
    if not options.as_json:
        console = Console()
        console.print("", account_table(account, month, console.width))
        _summary(account)
    for difference in differences:
        print(f"differs from the truth: {difference}", file=sys.stderr)
    if options.as_json:
        print(json.dumps(account.as_json()))
    return 1 if differences else 0


def _summary(account: Account) -> None:
    left = ", ".join(f"{count} {reason}" for reason, count in account.dead_letters.items())
    print(
        f"{account.replayed} dead letters replayed, {account.restarts} restarts,"
        f" left: {left or 'none'}; {account.seconds:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())

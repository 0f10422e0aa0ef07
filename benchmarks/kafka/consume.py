"""How fast a topic that is full empties when its handler does nothing."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from actorbus.channels.kafka._records import Produced
from benchmarks._environments import python
from benchmarks._measure import Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._entries import body
from benchmarks.durable._servers import Servers, servers, settings
from benchmarks.durable.probes._work import ENDPOINT, Work
from benchmarks.durable.raw._records import produce, record
from tests.services import Kafka

NAME = "kafka-consume"
POSTGRESQL, SQLITE = "actorbus, PostgreSQL as its store", "actorbus, SQLite as its store"
RAW = "aiokafka alone, a commit for 500"
BATCHES, SINGLE = "FastStream, a batch of up to 500", "FastStream, one by one"
ENVIRONMENT = "faststream"
HERE = "benchmarks.kafka"

NOTES = (
    "A topic of four partitions is filled before the clock starts; one process consumes it.",
    (
        "All deliver at least once: offsets are committed after the handlers. The bus"
        " also notes in its store what was handled, so that a copy that comes again is"
        " skipped; the others do not."
    ),
    (
        "Rates are from the first handler's start to the last one's; `settled after` is"
        " until the offsets are committed: the bus does that every second (commit_every),"
        " the others at once."
    ),
    "Bodies have 200 characters; the bus's are a dataclass in msgpack, the others' text.",
)

_numbers = count(1)

Record = Callable[[int], Produced]


def ours(number: int) -> Produced:
    """A message of the bus's."""
    return record(number, ENDPOINT, Work(body(number)))


def plain(number: int) -> Produced:
    return Produced(None, body(number).encode(), [])


@dataclass(frozen=True, slots=True)
class Contender:
    """`consume` empties a topic as a group that is new; those of one topic have one `record`."""

    name: str
    record: Record
    messages: int
    consume: Callable[[Servers, str, str, int], dict[str, Any]]


def run(options: Settings) -> Result:
    contenders = [*_contenders(options)]
    found: dict[str, list[dict[str, Any]]] = {one.name: [] for one in contenders}
    with servers() as running, _filled(running.kafka, contenders) as topics:
        for number in range(options.repeat):
            for one in contenders:
                topic, group = topics[one.record, one.messages], f"{NAME}-{next(_numbers)}"
                found[one.name].append(one.consume(running, topic, group, one.messages))
                rate = found[one.name][-1]["rate"]
                progress = f"{NAME} {number + 1}/{options.repeat}: {one.name}"
                options.progress(f"{progress}: {rate:,.0f}/s")
        notes = (settings(running.postgres), *NOTES)
    return Result(NAME, [*_series(found)], [], notes)


def _contenders(options: Settings) -> Iterator[Contender]:
    many, few = options.size(20_000, 1_000), options.size(1_000, 200)
    yield Contender(POSTGRESQL, ours, many, _on_postgresql)
    if not options.quick:
        yield Contender(SQLITE, ours, many, _on_sqlite)
    yield Contender(RAW, plain, many, _raw)
    if options.peers:
        yield Contender(BATCHES, plain, many, partial(_faststream, "batches"))
        yield Contender(SINGLE, plain, few, partial(_faststream, "single"))


def _on_postgresql(running: Servers, topic: str, group: str, messages: int) -> dict[str, Any]:
    with running.postgres.fresh_database() as url:
        return measure(f"{HERE}.probe", url, running.kafka.servers, topic, group, messages)


def _on_sqlite(running: Servers, topic: str, group: str, messages: int) -> dict[str, Any]:
    with scratch() as folder:
        store = f"sqlite:///{folder / 'bus.db'}"
        return measure(f"{HERE}.probe", store, running.kafka.servers, topic, group, messages)


def _raw(running: Servers, topic: str, group: str, messages: int) -> dict[str, Any]:
    return measure(f"{HERE}.raw", running.kafka.servers, topic, group, messages)


def _faststream(
    how: str, running: Servers, topic: str, group: str, messages: int
) -> dict[str, Any]:
    arguments = (running.kafka.servers, topic, group, messages, how)
    return measure(f"{HERE}.faststream_peer", *arguments, python=python(ENVIRONMENT))


@contextmanager
def _filled(
    kafka: Kafka, contenders: Sequence[Contender]
) -> Iterator[Mapping[tuple[Record, int], str]]:
    """Give a topic for each kind of record and number of them."""
    topics: dict[tuple[Record, int], str] = {}
    try:
        for one in contenders:
            if (one.record, one.messages) not in topics:
                topic = f"consume-{os.getpid()}-{next(_numbers)}"
                kafka.create_topic(topic)
                topics[one.record, one.messages] = topic
                records = [one.record(number) for number in range(one.messages)]
                asyncio.run(produce(kafka.servers, topic, records))
        yield topics
    finally:
        for topic in topics.values():
            kafka.delete_topic(topic)


def _series(found: Mapping[str, list[dict[str, Any]]]) -> Iterator[Series]:
    rates = {
        name: Series(name, "messages/s", tuple(one["rate"] for one in rounds))
        for name, rounds in found.items()
    }
    yield from rates.values()
    for name, rounds in found.items():
        values = tuple(one["settled_after_ms"] for one in rounds)
        yield Series(f"{name}: settled after", "ms", values)
    for name, series in rates.items():
        if name != POSTGRESQL:
            yield ratios(rates[POSTGRESQL], series)


CONSUME = Workload(
    NAME,
    "a full topic, beside FastStream and aiokafka alone",
    run,
    Scenario(
        work="a handler that does nothing; four partitions, one process",
        guarantee="at least once",
        knobs={"commit_every": 1.0, "concurrency": 10, "body, characters": 200},
        peers=(Peer(BATCHES, ENVIRONMENT), Peer(SINGLE, ENVIRONMENT)),
        ceiling="aiokafka's batches of 500, each committed by hand",
        needs=("PostgreSQL", "Kafka"),
    ),
)

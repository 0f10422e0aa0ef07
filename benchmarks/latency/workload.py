"""Latency at fixed rates of arrival, on each store and through Kafka."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._quantiles import SHOWN
from benchmarks._scenario import Scenario, Service
from benchmarks._settings import Settings, Workload
from benchmarks.durable._servers import servers, settings

RATES = (200, 1_000)
"""Messages per second."""
BEHIND = 0.5
"""Seconds that the last message may have waited: a rate that is more than is handled adds up."""
PROBE = "benchmarks.latency.probe"
RAW_KAFKA = "benchmarks.latency.raw_kafka"

NOTES = (
    (
        "An open loop: each message has a time at which it is meant to be sent, and its"
        " latency is from that time to its handler's start, so that a slow moment counts"
        " for all that it delays (Gil Tene, How NOT to Measure Latency)."
    ),
    "Quantiles are of all messages, sorted: the nearest rank.",
    "Sender and ten handlers are one process; each message is sent in a transaction of its own.",
)

Place = tuple[object, ...]
"""What the probe is told beside rate and messages: store, and servers and topic."""

Places = Callable[[], AbstractContextManager[Place]]
"""Gives a new one for each measurement."""

Where = Callable[[list[str]], AbstractContextManager[Places]]
"""Has the servers, and says about them what the notes should."""


@dataclass(frozen=True, slots=True)
class Case:
    """A rate, and who is sent messages at it: the bus, or the program that is the ceiling."""

    rate: int
    ceiling: str = ""

    @property
    def name(self) -> str:
        return f"{'the driver alone, ' * bool(self.ceiling)}{self.rate:,}/s"

    def measure(self, seconds: int, store: object, broker: Sequence[object]) -> Mapping[str, float]:
        messages = self.rate * seconds
        if self.ceiling:
            return measure(self.ceiling, self.rate, messages, *broker)
        return measure(PROBE, store, self.rate, messages, *broker)


Figures = Mapping[Case, Sequence[Mapping[str, float]]]
"""What was measured in each round."""


@contextmanager
def _on_sqlite(notes: list[str]) -> Iterator[Places]:
    @contextmanager
    def place() -> Iterator[Place]:
        with scratch() as folder:
            yield (f"sqlite:///{folder / 'bus.db'}",)

    notes.append("SQLite: WAL, synchronous=FULL.")
    yield place


@contextmanager
def _on_postgresql(notes: list[str]) -> Iterator[Places]:
    with servers() as found:

        @contextmanager
        def place() -> Iterator[Place]:
            with found.postgres.fresh_database() as url:
                yield (url,)

        notes.append(settings(found.postgres))
        yield place


@contextmanager
def _on_kafka(notes: list[str]) -> Iterator[Places]:
    topics = (f"latency-{os.getpid()}-{number}" for number in count())
    with servers() as found:

        @contextmanager
        def place() -> Iterator[Place]:
            topic = next(topics)
            found.kafka.create_topic(topic)
            with found.postgres.fresh_database() as url:
                yield (url, found.kafka.servers, topic)
            found.kafka.delete_topic(topic)

        notes.append(settings(found.postgres))
        notes.append("A message is stored in PostgreSQL, relayed to a topic, and consumed from it.")
        yield place


def run(name: str, where: Where, ceiling: str, options: Settings) -> Result:
    notes = [*NOTES]
    seconds = options.size(5, 1)
    figures: dict[Case, list[Mapping[str, float]]] = {
        case: [] for rate in _rates(options) for case in _cases(rate, ceiling)
    }
    with where(notes) as place:
        for number in range(options.repeat):
            for case, rounds in figures.items():
                with place() as (store, *broker):
                    rounds.append(case.measure(seconds, store, broker))
                progress = f"{name} {number + 1}/{options.repeat}: {case.name}"
                options.progress(f"{progress}: p99 {rounds[-1]['p99']:.1f} ms")
    return Result(name, [*_series(figures)], [*_goals(figures)], notes)


def _rates(options: Settings) -> Sequence[int]:
    return RATES[:1] if options.quick else RATES


def _cases(rate: int, ceiling: str) -> Iterator[Case]:
    yield Case(rate)
    if ceiling:
        yield Case(rate, ceiling)


def _series(figures: Figures) -> Iterator[Series]:
    for case, rounds in figures.items():
        for shown in (*SHOWN, "max"):
            values = tuple(one[shown] for one in rounds)
            yield Series(f"{case.name}: {shown}", "ms", values)


def _goals(figures: Figures) -> Iterator[Goal]:
    """A rate that is not kept up has no latency: what waits grows as long as it goes on."""
    for case, rounds in figures.items():
        if not case.ceiling:
            behind = max(one["behind"] for one in rounds)
            yield Goal(f"{case.name}: the last one's wait", behind, "at most", BEHIND, "s")


def _workload(name: str, words: str, where: Where, *needs: Service, raw: str = "") -> Workload:
    summary = f"quantiles of latency at fixed rates of arrival, {words}"
    scenario = Scenario(
        work="a handler that does nothing, in an open loop",
        guarantee="at least once",
        knobs={"rates": "200 and 1,000/s", "concurrency": 10},
        ceiling="the same messages by aiokafka alone, without outbox and store" if raw else "",
        needs=needs,
    )
    return Workload(name, summary, partial(run, name, where, raw), scenario)


LATENCY = (
    _workload("latency-sqlite", "on SQLite", _on_sqlite),
    _workload("latency-postgres", "on PostgreSQL", _on_postgresql, "PostgreSQL"),
    _workload("latency-kafka", "through Kafka", _on_kafka, "PostgreSQL", "Kafka", raw=RAW_KAFKA),
)

"""PostgreSQL and Kafka killed and started again: how long until a worker goes on."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count

from actorbus.channels.kafka._records import Produced
from benchmarks._environments import python
from benchmarks._measure import Goal, Result, Series
from benchmarks._process import MeasurementFailed
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._servers import Servers, servers, settings
from benchmarks.durable._workers import Worker, workers
from benchmarks.durable.probes import worker
from benchmarks.durable.raw._records import produce, record
from benchmarks.faults._contenders import SCENARIO_PEERS, US, Command, Contender, contenders
from benchmarks.kafka.consume import ENVIRONMENT

NAME = "faults-restarts"
BEGUN = 50
LIMIT = 20.0
"""Seconds after which one is said not to go on."""
LOOK = 0.01
GOAL = 5.0
FASTSTREAM = "FastStream"
KAFKA_WORKER = "benchmarks.faults.peers.kafka_worker"

NOTES = (
    f"A worker has begun {BEGUN} messages when SIGKILL ends the server, which is started again.",
    (
        "PostgreSQL: from its first answer until one more of the backlog is settled."
        " Kafka: from its first answer until a message that is then produced is begun by a"
        " worker that was waiting."
    ),
    "pgqueuer goes on by starting anew, which it is told to do after half a second.",
    f"At most {LIMIT:g} s are waited; one that does not go on by itself has no time, and a note.",
    "Not here: aiokafka alone, which is what both of those on Kafka are made of.",
)

_numbers = count(1)

Rounds = Mapping[str, list[float | None]]
"""By server and worker, seconds; None: it did not go on."""


def run(options: Settings) -> Result:
    messages = options.size(400, 300)
    with servers() as running:
        measured = dict(_measured(running, options, messages))
        rounds: dict[str, list[float | None]] = {name: [] for name in measured}
        for number in range(options.repeat):
            for name, measure_it in measured.items():
                rounds[name].append(measure_it())
                options.progress(
                    f"{NAME} {number + 1}/{options.repeat}: {name}: {rounds[name][-1]}"
                )
        notes = [settings(running.services.own_postgres), *NOTES, *_gave_up(rounds)]
    return Result(NAME, [*_series(rounds)], [*_goals(rounds)], notes)


def _measured(
    running: Servers, options: Settings, messages: int
) -> Iterator[tuple[str, Callable[[], float | None]]]:
    for contender in contenders(options):
        yield f"PostgreSQL: {contender.name}", _OfPostgres(running, contender, messages)
    yield f"Kafka: {US}", _OfKafka(running)
    if options.peers:
        yield f"Kafka: {FASTSTREAM}", _TheirsOfKafka(running)


class _OfPostgres:
    def __init__(self, running: Servers, contender: Contender, messages: int) -> None:
        self._server = running.services.own_postgres
        self._contender = contender
        self._messages = messages

    def __call__(self) -> float | None:
        with self._server.fresh_database() as url:
            self._contender.fill(url, self._messages)
            python, program = self._contender.command(url)
            with workers(1, *program, python=python) as [one]:
                _until_begun(one, BEGUN)
                self._server.restart()
                return self._until_fewer(url)

    def _until_fewer(self, url: str) -> float | None:
        answered, left = time.monotonic(), self._left(url)
        while self._left(url) >= left:
            if time.monotonic() - answered > LIMIT:
                return None
            time.sleep(LOOK)
        return time.monotonic() - answered

    def _left(self, url: str) -> int:
        return int(self._server.fetch(self._contender.left, url=url)[0][0])


class _OfKafka:
    """All that there was has been begun when the server is killed: nothing is fetched already."""

    def __init__(self, running: Servers) -> None:
        self._running = running

    def __call__(self) -> float | None:
        kafka = self._running.services.own_kafka
        topic = f"restarts-{next(_numbers)}"
        kafka.create_topic(topic)
        with self._running.postgres.fresh_database() as url:
            python, program = self._command(url, kafka.servers, topic)
            self._produce(kafka.servers, topic, range(BEGUN))
            with workers(1, *program, python=python) as [one]:
                _until_begun(one, BEGUN)
                kafka.restart()
                answered = time.monotonic()
                self._produce(kafka.servers, topic, [BEGUN])
                return _until_said(one, BEGUN, answered)

    def _produce(self, servers: str, topic: str, numbers: Iterable[int]) -> None:
        asyncio.run(produce(servers, topic, [self._record(number) for number in numbers]))

    def _command(self, url: str, servers: str, topic: str) -> Command:
        return None, (worker.__name__, url, servers, topic)

    def _record(self, number: int) -> Produced:
        return record(number, worker.ENDPOINT, worker.Job(number))


class _TheirsOfKafka(_OfKafka):
    def _command(self, url: str, servers: str, topic: str) -> Command:
        return python(ENVIRONMENT), (KAFKA_WORKER, servers, topic, f"{topic}-group")

    def _record(self, number: int) -> Produced:
        return Produced(None, str(number).encode(), [])


def _until_begun(one: Worker, count: int) -> None:
    for _ in range(count):
        if one.next_line() is None:
            raise MeasurementFailed("a worker ended before the server did")


def _until_said(one: Worker, number: int, answered: float) -> float | None:
    """Return how long after that it began this message; None when it does not."""
    try:
        while (line := one.next_line(LIMIT)) is not None:
            if line.text == str(number):
                return line.at - answered
    except MeasurementFailed:
        pass  # it said nothing in that time
    return None


def _series(rounds: Rounds) -> Iterator[Series]:
    for name, found in rounds.items():
        values = tuple(one for one in found if one is not None)
        if values:
            yield Series(name, "s", values)


def _goals(rounds: Rounds) -> Iterator[Goal]:
    for name, found in rounds.items():
        if name.endswith(US):
            longest = max(LIMIT if one is None else one for one in found)
            yield Goal(f"{name}: goes on", longest, "at most", GOAL, "s")


def _gave_up(rounds: Rounds) -> Iterator[str]:
    for name, found in rounds.items():
        if None in found:
            times = f"{found.count(None)} of {len(found)} times"
            yield f"{name} did not go on within {LIMIT:g} s by itself, {times}."


RESTARTS = Workload(
    NAME,
    "PostgreSQL and Kafka killed and started again under a worker",
    run,
    Scenario(
        work="handlers of 20 ms, ten at once, in one process; its server is killed and started",
        guarantee="at least once",
        knobs={"lease": worker.LEASE, "session_timeout": worker.SESSION_TIMEOUT},
        peers=(*SCENARIO_PEERS, Peer(FASTSTREAM, ENVIRONMENT)),
        needs=("PostgreSQL", "Kafka"),
    ),
)

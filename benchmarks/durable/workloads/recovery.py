"""How long messages lie in the hands of a process that SIGKILL has ended, and what runs twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import MeasurementFailed
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._places import InStore, OnKafka, Place
from benchmarks.durable._servers import Servers, servers, settings
from benchmarks.durable._workers import Line, Worker, workers
from benchmarks.durable.probes.worker import LEASE, SECONDS, SESSION_TIMEOUT

NAME = "durable-recovery"
PROBE = "benchmarks.durable.probes.worker"
POSTGRESQL, KAFKA = "PostgreSQL", "Kafka"
LIMITS = {POSTGRESQL: LEASE, KAFKA: SESSION_TIMEOUT}
GRACE = 0.5
BEGUN = 50
"""Handlers that the victim has begun when it is killed."""

NOTES = (
    "Two processes work on one backlog, ten handlers at once in each; SIGKILL ends one of them.",
    "first: from the kill until the other begins one of the messages that the dead one had.",
    "last: until it has begun the last of those that the dead one had begun and not settled.",
    f"twice: how many those are. Handlers have no transaction, and take {SECONDS * 1000:g} ms.",
    f"The lease is {LEASE:g} s, Kafka's session time-out {SESSION_TIMEOUT:g} s.",
)


@dataclass(slots=True)
class Deaths:
    """A value for each round."""

    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    twice: list[float] = field(default_factory=list)


def run(options: Settings) -> Result:
    messages = options.size(1_500, 1_500)
    found = {POSTGRESQL: Deaths(), KAFKA: Deaths()}
    with servers() as running:
        for number in range(options.repeat):
            for name, deaths in found.items():
                with _filled(running, name, messages) as place:
                    _die(deaths, messages, place)
                options.progress(
                    f"{NAME} {number + 1}/{options.repeat}: {name}: {deaths.first[-1]:.2f} s,"
                    f" {deaths.twice[-1]:g} twice"
                )
        notes = (settings(running.postgres), *NOTES)
    return Result(NAME, [*_series(found)], [*_goals(found)], notes)


@contextmanager
def _filled(running: Servers, name: str, messages: int) -> Iterator[Place]:
    with running.postgres.fresh_database() as url:
        place = (
            InStore(running.postgres, url)
            if name == POSTGRESQL
            else OnKafka(running.postgres, url, running.kafka)
        )
        place.fill(messages)
        yield place


def _die(deaths: Deaths, messages: int, place: Place) -> None:
    with workers(2, PROBE, *place.arguments) as (victim, other):
        begun = {int(_said(victim).text) for _ in range(BEGUN)}
        killed = victim.kill()
        theirs = place.held_by(victim.pid, begun)
        begun |= {int(line.text) for line in victim.rest()}
        lines = _until_all_began(other, messages, begun)
        other.stop()
    late = [(int(line.text), line.at - killed) for line in lines if line.at > killed]
    twice = [after for number, after in late if number in begun]
    waited = [after for number, after in late if number in theirs]
    if not waited:
        raise MeasurementFailed(f"{NAME}: the worker that was killed left no message to the other")
    deaths.first.append(min(waited))
    deaths.last.append(max(twice, default=deaths.first[-1]))
    deaths.twice.append(len(twice))


def _until_all_began(worker: Worker, messages: int, begun: set[int]) -> list[Line]:
    missing = set(range(messages)) - begun
    lines = []
    while missing:
        lines.append(_said(worker))
        missing.discard(int(lines[-1].text))
    return lines


def _said(worker: Worker) -> Line:
    line = worker.next_line()
    if line is None:
        raise MeasurementFailed(f"{NAME}: a worker ended by itself")
    return line


def _series(found: dict[str, Deaths]) -> Iterator[Series]:
    for name, deaths in found.items():
        yield Series(f"{name}: first", "s", tuple(deaths.first))
        yield Series(f"{name}: last", "s", tuple(deaths.last))
        yield Series(f"{name}: twice", "messages", tuple(deaths.twice))


def _goals(found: dict[str, Deaths]) -> Iterator[Goal]:
    for name, deaths in found.items():
        limit = LIMITS[name] + GRACE
        yield Goal(f"{name}: the longest wait", max(deaths.first), "at most", limit, "s")


RECOVERY = Workload(
    NAME,
    "SIGKILL: until another process has the messages, and what ran twice",
    run,
    Scenario(
        work="handlers of 20 ms in two processes, one of which is killed",
        guarantee="at least once",
        knobs={"lease": LEASE, "session_timeout": SESSION_TIMEOUT, "concurrency": 10},
        needs=(
            "PostgreSQL",
            "Kafka",
        ),
    ),
)

"""SIGKILL of a worker on PostgreSQL: until its messages are begun again, and how many are."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks._measure import Goal, Result, Series
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._servers import Servers, servers, settings
from benchmarks.durable._workers import Line, Worker, workers
from benchmarks.durable.probes.worker import LEASE, SECONDS
from benchmarks.faults._contenders import SCENARIO_PEERS, US, Contender, contenders

NAME = "faults-kill"
BEGUN = 50
"""Handlers that the victim has begun when it is killed."""
LIMIT = 30.0
"""Seconds after the kill in which all must be done."""
LOOK = 0.02
GRACE = 1.0

NOTES = (
    "Two processes work on one backlog, ten handlers at once in each; SIGKILL ends one of them.",
    (
        "first, last: from the kill until the other begins the first and the last of the"
        " messages that the dead one had begun and not settled; twice: how many those are;"
        " done: until none is left."
    ),
    f"Handlers have no transaction, and take {SECONDS * 1000:g} ms. All deliver at least once.",
    (
        f"The lease is {LEASE:g} s: a heartbeat's age (pgqueuer, procrastinate, SAQ), a"
        " row's lease (faststream-outbox), a process's lease (actorbus). Procrastinate and"
        " SAQ look for what is stalled every half second here; by themselves it is a"
        " periodic task, and a minute."
    ),
    "Not here: Huey and Pykka, which take a message away before it is handled; it would be lost.",
)


@dataclass(frozen=True, slots=True)
class Death:
    """Seconds after the kill; nothing was begun again: both are 0."""

    first: float
    last: float
    twice: int
    done: float
    left: int
    """Messages that were not done after the limit."""


def run(options: Settings) -> Result:
    messages = options.size(600, 300)
    deaths: dict[str, list[Death]] = defaultdict(list)
    with servers() as running:
        for number in range(options.repeat):
            for contender in contenders(options):
                deaths[contender.name].append(_die(running, contender, messages))
                last = deaths[contender.name][-1]
                options.progress(f"{NAME} {number + 1}/{options.repeat}: {contender.name}: {last}")
        notes = (settings(running.postgres), *NOTES)
    return Result(NAME, [*_series(deaths)], [*_goals(deaths)], notes)


def _die(running: Servers, contender: Contender, messages: int) -> Death:
    with running.postgres.fresh_database() as url:
        contender.fill(url, messages)
        python, program = contender.command(url)
        with workers(2, *program, python=python) as (victim, other):
            begun = _begun(victim, BEGUN)
            killed = victim.kill()
            begun |= {int(line.text) for line in victim.rest()}
            left = _until_none_is_left(running, contender, url, killed + LIMIT)
            done = time.monotonic() - killed
            other.stop()
            again = [line.at - killed for line in other.rest() if _is_again(line, killed, begun)]
    first, last = (min(again), max(again)) if again else (0.0, 0.0)
    return Death(first, last, len(again), done, left)


def _begun(worker: Worker, count: int) -> set[int]:
    """Return what it says until it has begun so many."""
    begun: set[int] = set()
    while len(begun) < count:
        line = worker.next_line()
        assert line is not None, "a worker ended by itself"
        begun.add(int(line.text))
    return begun


def _is_again(line: Line, killed: float, begun: set[int]) -> bool:
    return line.at > killed and int(line.text) in begun


def _until_none_is_left(running: Servers, contender: Contender, url: str, deadline: float) -> int:
    """Wait until all are settled, or for the deadline; return how many are left."""
    while left := int(running.postgres.fetch(contender.left, url=url)[0][0]):
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK)
    return left


def _series(deaths: Mapping[str, Sequence[Death]]) -> Iterator[Series]:
    units = {"first": "s", "last": "s", "twice": "messages", "done": "s", "left": "messages"}
    for name, rounds in deaths.items():
        for figure, unit in units.items():
            values = tuple(float(getattr(one, figure)) for one in rounds)
            yield Series(f"{name}: {figure}", unit, values)


def _goals(deaths: Mapping[str, Sequence[Death]]) -> Iterator[Goal]:
    ours = deaths[US]
    longest, left = max(one.last for one in ours), sum(one.left for one in ours)
    yield Goal("the last one is begun again", longest, "at most", LEASE + GRACE, "s")
    yield Goal("messages that are left", left, "at most", 0)


KILL = Workload(
    NAME,
    "SIGKILL of a worker: until its messages are begun again, beside other libraries",
    run,
    Scenario(
        work="handlers of 20 ms in two processes, one of which is killed",
        guarantee="at least once",
        knobs={"lease": LEASE, "concurrency": 10},
        peers=SCENARIO_PEERS,
        needs=("PostgreSQL",),
    ),
)

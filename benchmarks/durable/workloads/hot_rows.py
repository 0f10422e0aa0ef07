"""The same upserts over sixteen hot rows from one process and from two."""

import time

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import MeasurementFailed, measure
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._servers import Backlog, filled, servers, settings
from benchmarks.durable._workers import workers
from benchmarks.durable.probes.hot_rows import CREATE

NAME = "durable-hot-rows"
PROBE = "benchmarks.durable.probes.hot_rows"
ONE, TWO = "one process", "two processes"
GROUPED = "two processes, group_commit=10"
CASES = {ONE: (1, 1), TWO: (2, 1), GROUPED: (2, 10)}
"""Processes, and transactions that may share a commit."""
GOAL = 0.7
POLL = 0.01

NOTES = (
    "Each handler upserts one of 16 rows, ten handlers at once in each process, default options.",
    "group_commit=10 lets ten share a commit; one that waits 5 ms for a row runs again, alone.",
    "From the first handler's start until all is settled. Deadlocks are those the server counted.",
)


def run(options: Settings) -> Result:
    messages = options.size(5_000, 500)
    rates: dict[str, list[float]] = {name: [] for name in CASES}
    deadlocks = 0
    with servers() as found:

        def fill(url: str) -> None:
            found.postgres.fetch(CREATE, url=url)
            measure(PROBE, "--fill", url, messages)

        with filled(found.postgres, fill) as backlog:
            for number in range(options.repeat):
                for name, (processes, group) in CASES.items():
                    rate, locked = _drain(backlog, processes, group, messages)
                    rates[name].append(rate)
                    deadlocks += locked
                    options.progress(f"{NAME} {number + 1}/{options.repeat}: {name}: {rate:,.0f}/s")
        notes = (settings(found.postgres), *NOTES)
    one, two, grouped = (
        Series(name, "messages/s", tuple(values)) for name, values in rates.items()
    )
    ratio = ratios(two, one)
    return Result(
        NAME,
        [one, two, grouped, ratio, ratios(grouped, two)],
        [
            Goal("two processes' rate", ratio.median, "at least", GOAL, "x"),
            Goal("deadlocks", deadlocks, "at most", 0),
        ],
        notes,
    )


def _drain(backlog: Backlog, processes: int, group: int, messages: int) -> tuple[float, int]:
    with backlog.copy() as url, workers(processes, PROBE, url, group) as started:
        start = time.perf_counter()
        for worker in started:
            worker.go()
        while backlog.server.fetch("SELECT count(*) FROM actorbus_messages", url=url)[0][0]:
            time.sleep(POLL)
        seconds = time.perf_counter() - start
        for worker in started:
            worker.stop()
        [(touched,)] = backlog.server.fetch("SELECT sum(touched) FROM hot_rows", url=url)
        if touched != messages:
            raise MeasurementFailed(f"{touched} updates for {messages} messages")
        return messages / seconds, _deadlocks(backlog, url)


def _deadlocks(backlog: Backlog, url: str) -> int:
    statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(backlog.server.fetch(statement, url=url)[0][0])


HOT_ROWS = Workload(
    NAME,
    "upserts of sixteen hot rows, from one process and from two",
    run,
    Scenario(
        work="each handler upserts one of 16 rows in its transaction",
        guarantee="effectively once",
        knobs={"concurrency": 10, "rows": 16},
        needs=("PostgreSQL",),
    ),
)

"""How long a tenant with one message waits beside one with 100,000."""

import statistics

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload


def run(settings: Settings) -> Result:
    backlog, samples = settings.size(100_000, 2_000), settings.size(100, 20)
    rounds = []
    for number in range(settings.repeat):
        with scratch() as folder:
            path = folder / "bus.db"
            rounds.append(measure("benchmarks.probes.fairness", path, backlog, samples))
        settings.progress(f"fairness {number + 1}/{settings.repeat}")
    idle, loaded = (_milliseconds(rounds, name) for name in ("idle", "loaded"))
    handler = statistics.median(figures["handler"] for figures in rounds) * 1000
    return Result(
        "fairness",
        [idle, loaded, Series("the other tenant's handler", "ms", (handler,))],
        [
            Goal(
                "dwell beside the backlog: twice the idle dwell and a handler",
                loaded.median,
                "at most",
                2 * idle.median + handler,
                "ms",
            )
        ],
        [f"{samples} messages in each round; the series are the rounds' medians."],
    )


def _milliseconds(rounds: list[dict[str, list[float]]], name: str) -> Series:
    values = tuple(statistics.median(figures[name]) * 1000 for figures in rounds)
    return Series(f"dwell, {name}", "ms", values)


FAIRNESS = Workload(
    "fairness",
    "dwell of a small tenant beside a large one",
    run,
    Scenario(
        work="handlers of 5 ms; one tenant has a backlog, one sends now and then",
        guarantee="at least once",
        knobs={"workers": 4, "concurrency": 4},
    ),
)

"""Messages per second from a store channel: one by one, and in batches of 500."""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

SIZE = 500
GOAL = 1.5

NOTES = (
    "One insert per message through the handler's transaction; durable commits (synchronous=FULL).",
    f"batches: {SIZE} messages to a call, inserted by executemany.",
)


def run(settings: Settings) -> Result:
    messages = settings.size(20_000, 1_000)
    rounds = []
    for number in range(settings.repeat):
        with scratch() as folder:
            figures = measure("benchmarks.probes.batches", folder, messages, SIZE)
        rounds.append(figures)
        ratio = figures["batches"] / figures["single"]
        settings.progress(f"batches {number + 1}/{settings.repeat}: {ratio:.2f} times single")
    single, batches = (
        Series(name, "messages/s", tuple(one[name] for one in rounds))
        for name in ("single", "batches")
    )
    ratio = ratios(batches, single)
    goal = Goal("times as fast as one by one", ratio.median, "at least", GOAL, "x")
    return Result("batches", [batches, single, ratio], [goal], NOTES)


BATCHES = Workload(
    "batches",
    "a store channel drained in batches and one by one",
    run,
    Scenario(
        work="each handler inserts one row, alone or with 499 others",
        guarantee="effectively once",
        knobs={"max_in_flight": 400, "batch": SIZE, "synchronous": "FULL"},
    ),
)

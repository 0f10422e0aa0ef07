"""Copies stored per second when an event has ten subscribers on one channel."""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

GOAL = 30_000

NOTES = (
    "Durable commits (synchronous=FULL); 500 events, or those of one handler, share one.",
    "raw: the driver inserts the same rows into the same table, 5,000 to a commit.",
)


def run(settings: Settings) -> Result:
    events = settings.size(5_000, 200)
    rounds = []
    for number in range(settings.repeat):
        with scratch() as folder:
            figures = measure("benchmarks.probes.publish", folder, events)
        rounds.append(figures)
        rate = figures["publish_many"]
        settings.progress(f"publish {number + 1}/{settings.repeat}: {rate:,.0f} copies/s")
    series = {
        name: Series(name, "copies/s", tuple(one[name] for one in rounds))
        for name in ("publish_many", "handlers", "raw")
    }
    many, handlers, raw = series.values()
    return Result(
        "publish",
        [many, handlers, raw, ratios(many, raw), ratios(handlers, raw)],
        [
            Goal("copies/s with publish_many", many.median, "at least", GOAL),
            Goal("copies/s from handlers", handlers.median, "at least", GOAL),
        ],
        NOTES,
    )


PUBLISH = Workload(
    "publish",
    "events to ten subscribers on one channel, stored",
    run,
    Scenario(
        work="an event with ten subscribers on one channel is stored ten times",
        guarantee="at least once",
        knobs={"events to a commit": 500, "synchronous": "FULL"},
        ceiling="the same rows inserted by the driver alone",
    ),
)

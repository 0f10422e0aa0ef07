"""What a synchronous command costs, and what an interceptor adds to it.

The time is the processor's, of one thread: the caller, the bus and the handler share one loop.
Each figure is the best of several turns in one process, in which all three take turns.
"""

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

NOTES = (
    "An `async def` handler on the caller's loop, no transaction; messages are checked as ever.",
)


def run(settings: Settings) -> Result:
    commands = settings.size(20_000, 1_000)
    rounds = []
    for number in range(settings.repeat):
        figures = measure("benchmarks.probes.calls", commands)
        rounds.append(figures)
        rate = 1e6 / figures["plain"]
        settings.progress(f"calls {number + 1}/{settings.repeat}: {rate:,.0f}/s")
    rate = Series("synchronous commands", "/s", tuple(1e6 / one["plain"] for one in rounds))
    added = {
        name: Series(f"added by {name}", "us", tuple(one[name] - one["plain"] for one in rounds))
        for name in ("before", "around")
    }
    return Result(
        "calls",
        [rate, *added.values()],
        [
            Goal("commands/s", rate.median, "at least", 50_000),
            *(
                Goal(f"an interceptor ({name})", series.median, "at most", 5, "us")
                for name, series in added.items()
            ),
        ],
        NOTES,
    )


CALLS = Workload(
    "calls",
    "synchronous commands, and what an interceptor adds",
    run,
    Scenario(
        work="a synchronous command to an async handler on the caller's loop",
        guarantee="at most once",
        knobs={"transaction": "none"},
    ),
)

"""How long queries take that are asked from asyncio: many at once, and one after the other."""

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

FIGURES = {
    "awaiting": ("100 queries at once, handlers await 100 ms", "s"),
    "blocking": ("100 queries at once, handlers block 100 ms", "s"),
    "direct": ("a query", "ms"),
    "channel": ("a query through a channel", "ms"),
    "elsewhere": ("a query that another process answers", "ms"),
}
NOTES = (
    "Through a channel the question is stored and the answer is written with its settlement.",
    "Times of single queries are medians, of one asker that waits for each answer.",
)


def run(settings: Settings) -> Result:
    queries = settings.size(200, 20)
    rounds = []
    for number in range(settings.repeat):
        with scratch() as folder:
            figures = measure("benchmarks.probes.queries", folder, queries)
        rounds.append(figures)
        settings.progress(f"queries {number + 1}/{settings.repeat}: {figures['awaiting']:.3f} s")
    series = {
        name: Series(title, unit, tuple(one[name] for one in rounds))
        for name, (title, unit) in FIGURES.items()
    }
    goals = [
        Goal(series[name].name, series[name].median, "at most", 0.3, "s")
        for name in ("awaiting", "blocking")
    ]
    return Result("queries", list(series.values()), goals, NOTES)


QUERIES = Workload(
    "queries",
    "queries from asyncio: at once, and through a channel",
    run,
    Scenario(
        work="a query from asyncio that waits for its answer",
        guarantee="at least once",
    ),
)

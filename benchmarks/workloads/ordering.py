"""Messages per second from a store channel: without order, and in the order of keys."""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

GOAL = 0.4

NOTES = (
    "One insert per message through the handler's transaction; durable commits (synchronous=FULL).",
    "lines: ordered by carrier and flight number, thousands of keys; carriers: by 16 skewed keys.",
    "A key's next message is claimed after the commit of the one before, so few keys go slowly.",
)


def run(settings: Settings) -> Result:
    messages = settings.size(20_000, 1_000)
    rounds = []
    for number in range(settings.repeat):
        with scratch() as folder:
            figures = measure("benchmarks.probes.ordering", folder, messages)
        rounds.append(figures)
        ratio = figures["lines"] / figures["unordered"]
        settings.progress(f"ordering {number + 1}/{settings.repeat}: {ratio:.2f} of unordered")
    unordered, lines, carriers = (
        Series(name, "messages/s", tuple(one[name] for one in rounds))
        for name in ("unordered", "lines", "carriers")
    )
    ratio = ratios(lines, unordered)
    goal = Goal("ordered by line, of unordered", ratio.median, "at least", GOAL, "x")
    return Result("ordering", [unordered, lines, carriers, ratio], [goal], NOTES)


ORDERING = Workload(
    "ordering",
    "a store channel drained in the order of skewed keys",
    run,
    Scenario(
        work="each handler inserts one row; messages of one key in their order",
        guarantee="effectively once",
        knobs={"max_in_flight": 400, "synchronous": "FULL"},
    ),
)

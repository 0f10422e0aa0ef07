"""Whether memory grows with the messages that passed through: resident memory, early and late."""

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

MEGABYTE = 1_000_000


def run(settings: Settings) -> Result:
    messages = settings.size(200_000, 6_000)
    long = "" if settings.quick else ", some minutes"
    settings.progress(f"memory: {messages:,} messages through one process{long}")
    with scratch() as folder:
        figures = measure("benchmarks.probes.memory", folder / "bus.db", messages, timeout=1800)
    early, late = figures["early"], figures["late"]
    return Result(
        "memory",
        [
            Series(
                f"resident after {min(10_000, messages // 2):,} messages", "MB", (early / MEGABYTE,)
            ),
            Series(f"resident after {messages:,} messages", "MB", (late / MEGABYTE,)),
        ],
        [Goal("late / early", late / early, "at most", 1.10, "x")],
    )


MEMORY = Workload(
    "memory",
    "resident memory between 10,000 and 200,000 messages",
    run,
    Scenario(
        work="each handler inserts one row, while a sender stores more",
        guarantee="effectively once",
        knobs={"max_in_flight": 400, "backlog": 5000},
    ),
)

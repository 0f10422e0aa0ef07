"""What replaying many dead letters takes in memory; all of them fail again, and come back."""

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

MEGABYTE = 1_000_000
MOST = 16
"""Megabytes; the bodies of the full run are 100."""


def run(settings: Settings) -> Result:
    letters = settings.size(10_000, 500)
    settings.progress(f"replay: {letters:,} dead letters of 10 kB")
    with scratch() as folder:
        figures = measure("benchmarks.probes.replay", folder / "bus.db", letters)
    before, peak = figures["before"] / MEGABYTE, figures["peak"] / MEGABYTE
    return Result(
        "replay",
        [
            Series("resident before", "MB", (before,)),
            Series("resident at most, until all have failed again", "MB", (peak,)),
            Series("replayed", "letters/s", (figures["rate"],)),
        ],
        [Goal("memory that it takes", peak - before, "at most", MOST, "MB")],
    )


REPLAY = Workload(
    "replay",
    "the memory that replaying 10,000 dead letters takes",
    run,
    Scenario(
        work="dead letters of 10 kB are replayed, and all fail again",
        guarantee="at least once",
    ),
)

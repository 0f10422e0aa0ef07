"""What making a tenant's channel and reaping it costs, in time and in memory."""

from collections.abc import Iterator, Mapping

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

NAME = "tenants-channels"
PROBE = "benchmarks.tenants.channels_probe"
TENANTS = (100, 1_000, 10_000)
GROWTH = 1.25
ENOUGH = 1_000
"""Tenants whose memory is more than what all else takes meanwhile."""

FIGURES = {
    "made_us": ("made", "us each"),
    "made_processor_us": ("made, processor time", "us each"),
    "reaped_us": ("reaped", "us each"),
    "reaped_processor_us": ("reaped, processor time", "us each"),
    "living": ("resident, living", "bytes each"),
    "ended": ("resident, after they ended", "bytes each"),
    "again": ("resident, after a second time", "bytes each"),
}

NOTES = (
    (
        "A tenant's channel is made by its first message: the time is that of handling"
        " one message of each tenant, without that of handling another when the channels"
        " are there. On SQLite."
    ),
    "Reaped: all at once, when they have been idle for idle_timeout.",
    (
        "Resident memory is what the process has more than before. Python keeps what was"
        " freed, and uses it for the next ones: the goal is that a second time takes no"
        " more."
    ),
)

Rounds = list[dict[str, float]]


def run(options: Settings) -> Result:
    figures: dict[int, Rounds] = {count: [] for count in _tenants(options)}
    for number in range(options.repeat):
        for tenants, rounds in figures.items():
            with scratch() as folder:
                rounds.append(measure(PROBE, folder / "bus.db", tenants))
            made = rounds[-1]["made_us"]
            progress = f"{NAME} {number + 1}/{options.repeat}: {tenants:,} tenants"
            options.progress(f"{progress}: {made:,.0f} us each")
    return Result(NAME, [*_series(figures)], [*_goals(figures)], NOTES)


def _tenants(options: Settings) -> tuple[int, ...]:
    most = options.size(TENANTS[-1], TENANTS[0])
    return tuple(count for count in TENANTS if count <= most)


def _series(figures: Mapping[int, Rounds]) -> Iterator[Series]:
    for tenants, rounds in figures.items():
        for key, (name, unit) in FIGURES.items():
            values = tuple(one[key] for one in rounds)
            yield Series(f"{tenants:,} tenants: {name}", unit, values)


def _goals(figures: Mapping[int, Rounds]) -> Iterator[Goal]:
    for tenants, rounds in figures.items():
        if tenants < ENOUGH:
            continue
        growth = max(one["again"] / max(one["living"], one["ended"]) for one in rounds)
        name = f"{tenants:,} tenants: memory after a second time"
        yield Goal(name, growth, "at most", GROWTH, "x")


CHANNELS = Workload(
    NAME,
    "making and reaping tenants' channels, in time and memory",
    run,
    Scenario(
        work="a message for each tenant, which its channel is made for; then all are reaped",
        guarantee="at least once",
    ),
)

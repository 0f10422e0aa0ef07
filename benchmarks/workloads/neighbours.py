"""What a subscriber that fails always, for one tenant, costs the others.

Two runs per round, healthy and failing. The goal is about steady arrivals: the neighbours must go
on at their rate. With a backlog every processor second is in use, so that each failed attempt
and its retries take their share from everybody; that is shown, and no goal.
"""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._report import in_words
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

MODES = ("healthy", "failing")
WHO = {"statistics": "update_statistics", "others": "notify, others"}
STEADY = 500  # events a second, each for two subscribers

Figures = dict[str, dict[str, float]]


def run(settings: Settings) -> Result:
    steady = _rounds("steady", settings.size(2_500, 150), STEADY, settings)
    backlog = _rounds("backlog", settings.size(4_000, 150), 0, settings)
    shares, burdened = _shares("steady", steady), _shares("backlog", backlog)
    goals = [
        Goal(f"{WHO[who]} beside a failing one", share.median, "at least", 0.95, "x")
        for who, share in shares.items()
    ]
    rates = [*_series("steady", steady).values(), *_series("backlog", backlog).values()]
    return Result("neighbours", [*rates, *shares.values(), *burdened.values()], goals)


def _rounds(name: str, events: int, rate: int, settings: Settings) -> list[Figures]:
    rounds = []
    for number in range(settings.repeat):
        rounds.append(_round(events, rate, number))
        for mode, figures in rounds[-1].items():
            said = f"{name}, {mode}: {in_words(figures)} messages/s"
            settings.progress(f"neighbours {number + 1}/{settings.repeat}: {said}")
    return rounds


def _round(events: int, rate: int, number: int) -> Figures:
    """Measure both modes; the order changes each round."""
    figures = {}
    for mode in MODES if number % 2 == 0 else reversed(MODES):
        with scratch() as folder:
            path = folder / "bus.db"
            figures[mode] = measure("benchmarks.probes.neighbours", path, events, mode, rate)
    return figures


def _series(name: str, rounds: list[Figures]) -> dict[tuple[str, str], Series]:
    return {
        (who, mode): Series(
            f"{name}: {words}, {mode}",
            "messages/s",
            tuple(figures[mode][who] for figures in rounds),
        )
        for who, words in WHO.items()
        for mode in MODES
    }


def _shares(name: str, rounds: list[Figures]) -> dict[str, Series]:
    series = _series(name, rounds)
    return {
        who: ratios(series[who, "failing"], series[who, "healthy"], f"{name}: {WHO[who]}")
        for who in WHO
    }


NEIGHBOURS = Workload(
    "neighbours",
    "rates beside a subscriber that fails for one tenant",
    run,
    Scenario(
        work="two subscribers of one event, one of which fails for one tenant",
        guarantee="at least once",
        knobs={"events a second": STEADY},
    ),
)

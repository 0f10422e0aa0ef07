"""What a subscriber that fails always, for one tenant, costs the others.

Two runs per round, healthy and failing, on equal backlogs; the ratio of their rates is the figure.
"""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._settings import Settings, Workload

MODES = ("healthy", "failing")
WHO = {"statistics": "update_statistics", "others": "notify, other tenants"}


def run(settings: Settings) -> Result:
    events = settings.size(16_000, 800)
    rounds = [_round(events, number, settings) for number in range(settings.repeat)]
    series = {
        (who, mode): Series(
            f"{WHO[who]}, {mode}", "messages/s", tuple(figures[mode][who] for figures in rounds)
        )
        for who in WHO
        for mode in MODES
    }
    shares = {who: ratios(series[who, "failing"], series[who, "healthy"]) for who in WHO}
    goals = [
        Goal(f"{WHO[who]} beside a failing one", share.median, "at least", 0.95, "x")
        for who, share in shares.items()
    ]
    return Result("neighbours", [*series.values(), *shares.values()], goals)


def _round(events: int, number: int, settings: Settings) -> dict[str, dict[str, float]]:
    """Measure both modes; the order changes each round."""
    figures = {}
    for mode in MODES if number % 2 == 0 else reversed(MODES):
        with scratch() as folder:
            figures[mode] = measure("benchmarks.probes.neighbours", folder / "bus.db", events, mode)
        settings.progress(f"neighbours {number + 1}/{settings.repeat}: {mode}: {figures[mode]}")
    return figures


NEIGHBOURS = Workload("neighbours", "rates beside a subscriber that fails for one tenant", run)

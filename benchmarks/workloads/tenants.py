"""How fast one busy tenant of a dynamic channel is beside 999 idle ones, and alone."""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._report import in_words
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload


def run(settings: Settings) -> Result:
    messages, tenants = settings.size(60_000, 500), settings.size(1_000, 50)
    rounds = []
    for number in range(settings.repeat):
        figures = {}
        for count in (1, tenants) if number % 2 == 0 else (tenants, 1):
            with scratch() as folder:
                path = folder / "bus.db"
                figures[count] = measure("benchmarks.probes.tenants", path, messages, count)
        rounds.append(figures)
        for count, found in figures.items():
            said = f"{count:,} tenants: {in_words(found)}"
            settings.progress(f"tenants {number + 1}/{settings.repeat}: {said}")

    def series(name: str, unit: str, figure: str, count: int) -> Series:
        return Series(name, unit, tuple(figures[count][figure] for figures in rounds))

    alone = series("the busy tenant alone", "messages/s", "rate", 1)
    among = series(f"the busy one of {tenants:,}", "messages/s", "rate", tenants)
    share = ratios(among, alone, "among them over alone")
    processor = [
        series(f"processor time, {name}", "us/message", "processor", count)
        for name, count in (("alone", 1), ("among them", tenants))
    ]
    goal = Goal(f"one busy of {tenants:,} tenants", share.median, "at least", 0.9, "x")
    return Result("tenants", [alone, among, share, *processor], [goal])


TENANTS = Workload(
    "tenants",
    "rate of one busy tenant among 1,000",
    run,
    Scenario(
        work="each handler of the busy tenant inserts one row",
        guarantee="effectively once",
    ),
)

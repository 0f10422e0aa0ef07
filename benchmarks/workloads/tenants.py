"""How fast one busy tenant of a dynamic channel is beside 999 idle ones, and alone."""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._settings import Settings, Workload


def run(settings: Settings) -> Result:
    messages, tenants = settings.size(60_000, 500), settings.size(1_000, 50)
    alone, among = [], []
    for number in range(settings.repeat):
        rates = {}
        for count in (1, tenants) if number % 2 == 0 else (tenants, 1):
            with scratch() as folder:
                path = folder / "bus.db"
                rates[count] = measure("benchmarks.probes.tenants", path, messages, count)["rate"]
        alone.append(rates[1])
        among.append(rates[tenants])
        settings.progress(f"tenants {number + 1}/{settings.repeat}: {rates}")
    alone_rate = Series("the busy tenant alone", "messages/s", tuple(alone))
    among_rate = Series(f"the busy one of {tenants:,}", "messages/s", tuple(among))
    share = ratios(among_rate, alone_rate, "among them over alone")
    goal = Goal(f"one busy of {tenants:,} tenants", share.median, "at least", 0.9, "x")
    return Result("tenants", [alone_rate, among_rate, share], [goal])


TENANTS = Workload("tenants", "rate of one busy tenant among 1,000", run)

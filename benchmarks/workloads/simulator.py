"""How many events of a simulated endpoint a processor core works off in a second."""

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload

KINDS = {
    "plain": "an endpoint at half its capacity",
    "failing": "one with failures and retries",
    "outage": "one whose dependency is away for a tenth of the time",
    "worker": "an actor with a mailbox",
}
NOTES = (
    "An event is an arrival, a try that begins, a try that ends, or a decision about a failure.",
    "Seconds are those of the processor.",
)
GOAL = 200_000.0


def run(settings: Settings) -> Result:
    messages = settings.size(100_000, 5_000)
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(settings.repeat):
        for kind, seen in rates.items():
            seen.append(measure("benchmarks.probes.simulator", kind, messages)["rate"])
        shown = f"{rates['plain'][-1]:,.0f} events/s"
        settings.progress(f"simulator {number + 1}/{settings.repeat}: {shown}")
    series = {kind: Series(title, "events/s", tuple(rates[kind])) for kind, title in KINDS.items()}
    plain = series["plain"]
    goal = Goal(plain.name, plain.median, "at least", GOAL, "events/s")
    return Result("simulator", list(series.values()), [goal], NOTES)


SIMULATOR = Workload(
    "simulator",
    "simulated events a second and core",
    run,
    Scenario(
        work="messages of one simulated endpoint, from arrival to settlement",
        guarantee="at least once",
    ),
)

"""How fast a store channel empties: each handler awaits one insert in its own transaction.

The backlog is stored before the clock starts; the clock runs from the first handler's start to
the commit of the last message. Bus, raw loop and Huey take turns in each round, so that what
else the machine does meets all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

from benchmarks._environments import python
from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload

BUS = "actorbus"
RAW = "raw loop, the bus's table"
BARE = "raw loop, a bare table"
HUEY = "Huey, empty task"
WANTED = {RAW: ("share of the raw loop", 0.25), HUEY: ("beside Huey", 2.0)}

NOTES = (
    "All on SQLite with WAL and synchronous=FULL. The raw loops commit every 100 messages.",
    "The channel has max_in_flight=400 (the default is 100).",
    "The bus settles a message in the transaction of its insert.",
)

Contender = Callable[[int], float]


def run(settings: Settings) -> Result:
    contenders = _contenders(settings)
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(settings.repeat):
        for name, (contender, messages) in contenders.items():
            rates[name].append(contender(messages))
            settings.progress(
                f"drain {number + 1}/{settings.repeat}: {name}: {rates[name][-1]:,.0f}/s"
            )
    return _result(
        {name: Series(name, "messages/s", tuple(values)) for name, values in rates.items()}
    )


def _contenders(settings: Settings) -> Mapping[str, tuple[Contender, int]]:
    ours = {
        BUS: (_bus, settings.size(30_000, 2_000)),
        RAW: (_raw, settings.size(30_000, 2_000)),
        BARE: (_bare, settings.size(100_000, 2_000)),
    }
    return ours | {HUEY: (_huey, settings.size(10_000, 500))} if settings.peers else ours


def _bus(messages: int) -> float:
    with scratch() as folder:
        path = folder / "bus.db"
        measure("benchmarks.probes.fill", path, messages)
        return float(measure("benchmarks.probes.drain", path, messages)["rate"])


def _raw(messages: int) -> float:
    with scratch() as folder:
        path = folder / "bus.db"
        measure("benchmarks.probes.fill", path, messages)
        return float(measure("benchmarks.peers.raw_sqlite", path, messages, "store")["rate"])


def _bare(messages: int) -> float:
    with scratch() as folder:
        path = folder / "bare.db"
        return float(measure("benchmarks.peers.raw_sqlite", path, messages, "bare")["rate"])


def _huey(messages: int) -> float:
    with scratch() as folder:
        program, interpreter = "benchmarks.peers.huey_sqlite", python("huey")
        return float(measure(program, folder, messages, "empty", python=interpreter)["rate"])


def _result(series: Mapping[str, Series]) -> Result:
    ours = series[BUS]
    beside = {name: ratios(ours, other) for name, other in series.items() if name != BUS}
    goals = [Goal("messages/s", ours.median, "at least", 10_000)]
    goals += [
        Goal(goal, beside[name].median, "at least", limit, "x")
        for name, (goal, limit) in WANTED.items()
        if name in beside
    ]
    return Result("drain", [*series.values(), *beside.values()], goals, NOTES)


DRAIN = Workload(
    "drain",
    "rate of a store channel beside a raw loop and Huey",
    run,
    Scenario(
        work="each handler inserts one row; Huey's task does nothing",
        guarantee="effectively once",
        knobs={"max_in_flight": 400, "synchronous": "FULL", "Huey's workers": 1},
        peers=(Peer(HUEY, "huey", "at most once", "it takes a task off its queue before it runs"),),
        ceiling="the same statements in a bare loop, 100 messages to a commit",
    ),
)

"""How fast a store channel empties: each handler awaits one insert in its own transaction.

The backlog is stored before the clock starts; the clock runs from the first handler's start to
the commit of the last message. Bus, raw loop and Huey take turns in each round, so that what
else the machine does meets all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._settings import Settings, Workload

BUS = "actorbus"
RAW = "raw loop, the bus's table"
BARE = "raw loop, a bare table"
HUEY = "Huey, empty task"

NOTES = (
    "All on SQLite with WAL and synchronous=FULL. The raw loops commit every 100 messages.",
    "The channel has max_in_flight=400 (the default is 100).",
    "Huey takes a task off its queue before it runs: at most once. The bus: at least once.",
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
    return {
        BUS: (_bus, settings.size(30_000, 2_000)),
        RAW: (_raw, settings.size(30_000, 2_000)),
        BARE: (_bare, settings.size(100_000, 2_000)),
        HUEY: (_huey, settings.size(10_000, 500)),
    }


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
        return float(measure("benchmarks.peers.huey_sqlite", folder, messages, "empty")["rate"])


def _result(series: Mapping[str, Series]) -> Result:
    ours = series[BUS]
    to_raw, to_bare, to_huey = (ratios(ours, series[name]) for name in (RAW, BARE, HUEY))
    return Result(
        "drain",
        [*series.values(), to_raw, to_bare, to_huey],
        [
            Goal("messages/s", ours.median, "at least", 10_000),
            Goal("share of the raw loop", to_raw.median, "at least", 0.25, "x"),
            Goal("beside Huey", to_huey.median, "at least", 2, "x"),
        ],
        NOTES,
    )


DRAIN = Workload("drain", "rate of a store channel beside a raw loop and Huey", run)

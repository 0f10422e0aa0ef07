"""How fast a store channel empties: each handler awaits one insert in its own transaction.

The backlog is stored before the clock starts; the clock runs from the first handler's start to the
last one's, and how long it took then until all was settled is told apart. Bus, raw loops and Huey
take turns in each round, so that what else the machine does meets all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks._environments import python
from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure, scratch
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload

BUS, DEFAULT = "actorbus", "actorbus, max_in_flight=100"
RAW = "raw loop, the bus's table"
BARE = "raw loop, a bare table"
HUEY = "Huey, empty task"
WANTED = {RAW: ("share of the raw loop", 0.25), HUEY: ("beside Huey", 2.0)}

NOTES = (
    "All on SQLite with WAL and synchronous=FULL. The raw loops commit every 100 messages.",
    "The channel has max_in_flight=400; the default, 100, is beside it.",
    "Rates are from the first handler's start to the last one's; then what was left is settled.",
    "The bus settles a message in the transaction of its insert.",
)

Figures = Mapping[str, float]
Contender = Callable[[int], Figures]


def run(settings: Settings) -> Result:
    contenders = _contenders(settings)
    found: dict[str, list[Figures]] = defaultdict(list)
    for number in range(settings.repeat):
        for name, (contender, messages) in contenders.items():
            found[name].append(contender(messages))
            rate = found[name][-1]["rate"]
            settings.progress(f"drain {number + 1}/{settings.repeat}: {name}: {rate:,.0f}/s")
    return _result(
        [_series(name, "messages/s", "rate", rounds) for name, rounds in found.items()],
        [
            _series(f"{name}: settled after", "ms", "settled_after_ms", rounds)
            for name, rounds in found.items()
        ],
    )


def _series(name: str, unit: str, figure: str, rounds: list[Figures]) -> Series:
    return Series(name, unit, tuple(one[figure] for one in rounds))


def _contenders(settings: Settings) -> Mapping[str, tuple[Contender, int]]:
    messages = settings.size(30_000, 2_000)
    ours: dict[str, tuple[Contender, int]] = {
        BUS: (partial(_on_file, "benchmarks.probes.drain", 400), messages),
        DEFAULT: (partial(_on_file, "benchmarks.probes.drain", 100), messages),
        RAW: (partial(_on_file, "benchmarks.peers.raw_sqlite", "store"), messages),
        BARE: (_bare, settings.size(100_000, 2_000)),
    }
    return ours | {HUEY: (_huey, settings.size(5_000, 300))} if settings.peers else ours


def _on_file(program: str, option: object, messages: int) -> Figures:
    """Run a program on a file with a backlog."""
    with scratch() as folder:
        path = folder / "bus.db"
        measure("benchmarks.probes.fill", path, messages)
        return measure(program, path, messages, option)


def _bare(messages: int) -> Figures:
    with scratch() as folder:
        return measure("benchmarks.peers.raw_sqlite", folder / "bare.db", messages, "bare")


def _huey(messages: int) -> Figures:
    with scratch() as folder:
        program, interpreter = "benchmarks.peers.huey_sqlite", python("huey")
        return measure(program, folder, messages, "empty", python=interpreter)


def _result(rates: Sequence[Series], settled: Sequence[Series]) -> Result:
    ours = next(one for one in rates if one.name == BUS)
    beside = {other.name: ratios(ours, other) for other in rates if other is not ours}
    goals = [Goal("messages/s", ours.median, "at least", 10_000)]
    goals += [
        Goal(goal, beside[name].median, "at least", limit, "x")
        for name, (goal, limit) in WANTED.items()
        if name in beside
    ]
    return Result("drain", [*rates, *settled, *beside.values()], goals, NOTES)


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

"""What memory a hundredfold overload takes: what cannot be handled waits in a bound, or outside."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks._environments import python
from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._entries import SIZE
from benchmarks.faults._memory import HANDLER, RATE
from benchmarks.faults.overload_probe import MAILBOX

STORE, ACTORS = "faults-overload", "faults-overload-actors"
PROBE = "benchmarks.faults.overload_probe"
PYKKA_PROGRAM = "benchmarks.faults.peers.pykka_overload"
CHANNEL, MAILBOX_OF_OURS, PYKKA = "a channel on SQLite", "actors, a mailbox of 1,000", "Pykka"
MEGABYTE = 1_000_000
MOST = 10.0

NOTES = (
    (
        f"One handler of {HANDLER * 1000:g} ms at a time; {RATE:,.0f} messages/s are sent,"
        f" a hundred times what it can handle, bodies of {SIZE} characters."
    ),
    "Grown: the highest resident memory meanwhile, beyond that before.",
)
OF_THE_STORE = (
    "The channel's backlog is in its file.",
    "Not here: other libraries on PostgreSQL, whose backlog is in the database, as ours is.",
)
OF_ACTORS = (
    f"Our mailbox holds {MAILBOX:,} and drops the newest.",
    "Pykka's has no bound: its memory grows for as long as the overload lasts.",
)

Figures = Mapping[str, float]


def run_store(options: Settings) -> Result:
    seconds = options.size(3, 1)
    contenders = {CHANNEL: lambda: _ours("store", seconds)}
    return _result(STORE, contenders, options, (*NOTES, *OF_THE_STORE))


def run_actors(options: Settings) -> Result:
    seconds = options.size(3, 1)
    contenders = {MAILBOX_OF_OURS: lambda: _ours("actor", seconds)}
    if options.peers:
        contenders[PYKKA] = lambda: measure(PYKKA_PROGRAM, seconds, python=python("pykka"))
    return _result(ACTORS, contenders, options, (*NOTES, *OF_ACTORS))


def _ours(kind: str, seconds: int) -> Figures:
    with scratch() as folder:
        return measure(PROBE, kind, folder / "bus.db", seconds)


def _result(
    name: str,
    contenders: Mapping[str, Callable[[], Figures]],
    options: Settings,
    notes: Sequence[str],
) -> Result:
    grown: dict[str, list[float]] = {one: [] for one in contenders}
    for number in range(options.repeat):
        for one, measured in contenders.items():
            grown[one].append(_grown(measured()))
            progress = f"{name} {number + 1}/{options.repeat}: {one}"
            options.progress(f"{progress}: {grown[one][-1]:.1f} MB")
    series = [Series(f"{one}: grown", "MB", tuple(values)) for one, values in grown.items()]
    ours = series[0]
    return Result(name, series, [Goal(ours.name, ours.high, "at most", MOST, "MB")], notes)


def _grown(figures: Figures) -> float:
    return (figures["highest"] - figures["before"]) / MEGABYTE


OVERLOADS = (
    Workload(
        STORE,
        "memory under a hundred times as many messages as a channel can handle",
        run_store,
        Scenario(
            work="a handler of 10 ms, one at a time, and 10,000 messages a second",
            guarantee="at least once",
            knobs={"concurrency": 1, "max_in_flight": 100},
        ),
    ),
    Workload(
        ACTORS,
        "memory under a hundred times as many messages as an actor can handle, beside Pykka",
        run_actors,
        Scenario(
            work="a handler of 10 ms, and 10,000 messages a second",
            guarantee="at most once",
            knobs={"mailbox": MAILBOX},
            peers=(Peer(PYKKA, "pykka"),),
        ),
    ),
)

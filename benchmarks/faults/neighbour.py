"""The latency of a healthy subscriber beside one that fails, blocks or floods."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.faults.neighbour_probe import BLOCKED, FLOOD

NAME = "faults-neighbour"
PROBE = "benchmarks.faults.neighbour_probe"
PEACE = "peace"
MODES = {
    PEACE: "beside one that does nothing",
    "fails": "beside one that fails",
    "blocks": "beside one that blocks",
    "floods": "beside one that is flooded",
}
RATE = 100
SHOWN = ("p50", "p99")
MORE = 50.0
"""Milliseconds that p99 may be more than in peace."""

NOTES = (
    f"Two subscribers take {RATE} events a second from one channel, an open loop, on SQLite.",
    (
        "The other one raises every time (five attempts, from 0.1 s on), or it sleeps in"
        f" its threads for {BLOCKED:g} s with all its workers, or it is sent {FLOOD}"
        " commands with each event."
    ),
    "Latency is from the time an event was meant to be published to the healthy one's handler.",
    "Not here: the other libraries have no two subscribers of one event in one process.",
)

Figures = Mapping[str, Sequence[Mapping[str, float]]]


def run(options: Settings) -> Result:
    events = RATE * options.size(3, 1)
    figures: dict[str, list[Mapping[str, float]]] = {mode: [] for mode in MODES}
    for number in range(options.repeat):
        for mode, rounds in figures.items():
            with scratch() as folder:
                rounds.append(measure(PROBE, folder / "bus.db", RATE, events, mode))
            progress = f"{NAME} {number + 1}/{options.repeat}: {mode}"
            options.progress(f"{progress}: p99 {rounds[-1]['p99']:.1f} ms")
    return Result(NAME, [*_series(figures)], [*_goals(figures)], NOTES)


def _series(figures: Figures) -> Iterator[Series]:
    for mode in figures:
        for shown in SHOWN:
            yield _of(figures, mode, shown)


def _of(figures: Figures, mode: str, shown: str) -> Series:
    values = tuple(one[shown] for one in figures[mode])
    return Series(f"{MODES[mode]}: {shown}", "ms", values)


def _goals(figures: Figures) -> Iterator[Goal]:
    peace = _of(figures, PEACE, "p99").median
    for mode in figures:
        if mode != PEACE:
            more = _of(figures, mode, "p99").median - peace
            yield Goal(f"p99 {MODES[mode]}, beyond peace", more, "at most", MORE, "ms")


NEIGHBOUR = Workload(
    NAME,
    "p99 of a healthy subscriber beside one that fails, blocks or floods",
    run,
    Scenario(
        work="two subscribers of one event on one channel; one of them is in trouble",
        guarantee="at least once",
        knobs={"rate": f"{RATE}/s", "concurrency": 10, "max_in_flight": 100},
    ),
)

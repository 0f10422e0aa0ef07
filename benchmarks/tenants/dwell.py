"""How long the smallest tenant waits, against the number of tenants and the largest one's load."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks._measure import Goal, Result, Series
from benchmarks._process import measure, scratch
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.tenants.dwell_probe import CAPACITY, HANDLER, OTHERS, WORKERS

NAME = "tenants-dwell"
PROBE = "benchmarks.tenants.dwell_probe"
TENANTS = (1, 10, 100, 1_000, 10_000)
LOADS = (0.1, 1.0, 10.0)
"""What the largest tenant sends, over what the workers can handle."""

NOTES = (
    f"{WORKERS} workers, handlers of {HANDLER * 1000:g} ms: together {CAPACITY:g} messages/s.",
    (
        f"The largest tenant sends 0.1, 1 and 10 times that; the others {OTHERS:g} times,"
        " together, by shares as of the carriers of the flights data (beyond sixteen:"
        " Zipf, fitted to them)."
    ),
    "Dwell: from the commit of a message of the smallest one to its handler's start, on SQLite.",
    "One tenant alone has nobody to be kept apart from: it is shown at the smallest load only.",
    f"The goal is twice the dwell at the smallest load, and {WORKERS} handlers' time.",
)

Figures = Mapping[int, list[dict[str, Any]]]
"""By number of tenants, what was measured in each round: quantiles by load."""


def run(options: Settings) -> Result:
    seconds = options.size(2, 1)
    figures: dict[int, list[dict[str, Any]]] = {count: [] for count in _tenants(options)}
    for number in range(options.repeat):
        for tenants, rounds in figures.items():
            with scratch() as folder:
                arguments = (folder / "bus.db", tenants, seconds, *_loads(tenants))
                rounds.append(measure(PROBE, *arguments))
            options.progress(f"{NAME} {number + 1}/{options.repeat}: {tenants:,} tenants")
    return Result(NAME, [*_series(figures)], [*_goals(figures)], NOTES)


def _tenants(options: Settings) -> tuple[int, ...]:
    return TENANTS[:2] if options.quick else TENANTS


def _loads(tenants: int) -> tuple[float, ...]:
    return LOADS if tenants > 1 else LOADS[:1]


def _series(figures: Figures) -> Iterator[Series]:
    for tenants in figures:
        for load in _loads(tenants):
            for shown in ("p50", "p99"):
                yield _dwell(figures, tenants, load, shown)


def _dwell(figures: Figures, tenants: int, load: float, shown: str) -> Series:
    name = f"{tenants:,} tenant{'s' * (tenants > 1)}, the largest at {load:g}x: {shown}"
    values = tuple(1000 * one[str(load)][shown] for one in figures[tenants])
    return Series(name, "ms", values)


def _goals(figures: Figures) -> Iterator[Goal]:
    for tenants in figures:
        if tenants > 1:
            idle = _dwell(figures, tenants, LOADS[0], "p50").median
            loaded = _dwell(figures, tenants, LOADS[-1], "p50")
            limit = 2 * idle + WORKERS * HANDLER * 1000
            yield Goal(loaded.name, loaded.median, "at most", limit, "ms")


DWELL = Workload(
    NAME,
    "the smallest tenant's wait against the load of the largest",
    run,
    Scenario(
        work="tenants with shares as the carriers of the flights data, handlers of 20 ms",
        guarantee="at least once",
        knobs={"workers": WORKERS, "concurrency": WORKERS, "loads of the largest": "0.1, 1, 10x"},
    ),
)

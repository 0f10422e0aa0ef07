"""The table: each group of cases with our actors and with Pykka's in turn, as ratios of speed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure
from benchmarks._settings import Settings

PROBE = "benchmarks.actors.probe"
PROXIES = (
    "proxy method",
    "proxy attribute",
    "proxy of an attribute's method",
    "proxy of an attribute's attribute",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ratio that must be reached, and one to aim at."""

    must: float
    aim: float


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that are measured together, pinned to so many cores."""

    name: str
    probe: str
    cores: int
    wanted: Mapping[str, Wanted]


GROUPS = (
    Group(
        "plain handlers, one core",
        "plain",
        1,
        {
            "ask": Wanted(0.95, 1.1),
            **dict.fromkeys(PROXIES, Wanted(0.9, 1.1)),
            "tell": Wanted(1.3, 2.0),
            "start and stop": Wanted(1.5, 2.0),
        },
    ),
    Group(
        "async handlers inside the system, one core",
        "inside",
        1,
        {"tell": Wanted(1.5, 3.0), "round trip": Wanted(1.0, 1.5)},
    ),
    Group(
        "async handlers inside the system, two cores",
        "inside",
        2,
        {"tell": Wanted(5.0, 8.0), "round trip": Wanted(2.0, 3.0)},
    ),
    Group(
        "async handlers from a thread, two cores",
        "outside",
        2,
        {
            "tell": Wanted(3.0, 5.0),
            "pipelined asks": Wanted(2.0, 4.0),
            "single ask": Wanted(0.4, 0.6),
        },
    ),
    Group("spawning, one core", "spawning", 1, {"spawning": Wanted(3.0, 5.0)}),
    Group("plain handlers, two cores", "plain", 2, {}),
    Group("async handlers from a thread, one core", "outside", 1, {}),
)


def compare(group: Group, settings: Settings, *, cpu_time: bool = False) -> Result:
    """Measure one group, both kinds in turn, and compare them round by round."""
    scale = 0.05 if settings.quick else 1.0
    clock = "cpu" if cpu_time and group.cores == 1 else "real"
    rounds: dict[str, list[Mapping[str, float]]] = {"ours": [], "pykka": []}
    for number in range(settings.repeat):
        settings.progress(f"{group.name}: round {number + 1} of {settings.repeat}")
        order = ("ours", "pykka") if number % 2 == 0 else ("pykka", "ours")
        for kind in order:
            figures = measure(PROBE, group.probe, kind, group.cores, scale, clock)
            rounds[kind].append(figures)
    series, goals = [], []
    for case in rounds["ours"][0]:
        ours, theirs = (_series(case, kind, rounds[kind]) for kind in ("ours", "pykka"))
        ratio = replace(ratios(ours, theirs), name=f"{case}, ratio")
        series += [ours, theirs, ratio]
        if case in group.wanted:
            goals.append(_goal(case, ratio, group.wanted[case]))
    return Result(group.name, series, goals)


def _series(case: str, kind: str, rounds: list[Mapping[str, float]]) -> Series:
    return Series(f"{case}, {kind}", "/s", tuple(figures[case] for figures in rounds))


def _goal(case: str, ratio: Series, wanted: Wanted) -> Goal:
    return Goal(f"{case} (aim {wanted.aim:g})", ratio.median, "at least", wanted.must, "x")


ALONE: Mapping[str, tuple[str, float, str]] = {
    "idle": ("bytes per actor", 4096, "bytes"),
    "restarts": ("median, ms", 1.0, "ms"),
}


def measure_alone(name: str, settings: Settings) -> Result:
    """Measure what has no counterpart in Pykka."""
    scale = 0.05 if settings.quick else 1.0
    rounds = []
    for number in range(settings.repeat):
        settings.progress(f"{name}: round {number + 1} of {settings.repeat}")
        rounds.append(measure(PROBE, name, "ours", 2, scale, "real"))
    series = [Series(case, "", tuple(one[case] for one in rounds)) for case in rounds[0]]
    medians = {one.name: one.median for one in series}
    if name == "flood":
        raised = medians["p99 beside a flood from inside, ms"] - medians["p99 in peace, ms"]
        goals = [Goal("p99 raised by a flood from inside", raised, "at most", 5.0, "ms")]
    else:
        case, limit, unit = ALONE[name]
        goals = [Goal(case, medians[case], "at most", limit, unit)]
    return Result(name, series, goals)

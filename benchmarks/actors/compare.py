"""Groups of cases with our actors and with others' in turn, as ratios of speed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks._environments import python
from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload

OURS = "ours"
PROBE = "benchmarks.actors.probe"
PEERS = {"pykka": "benchmarks.actors.pykka_peer", "xoscar": "benchmarks.actors.xoscar_peer"}
"""Programs, by the section of requirements-peers.txt."""
NAMES = {"pykka": "Pykka", "xoscar": "xoscar"}
ALL_PEERS = ("pykka", "xoscar")
WANTED = "pykka"
"""The peer that the goals are about."""

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
    title: str
    probe: str
    cores: int
    wanted: Mapping[str, Wanted]
    peers: Sequence[str] = ("pykka",)


GROUPS = (
    Group(
        "actors-plain",
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
        "actors-inside",
        "async handlers inside the system, one core",
        "inside",
        1,
        {"tell": Wanted(1.5, 3.0), "round trip": Wanted(1.0, 1.5)},
        ALL_PEERS,
    ),
    Group(
        "actors-inside-two-cores",
        "async handlers inside the system, two cores",
        "inside",
        2,
        {"tell": Wanted(5.0, 8.0), "round trip": Wanted(2.0, 3.0)},
        ALL_PEERS,
    ),
    Group(
        "actors-outside-two-cores",
        "async handlers from a thread, two cores",
        "outside",
        2,
        {
            "tell": Wanted(3.0, 5.0),
            "pipelined asks": Wanted(2.0, 4.0),
            "single ask": Wanted(0.4, 0.6),
        },
    ),
    Group(
        "actors-spawning",
        "spawning, one core",
        "spawning",
        1,
        {"spawning": Wanted(3.0, 5.0)},
        ALL_PEERS,
    ),
    Group("actors-plain-two-cores", "plain handlers, two cores", "plain", 2, {}),
    Group("actors-outside", "async handlers from a thread, one core", "outside", 1, {}),
)


def compare(group: Group, settings: Settings) -> Result:
    """Measure one group, each kind in turn, and compare them round by round."""
    kinds = [OURS, *(group.peers if settings.peers else ())]
    rounds: dict[str, list[Mapping[str, float]]] = {kind: [] for kind in kinds}
    for number in range(settings.repeat):
        settings.progress(f"{group.title}: round {number + 1} of {settings.repeat}")
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            rounds[kind].append(_measured(kind, group, settings))
    series, goals = [], []
    for case in rounds[OURS][0]:
        found = {kind: _series(case, kind, rounds[kind]) for kind in kinds}
        beside = {kind: _ratio(case, kind, found) for kind in kinds if kind != OURS}
        series += [*found.values(), *beside.values()]
        if case in group.wanted and WANTED in beside:
            goals.append(_goal(case, beside[WANTED], group.wanted[case]))
    return Result(group.name, series, goals)


def _measured(kind: str, group: Group, settings: Settings) -> Mapping[str, float]:
    clock = "cpu" if settings.cpu_time and group.cores == 1 else "real"
    arguments = (group.probe, group.cores, _scale(settings), clock)
    if kind == OURS:
        return measure(PROBE, *arguments)
    return measure(PEERS[kind], *arguments, python=python(kind))


def _scale(settings: Settings) -> float:
    return settings.size(100, 5) / 100


def _series(case: str, kind: str, rounds: list[Mapping[str, float]]) -> Series:
    return Series(f"{case}, {kind}", "/s", tuple(figures[case] for figures in rounds))


def _ratio(case: str, kind: str, found: Mapping[str, Series]) -> Series:
    return replace(ratios(found[OURS], found[kind]), name=f"{case}, ours / {kind}")


def _goal(case: str, ratio: Series, wanted: Wanted) -> Goal:
    return Goal(f"{case} (aim {wanted.aim:g})", ratio.median, "at least", wanted.must, "x")


ALONE: Mapping[str, tuple[str, float, str]] = {
    "idle": ("bytes per actor", 4096, "bytes"),
    "restarts": ("median, ms", 1.0, "ms"),
}


def measure_alone(name: str, settings: Settings) -> Result:
    """Measure what has no counterpart elsewhere."""
    rounds = []
    for number in range(settings.repeat):
        settings.progress(f"{name}: round {number + 1} of {settings.repeat}")
        rounds.append(measure(PROBE, name, 2, _scale(settings), "real"))
    series = [Series(case, "", tuple(one[case] for one in rounds)) for case in rounds[0]]
    medians = {one.name: one.median for one in series}
    if name == "flood":
        raised = medians["p99 beside a flood from inside, ms"] - medians["p99 in peace, ms"]
        goals = [Goal("p99 raised by a flood from inside", raised, "at most", 5.0, "ms")]
    else:
        case, limit, unit = ALONE[name]
        goals = [Goal(case, medians[case], "at most", limit, unit)]
    return Result(f"actors-{name}", series, goals)


def _beside(group: Group) -> Workload:
    peers = [Peer(kind, kind) for kind in group.peers]
    knobs = {"cores": group.cores}
    scenario = Scenario(f"messages of one string: {group.title}", "at most once", knobs, peers)
    others = " and ".join(NAMES[kind] for kind in group.peers)
    return Workload(
        group.name, f"{group.title}, beside {others}", partial(compare, group), scenario
    )


WORK = {
    "idle": "actors that wait: the memory of each, and how long they take to start and to stop",
    "restarts": "an actor that fails: until it handles the next message",
    "flood": "round trips with an actor beside one that is flooded",
}


def _workloads() -> Iterator[Workload]:
    yield from map(_beside, GROUPS)
    for name, work in WORK.items():
        scenario = Scenario(work, "at most once", {"cores": 2})
        yield Workload(f"actors-{name}", work, partial(measure_alone, name), scenario)


ACTORS: Sequence[Workload] = tuple(_workloads())

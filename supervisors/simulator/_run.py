"""The simulator's one function: its arguments are checked, then the engine runs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, overload

from supervisors._checks import Checks, Seconds
from supervisors._family import check_children
from supervisors._strategy import Strategy

from ._arrivals import expected
from ._engine import Simulation, paths
from ._failures import DependencyOutages, FailureBursts
from ._model import Child, Endpoint, Tree, Worker, spec_of
from ._plan import Trouble
from ._report import Report, Runs
from ._values import as_seconds
from ._world import World

MOST_MESSAGES: Final = 100_000_000
"""That come in one run, on average: some ten minutes of computing."""

MOST_SPANS: Final = 10_000_000
"""Outages or bursts of failures in one run."""


@overload
def simulate(
    strategy: Strategy,
    children: Iterable[Child],
    plan: Iterable[Trouble] = (),
    *,
    until: Seconds,
    seed: int | str = 0,
    root: str = "",
    start_time: Seconds = 0.0,
    success_after: Seconds = 0.0,
    keep_steps: bool = True,
    runs: None = None,
    confidence: float = 0.95,
) -> Report: ...


@overload
def simulate(
    strategy: Strategy,
    children: Iterable[Child],
    plan: Iterable[Trouble] = (),
    *,
    until: Seconds,
    seed: int | str = 0,
    root: str = "",
    start_time: Seconds = 0.0,
    success_after: Seconds = 0.0,
    keep_steps: bool = True,
    runs: int,
    confidence: float = 0.95,
) -> Runs: ...


def simulate(
    strategy: Strategy,
    children: Iterable[Child],
    plan: Iterable[Trouble] = (),
    *,
    until: Seconds,
    seed: int | str = 0,
    root: str = "",
    start_time: Seconds = 0.0,
    success_after: Seconds = 0.0,
    keep_steps: bool = True,
    runs: int | None = None,
    confidence: float = 0.95,
) -> Report | Runs:
    """Simulate ``children`` under ``strategy`` from 0 to ``until`` seconds; report what came of it.

    ``children``, in start order, are endpoints, workers and trees of them, and names or specs of
    children without messages. ``plan`` is what befalls children themselves, by name, or by path in
    a tree (``"tree/child"``). Stopping takes no time, each start takes ``start_time``, and a child
    without messages has its first success ``success_after`` seconds after each start.

    Draws come from streams, made from ``seed`` and each child's path below ``root``, the path of
    the supervisor: the same arguments give the same report, and the same delays as an
    ActorSystem or a bus with this seed. Two strategies under one seed meet the same messages.

    With ``runs`` the simulation is repeated with as many seeds made from ``seed``, and each figure
    has its confidence interval (`Runs`). Without ``keep_steps`` the report has no list of
    decisions, which takes less memory. Raises ConfigurationError: names used twice, or unknown to
    the plan; options that would never act; events without an end.
    """
    models, troubles = list(children), list(plan)
    checks = Checks("simulate")
    end = checks.seconds("until", until, above=0.0)
    startup = checks.seconds("start_time", start_time)
    first_success = checks.seconds("success_after", success_after)
    if runs is not None:
        checks.whole("runs", runs, at_least=1, way_out="None is for a single report")
    checks.number("confidence", confidence, above=0.0, at_most=0.999999)
    _check_names(checks, models, troubles)
    _check_amount(checks, models, end)
    checks.finish()
    _check_trees(strategy, models)

    def report(number: int) -> Report:
        own_seed = seed if number == 0 else f"{seed}/{number}"
        world = World(own_seed, root, end, startup, first_success, keep_steps)
        return Simulation(world, strategy, models).run(troubles)

    if runs is None:
        return report(0)
    return Runs(tuple(report(number) for number in range(runs)), confidence)


def _check_names(checks: Checks, children: Sequence[Child], plan: Sequence[Trouble]) -> None:
    names = list(paths(children))
    if not names:
        checks.refuse("children=[] is not allowed: give at least one name")
    for name, times in Counter(names).items():
        if times > 1:
            checks.refuse(f"name={name!r} is used {times} times; give each child its own")
    known = ", ".join(names)
    for stranger in sorted({trouble.child for trouble in plan} - set(names)):
        checks.refuse(f"the plan names {stranger!r}, which is none of the children ({known})")


def _check_amount(checks: Checks, children: Sequence[Child], until: float) -> None:
    for child in _loads(children):
        count = expected(child.arrivals, until)
        if count > MOST_MESSAGES:
            checks.refuse(
                f"about {count:.3g} messages would come to {child.name!r} until {until:g} s:"
                f" at most {MOST_MESSAGES} are simulated; give fewer, or a shorter time"
            )
        _check_spans(checks, child, until)


def _check_spans(checks: Checks, child: Endpoint | Worker, until: float) -> None:
    for one in child.failures:
        if not isinstance(one, FailureBursts | DependencyOutages):
            continue
        if (as_seconds(one.every) + as_seconds(one.lasting)) * MOST_SPANS < until:
            checks.refuse(
                f"{type(one).__name__} of {child.name!r}, every={one.every!r}, would come more than"
                f" {MOST_SPANS} times until {until:g} s: make it rarer, or the time shorter"
            )


def _check_trees(strategy: Strategy, children: Sequence[Child]) -> None:
    check_children(strategy, [spec_of(child) for child in children])
    for tree in _trees(children):
        check_children(tree.strategy, [spec_of(child) for child in tree.children])


def _loads(children: Iterable[Child]) -> Iterator[Endpoint | Worker]:
    for child in children:
        if isinstance(child, Tree):
            yield from _loads(child.children)
        elif isinstance(child, Endpoint | Worker):
            yield child


def _trees(children: Iterable[Child]) -> Iterator[Tree]:
    for child in children:
        if isinstance(child, Tree):
            yield child
            yield from _trees(child.children)

"""The simulator's one function: its arguments are checked, then the engine runs."""

from collections import Counter
from collections.abc import Iterable

from supervisors._checks import Checks, Seconds
from supervisors._family import check_children
from supervisors._spec import ChildSpec
from supervisors._strategy import Strategy

from ._engine import Simulation
from ._plan import Trouble
from ._report import Report


def simulate(
    strategy: Strategy,
    children: Iterable[str | ChildSpec],
    plan: Iterable[Trouble],
    *,
    until: Seconds,
    seed: int | str = 0,
    root: str = "",
    start_time: Seconds = 0.0,
    success_after: Seconds = 0.0,
) -> Report:
    """Replay ``plan`` against ``strategy`` from 0 to ``until`` seconds and report what came of it.

    ``children`` are names or specs, in start order. Stopping takes no time, each start takes
    ``start_time``, and a child that is up has its first success after ``success_after``.
    Jitter comes from one stream per child, made from ``seed`` and the child's path below ``root``,
    the path of the supervisor: the same arguments give the same report, and the same delays as
    an ActorSystem with this seed. Raises ConfigurationError for names used twice, or unknown to
    the plan.
    """
    specs = [_spec(child) for child in children]
    troubles = list(plan)
    checks = Checks("simulate")
    end = checks.seconds("until", until, above=0.0)
    startup = checks.seconds("start_time", start_time)
    first_success = checks.seconds("success_after", success_after)
    _check_names(checks, [spec.label for spec in specs], troubles)
    checks.finish()
    check_children(strategy, specs)
    simulation = Simulation(
        strategy, specs, seed=seed, root=root, start_time=startup, success_after=first_success
    )
    return simulation.run(troubles, end)


def _spec(child: str | ChildSpec) -> ChildSpec:
    return ChildSpec(object, name=child) if isinstance(child, str) else child


def _check_names(checks: Checks, names: list[str], plan: list[Trouble]) -> None:
    if not names:
        checks.refuse("children=[] is not allowed: give at least one name")
    for name, times in Counter(names).items():
        if times > 1:
            checks.refuse(f"name={name!r} is used {times} times; give each child its own")
    known = ", ".join(names)
    for stranger in sorted({trouble.child for trouble in plan} - set(names)):
        checks.refuse(f"the plan names {stranger!r}, which is none of the children ({known})")

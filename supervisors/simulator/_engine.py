"""The simulation: members made of the model, an agenda of virtual times, a report."""

from collections.abc import Iterable, Iterator, Sequence

from supervisors._decision import EscalateFailure
from supervisors._spec import ChildSpec
from supervisors._strategy import Strategy

from ._endpoint import EndpointMember
from ._family import Family
from ._load import Load
from ._member import Member
from ._model import Child, Endpoint, Tree, Worker, spec_of
from ._plan import Crash, Outage, Trouble
from ._report import Report
from ._tree import TreeMember
from ._worker import WorkerMember
from ._world import World


class Simulation:
    """One run, from 0 to the end; made for a single call of ``run``."""

    def __init__(self, world: World, strategy: Strategy, children: Iterable[Child]) -> None:
        self._world = world
        self._strategy = strategy
        self._members = [_member(world, child, "") for child in children]
        self._by_path = {one.path: one for one in _walk(self._members)}
        self._escalated_at: float | None = None

    def run(self, plan: Iterable[Trouble]) -> Report:
        """Start the children, let the plan happen to them, and report."""
        family = Family(self._world, self._strategy, self._members, "", self._escalate)
        family.start_all()
        for trouble in plan:
            self._expect(trouble)
        self._world.agenda.run(self._world.until)
        return self._report()

    def _escalate(self, decision: EscalateFailure) -> None:
        del decision  # that it happened is what is told
        self._escalated_at = self._world.agenda.now

    def _expect(self, trouble: Trouble) -> None:
        if isinstance(trouble, Outage):
            self._world.outages.append(trouble)
        at = trouble.at if isinstance(trouble, Crash) else trouble.start
        self._world.agenda.at(at, self._strike, trouble)

    def _strike(self, trouble: Trouble) -> None:
        member = self._by_path[trouble.child]
        if member.family is not None and member.family.is_running(member.name):
            member.family.fail(member.name, trouble.exception, "run")

    def _report(self) -> Report:
        world, members = self._world, list(_walk(self._members))
        for member in members:
            member.close(world.until)
        reports = [one.tally.report(world.until, _restarts(one)) for one in members]
        return Report(
            world.until,
            children=tuple(reports),
            gave_up=tuple(world.gave_up),
            escalated_at=self._escalated_at,
            timeline=tuple(world.steps),
            loads=tuple(
                member.report(report.restarts)
                for member, report in zip(members, reports, strict=True)
                if isinstance(member, Load)
            ),
            events=world.events,
        )


def paths(children: Iterable[Child], above: str = "") -> Iterator[str]:
    """Yield the paths of all children, those in trees included."""
    for child in children:
        path = _below(above, spec_of(child).label)
        yield path
        if isinstance(child, Tree):
            yield from paths(child.children, path)


def _member(world: World, child: Child, above: str) -> Member:
    if isinstance(child, str | ChildSpec):
        spec = spec_of(child)
        return Member(world, spec, _below(above, spec.label))
    path = _below(above, child.name)
    if isinstance(child, Endpoint):
        return EndpointMember(world, child, path)
    if isinstance(child, Worker):
        return WorkerMember(world, child, path)
    members = [_member(world, one, path) for one in child.children]
    return TreeMember(world, child.spec, path, child.strategy, members)


def _walk(members: Sequence[Member]) -> Iterator[Member]:
    for member in members:
        yield member
        if isinstance(member, TreeMember):
            yield from _walk(member.members)


def _restarts(member: Member) -> int:
    return 0 if member.family is None else member.family.restarts(member.name)


def _below(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name

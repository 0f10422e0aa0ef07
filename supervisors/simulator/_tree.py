"""A supervisor in a simulated tree: a member whose life is that of its children."""

from collections.abc import Callable, Sequence

from supervisors._decision import EscalateFailure
from supervisors._spec import ChildSpec
from supervisors._strategy import Strategy

from ._family import Family
from ._member import Member
from ._world import World


class TreeMember(Member):
    """Starts its children in order; fails when its strategy escalates."""

    def __init__(
        self,
        world: World,
        spec: ChildSpec,
        path: str,
        strategy: Strategy,
        members: Sequence[Member],
    ) -> None:
        super().__init__(world, spec, path)
        self._strategy = strategy.with_default("escalate")
        self.members = members
        self.own: Family | None = None
        self._escalated: BaseException | None = None

    def start(self, done: Callable[[object], None]) -> None:
        """Start the children, one after the other."""
        self._escalated = None
        self.own = Family(self.world, self._strategy, self.members, self.path, self._escalate)
        self.own.start_in_order(lambda: self.world.agenda.at(self.world.agenda.now, done))

    def up(self) -> None:
        """Run; a child that escalated meanwhile fails it now. It handles no messages itself."""
        if self._escalated is not None:
            self._fail(self._escalated)

    def down(self, *, final: bool) -> None:
        """End all children; another instance makes them anew."""
        if self.own is not None:
            self.own.end(final=final)
            self.own = None

    def _escalate(self, decision: EscalateFailure) -> None:
        if self.family is not None and self.family.is_running(self.name):
            self._fail(decision.cause)
        else:
            self._escalated = decision.cause

    def _fail(self, cause: BaseException) -> None:
        self._escalated = None
        if self.family is not None:
            self.family.fail(self.name, cause, "run")

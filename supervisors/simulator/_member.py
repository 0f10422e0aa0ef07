"""A child in a simulation, apart from its supervision: what its starts, its life and its end do."""

from collections.abc import Callable
from typing import Protocol

from supervisors._backoff import Phase
from supervisors._spec import ChildSpec

from ._tally import Tally
from ._world import World


class Parent(Protocol):
    """The family that a member belongs to now; a supervisor that restarts makes another one."""

    def fail(self, name: str, exception: BaseException, phase: Phase) -> None:
        """The member failed; what its strategy decides is carried out at once."""

    def succeed(self, name: str) -> None:
        """The member handled something."""

    def is_running(self, name: str) -> bool:
        """Whether the member is up, and nothing was decided about it."""

    def restarts(self, name: str) -> int:
        """How often the member's instance was replaced in this family."""

    def succeed_later(self, name: str, seconds: float) -> None:
        """The member handles something so much later, if the same instance runs by then."""


class Member:
    """A child without messages; its first success comes by itself."""

    def __init__(self, world: World, spec: ChildSpec, path: str) -> None:
        self.world = world
        self.spec = spec
        self.name = spec.label
        self.path = path
        self.tally = Tally(path)
        self.family: Parent | None = None

    def start(self, done: Callable[[object], None]) -> None:
        """Begin a start: ``done`` is called when it is over, well or badly."""
        self.world.agenda.at(self.world.agenda.now + self.world.start_time, done)

    def start_error(self) -> BaseException | None:
        """Return what a start that is over failed with."""
        outage = self.world.outage_of(self.path)
        return None if outage is None else outage.exception

    def up(self) -> None:
        """Run: the start went well."""
        if self.family is not None:
            self.family.succeed_later(self.name, self.world.success_after)

    def down(self, *, final: bool) -> None:
        """End the instance, for good or to be replaced."""

    def close(self, until: float) -> None:
        """Take stock at the end of the simulation."""

"""What a supervisor remembers about each child, and what it is told about a failure."""

from dataclasses import dataclass, replace

from ._backoff import FRESH, Backoff, BackoffState, Phase
from ._decider import Decider
from ._directive import RestartKind
from ._intensity import EMPTY, Intensity, Window
from ._lifecycle import LifecycleEvent, Status, transition
from ._spec import ChildSpec


@dataclass(frozen=True, slots=True)
class Failure:
    """How a child ended: by an exception, or, with None, by stopping itself; and where."""

    exception: BaseException | None
    phase: Phase = "run"


@dataclass(frozen=True, slots=True)
class ChildState:
    """One child, as the strategies see it. ``index`` is its place in the start order.

    ``window`` and ``backoff_state`` are the child's own under OneForOne, and its group's under the
    others, where every member keeps a copy. ``up_since`` is when it last finished its start,
    None while it has not; ``succeeded`` whether it has handled something since.
    ``restarts`` counts the instances that were replaced. The last three fields come from its spec.
    """

    name: str
    index: int
    restart: RestartKind = "transient"
    status: Status = Status.STARTING
    window: Window = EMPTY
    backoff_state: BackoffState = FRESH
    up_since: float | None = None
    succeeded: bool = False
    restarts: int = 0
    intensity: Intensity | None = None
    backoff: Backoff | None = None
    decider: Decider | None = None

    @staticmethod
    def of(spec: ChildSpec, name: str, index: int) -> "ChildState":
        """Return the state of a child that begins its first start."""
        return ChildState(
            name,
            index,
            spec.restart,
            intensity=spec.intensity,
            backoff=spec.backoff,
            decider=spec.decider,
        )

    def after(self, event: LifecycleEvent, now: float) -> "ChildState":
        """Return the state after ``event`` at ``now``; LifecycleError if it cannot happen."""
        status = transition(self.status, event)
        if event is LifecycleEvent.STARTED and status is Status.RUNNING:
            return replace(self, status=status, up_since=now, succeeded=False)
        if event is LifecycleEvent.RESTART:
            begins = status is Status.RESTARTING and self.status is not Status.RESTARTING
            restarts = self.restarts + begins
            return replace(self, status=status, up_since=None, succeeded=False, restarts=restarts)
        return replace(self, status=status)

    def success(self) -> "ChildState":
        """Return the state after it has handled something; worth telling once after a start."""
        return self if self.succeeded else replace(self, succeeded=True)

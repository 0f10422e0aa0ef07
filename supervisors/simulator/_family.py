"""The children of one supervisor in a simulation, and its strategy's decisions carried out.

Rules: (1) stopping takes no time, each start takes ``start_time``;
       (2) a group starts one after the other; at the root under OneForOne each child is on its own;
       (3) a supervisor in a tree starts all its children one after the other, whatever becomes of
           the starts, and is up then;
       (4) what was planned for an instance that is gone by then does not happen.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from supervisors._backoff import Phase
from supervisors._decision import (
    Decision,
    EscalateFailure,
    RestartChildren,
    ResumeChild,
    StopChild,
)
from supervisors._lifecycle import LifecycleEvent, Status
from supervisors._spec import ChildSpec
from supervisors._state import ChildState, Failure
from supervisors._strategy import Strategy

from ._member import Member
from ._report import Step
from ._world import World


@dataclass(slots=True, eq=False)
class _Starts:
    """Whom to start, one after the other; ``due`` once the delay before the first is over.

    Those of a supervisor's own start go on after one that failed, and tell when they are over.
    """

    names: list[str]
    due: bool = False
    over: Callable[[], None] | None = None


class Family:
    """The children of one instance of a supervisor; another instance has another family."""

    def __init__(
        self,
        world: World,
        strategy: Strategy,
        members: Sequence[Member],
        path: str,
        on_escalate: Callable[[EscalateFailure], None],
    ) -> None:
        self._world = world
        self._agenda = world.agenda
        self._strategy = strategy
        self._members = {member.name: member for member in members}
        self._path = path
        self._on_escalate = on_escalate
        self._states = {
            member.name: _waiting(member.spec, member.name, index)
            for index, member in enumerate(members)
        }
        self._draws = {member.name: world.restarts_of(member.path) for member in members}
        self._starts: dict[str, _Starts] = {}
        for member in members:
            member.family = self

    # -- starting ----------------------------------------------------------------------------

    def start_all(self) -> None:
        """Start the root's children."""
        names = list(self._states)
        for together in [names] if self._strategy.is_group else [[name] for name in names]:
            self._start_later(together, 0.0)

    def start_in_order(self, over: Callable[[], None]) -> None:
        """Start a supervisor's children as its own start does."""
        starts = _Starts(list(self._states), due=True, over=over)
        self._starts.update(dict.fromkeys(starts.names, starts))
        self._start_next(starts)

    def _start_later(self, names: Iterable[str], delay: float) -> None:
        starts = _Starts(list(names))
        self._starts.update(dict.fromkeys(starts.names, starts))
        self._agenda.at(self._agenda.now + delay, self._begin, starts)

    def _begin(self, starts: _Starts) -> None:
        starts.due = True
        self._start_next(starts)

    def _start_next(self, starts: _Starts) -> None:
        while starts.names:
            name = starts.names.pop(0)
            if self._starts[name] is starts and self._states[name].status is Status.BACKING_OFF:
                self._move(name, LifecycleEvent.DUE)
                self._members[name].start(partial(self._end_start, name, starts))
                return
        if starts.over is not None:
            over, starts.over = starts.over, None
            over()

    def _end_start(self, name: str, starts: _Starts, _about: object) -> None:
        if self._starts[name] is not starts or self._states[name].status is not Status.STARTING:
            return
        member = self._members[name]
        error = member.start_error()
        if error is not None:
            self.fail(name, error, "start")
            if starts.over is not None:
                self._start_next(starts)
            return
        self._move(name, LifecycleEvent.STARTED)
        member.tally.up(self._agenda.now)
        member.up()
        self._start_next(starts)

    # -- what members tell ---------------------------------------------------------------------

    def is_running(self, name: str) -> bool:
        """Whether a child is up."""
        return self._states[name].status is Status.RUNNING

    def succeed(self, name: str) -> None:
        """Note that a child handled something."""
        state = self._states[name]
        if state.status is Status.RUNNING:
            self._states[name] = state.success()

    def succeed_later(self, name: str, seconds: float) -> None:
        """Let a child handle something, if the same instance runs by then."""
        instance = self._states[name].restarts

        def succeed(_about: object) -> None:
            if self._states[name].restarts == instance:
                self.succeed(name)

        self._agenda.at(self._agenda.now + seconds, succeed)

    def fail(self, name: str, exception: BaseException, phase: Phase) -> None:
        """Decide about a failure, and carry the decision out."""
        tally = self._members[name].tally
        tally.failures += 1
        tally.failed_starts += phase == "start"
        failure = Failure(exception, phase)
        draw = self._draws[name].random()
        decision = self._strategy.decide(self._states, name, failure, self._agenda.now, draw)
        self._world.note(Step(self._agenda.now, decision, self._path))
        if isinstance(decision, StopChild | EscalateFailure) and decision.gave_up:
            self._world.gave_up.append(self._members[name].path)
        self._states.update((child.name, child) for child in decision.children)
        self._carry_out(decision)

    # -- carrying out --------------------------------------------------------------------------

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case ResumeChild():
                pass
            case RestartChildren():
                self._take_down(decision.stop)
                self._start_later(decision.start, decision.delay)
            case StopChild():
                self._take_down((decision.name,))
                self._go_on(decision.start)
            case EscalateFailure():
                self._members[decision.name].tally.escalations += 1
                self._take_down(decision.stop)
                self._on_escalate(decision)
            case _:
                assert_never(decision)

    def _take_down(self, names: Iterable[str]) -> None:
        now = self._agenda.now
        for name in names:
            member = self._members[name]
            if self._states[name].status is not Status.STOPPED:
                self._move(name, LifecycleEvent.GONE)
            final = self._states[name].status is Status.STOPPED
            member.tally.down(now)
            member.down(final=final)
            if final:
                member.tally.ended(now)

    def _go_on(self, names: Iterable[str]) -> None:
        for starts in {id(self._starts[name]): self._starts[name] for name in names}.values():
            if starts.due:
                self._start_next(starts)

    def _move(self, name: str, event: LifecycleEvent) -> None:
        self._states[name] = self._states[name].after(event, self._agenda.now)

    # -- ending --------------------------------------------------------------------------------

    def end(self, *, final: bool) -> None:
        """Take all down with their supervisor, for good or until it makes them anew."""
        for name in reversed(list(self._states)):
            state, member = self._states[name], self._members[name]
            member.tally.restarts += state.restarts + (not final)
            member.family = None
            if not state.status.is_ending:
                self._states[name] = replace(state, status=Status.STOPPED)
                member.tally.ended(self._agenda.now)
                member.down(final=True)

    def restarts(self, name: str) -> int:
        """Return how often a child's instance was replaced in this family."""
        return self._states[name].restarts


def _waiting(spec: ChildSpec, name: str, index: int) -> ChildState:
    """Return a child that waits for its first start."""
    return replace(ChildState.of(spec, name, index), status=Status.BACKING_OFF)

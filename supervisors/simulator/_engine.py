"""The simulation: an agenda of virtual times, and the strategy's own decisions carried out on it.

Rules: (1) stopping takes no time, each start takes ``start_time``;
       (2) a child that is up has its first success after ``success_after``;
       (3) a group starts one after the other; under OneForOne each child is on its own;
       (4) what was planned for an instance that is gone by then does not happen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import assert_never

from supervisors._backoff import Phase
from supervisors._decision import (
    EscalateFailure,
    RestartChildren,
    ResumeChild,
    StopChild,
)
from supervisors._draws import draw_stream
from supervisors._lifecycle import LifecycleEvent, Status
from supervisors._spec import ChildSpec
from supervisors._state import ChildState, Failure
from supervisors._strategy import Strategy

from ._plan import Crash, Outage, Trouble
from ._report import Report, Step
from ._tally import Tally


@dataclass(slots=True, eq=False)
class _Starts:
    """Whom to start, one after the other; ``due`` once the delay before the first is over."""

    names: list[str]
    due: bool = False


class Simulation:
    """One run, from 0 to the end; made for a single call of ``run``."""

    def __init__(
        self,
        strategy: Strategy,
        specs: Iterable[ChildSpec],
        *,
        seed: object,
        root: str,
        start_time: float,
        success_after: float,
    ) -> None:
        self._strategy = strategy
        self._start_time = start_time
        self._success_after = success_after
        self._now = 0.0
        self._states = {spec.label: _waiting(spec, index) for index, spec in enumerate(specs)}
        self._draws = {name: draw_stream(seed, _below(root, name)) for name in self._states}
        self._tallies = {name: Tally(name) for name in self._states}
        self._outages: list[Outage] = []
        self._starts: dict[str, _Starts] = {}
        self._steps: list[Step] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def run(self, plan: Iterable[Trouble], until: float) -> Report:
        """Start the children, let the plan happen to them, and report."""
        self._start_all()
        for trouble in plan:
            self._expect(trouble)
        while self._agenda and self._agenda[0][0] <= until:
            self._now, _, action = heappop(self._agenda)
            action()
        return self._report(until)

    def _start_all(self) -> None:
        names = list(self._states)
        for together in [names] if self._strategy.is_group else [[name] for name in names]:
            self._start_later(together, 0.0)

    def _expect(self, trouble: Trouble) -> None:
        if isinstance(trouble, Outage):
            self._outages.append(trouble)
        at = trouble.at if isinstance(trouble, Crash) else trouble.start
        self._at(at, lambda: self._strike(trouble))

    def _strike(self, trouble: Trouble) -> None:
        if self._states[trouble.child].status is Status.RUNNING:
            self._fail(trouble.child, trouble.exception, "run")

    def _at(self, time: float, action: Callable[[], None]) -> None:
        heappush(self._agenda, (time, next(self._order), action))

    # Starting

    def _start_later(self, names: Iterable[str], delay: float) -> None:
        starts = _Starts(list(names))
        self._starts.update(dict.fromkeys(starts.names, starts))
        self._at(self._now + delay, lambda: self._begin(starts))

    def _begin(self, starts: _Starts) -> None:
        starts.due = True
        self._start_next(starts)

    def _start_next(self, starts: _Starts) -> None:
        while starts.names:
            name = starts.names.pop(0)
            if self._starts[name] is starts and self._states[name].status is Status.BACKING_OFF:
                self._start(name, starts)
                return

    def _start(self, name: str, starts: _Starts) -> None:
        self._move(name, LifecycleEvent.DUE)
        self._at(self._now + self._start_time, lambda: self._end_start(name, starts))

    def _end_start(self, name: str, starts: _Starts) -> None:
        if self._starts[name] is not starts or self._states[name].status is not Status.STARTING:
            return
        outage = self._outage(name)
        if outage is not None:
            self._fail(name, outage.exception, "start")
            return
        self._move(name, LifecycleEvent.STARTED)
        self._tallies[name].up(self._now)
        instance = self._states[name].restarts
        self._at(self._now + self._success_after, lambda: self._succeed(name, instance))
        self._start_next(starts)

    def _outage(self, name: str) -> Outage | None:
        here = (one for one in self._outages if one.child == name)
        return next((one for one in here if one.start <= self._now < one.end), None)

    def _succeed(self, name: str, instance: int) -> None:
        state = self._states[name]
        if state.status is Status.RUNNING and state.restarts == instance:
            self._states[name] = state.success()

    # Failing

    def _fail(self, name: str, exception: BaseException, phase: Phase) -> None:
        tally = self._tallies[name]
        tally.failures += 1
        tally.failed_starts += phase == "start"
        draw = self._draws[name].random()
        failure = Failure(exception, phase)
        decision = self._strategy.decide(self._states, name, failure, self._now, draw)
        self._steps.append(Step(self._now, decision))
        self._states.update((child.name, child) for child in decision.children)
        match decision:
            case ResumeChild():
                pass
            case RestartChildren():
                self._take_down(decision.stop)
                self._start_later(decision.start, decision.delay)
            case StopChild():
                self._take_down((name,))
                self._go_on(decision.start)
            case EscalateFailure():
                self._take_down(decision.stop)
            case _:
                assert_never(decision)

    def _take_down(self, names: Iterable[str]) -> None:
        for name in names:
            if self._states[name].status is not Status.STOPPED:
                self._move(name, LifecycleEvent.GONE)
            self._tallies[name].down(self._now)
            if self._states[name].status is Status.STOPPED:
                self._tallies[name].ended(self._now)

    def _go_on(self, names: Iterable[str]) -> None:
        for starts in {id(self._starts[name]): self._starts[name] for name in names}.values():
            if starts.due:
                self._start_next(starts)

    def _move(self, name: str, event: LifecycleEvent) -> None:
        self._states[name] = self._states[name].after(event, self._now)

    # Reporting

    def _report(self, until: float) -> Report:
        escalations = [
            step.at for step in self._steps if isinstance(step.decision, EscalateFailure)
        ]
        reports = (
            tally.report(until, self._states[name].restarts)
            for name, tally in self._tallies.items()
        )
        return Report(
            until,
            children=tuple(reports),
            gave_up=tuple(step.decision.name for step in self._steps if _gave_up(step)),
            escalated_at=next(iter(escalations), None),
            steps=tuple(self._steps),
        )


def _waiting(spec: ChildSpec, index: int) -> ChildState:
    """Return a child that waits for its first start."""
    return replace(ChildState.of(spec, spec.label, index), status=Status.BACKING_OFF)


def _below(root: str, name: str) -> str:
    return f"{root}/{name}" if root else name


def _gave_up(step: Step) -> bool:
    return isinstance(step.decision, StopChild | EscalateFailure) and step.decision.gave_up

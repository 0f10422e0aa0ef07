"""Strategy: from a failure to a decision. The kinds differ in whom they restart together.

Rules: (1) directive first, then the child's kind, then the limit of restarts;
       (2) a failed start counts like any failure, and always waits;
       (3) OneForOne counts per child, the groups count per group, whoever of it failed;
       (4) members are stopped in reverse start order, and started in start order;
       (5) a decider that is broken escalates, with its own error as the cause.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from ._backoff import DEFAULT_BACKOFF, FRESH, Backoff, BackoffState
from ._checks import Checks, Seconds
from ._decider import DecideFunction, Decider, ExceptionTypes, decide
from ._decision import Decision, EscalateFailure, RestartChildren, ResumeChild, StopChild
from ._directive import EFFECTIVE, Directive, Ending
from ._errors import RestartsExhausted
from ._intensity import Intensity, Window, check_intensity
from ._lifecycle import LifecycleEvent
from ._spec import checked_decider
from ._state import ChildState, Failure

OnGiveUp = Literal["stop", "escalate"]
"""When the restarts are used up: end the child alone, or fail the supervisor."""

Children = Mapping[str, ChildState] | Sequence[ChildState]
"""All the children of one supervisor, by name or in any order; a mapping is looked up faster."""


@dataclass(frozen=True, slots=True, init=False)
class Strategy(ABC):
    """What the strategies share; build OneForOne, OneForAll or RestForOne.

    More than ``max_restarts`` restarts ``within`` seconds (a number or a timedelta) give up;
    None never does. ``on_give_up`` is ``"stop"`` or ``"escalate"``; None leaves it to the place:
    the runtime fills in ``"stop"`` at roots, and it means ``"escalate"`` elsewhere.
    With ``backoff=None`` restarts are immediate, but for failed starts, which wait as under
    ``Backoff()``. ``decider`` is a mapping of exception types to directives, or a function.
    Raises ConfigurationError.
    """

    is_group: ClassVar[bool] = False
    """Whether restarts are counted for all the children together."""

    max_restarts: int | None
    within: float
    on_give_up: OnGiveUp | None
    backoff: Backoff | None
    decider: Decider | None

    def __init__(
        self,
        max_restarts: int | None = 3,
        within: Seconds = 5.0,
        *,
        on_give_up: OnGiveUp | None = None,
        backoff: Backoff | None = DEFAULT_BACKOFF,
        decider: Decider | ExceptionTypes | DecideFunction | None = None,
    ) -> None:
        checks = Checks(type(self).__name__)
        limit, span = check_intensity(checks, max_restarts, within)
        if on_give_up is not None:
            checks.choice("on_give_up", on_give_up, ("stop", "escalate"))
        checks.instance("backoff", backoff, Backoff, allowed="a Backoff(initial=...)")
        made_decider = checked_decider(checks, decider)
        checks.finish()
        names = ("max_restarts", "within", "on_give_up", "backoff", "decider")
        values = (limit, span, on_give_up, backoff, made_decider)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    @property
    def intensity(self) -> Intensity:
        """The limit of restarts, for children that have none of their own."""
        return Intensity(self.max_restarts, self.within)

    def with_default(self, on_give_up: OnGiveUp) -> Self:
        """Return the strategy with ``on_give_up`` filled in where it was left to the place."""
        return self if self.on_give_up else replace(self, on_give_up=on_give_up)

    def decide(
        self, children: Children, failed: str, failure: Failure, now: float, draw: float
    ) -> Decision:
        """Return what to do about the failure of the child named ``failed``.

        ``now`` is the time in seconds on any steady clock, ``draw`` a random number from 0 to 1.
        Ask when ``child.after(LifecycleEvent.FAILED, now)`` is suspended, before or after storing
        that: what fails while it is taken down needs no decision. A child that is ending
        goes on ending. Raises ValueError for a name that is not among the children, and for a
        draw out of range; LifecycleError if the child cannot have failed.
        """
        child = _find(children, failed)
        if child.status.is_ending:
            return StopChild(failed, False, (), failure.exception, ())
        try:
            directive = self._directive(child, failure)
        except Exception as broken:  # noqa: BLE001  # a decider is foreign code; its error is the cause
            broken.__context__ = broken.__context__ or failure.exception
            return self._escalate(children, child, broken, now, gave_up=False)
        match directive:
            case Directive.Resume:
                return _resume(child, now)
            case Directive.Restart:
                return self._restart(children, child, failure, now, draw)
            case Directive.Stop:
                return self._stop(children, child, failure, now, gave_up=False)
            case Directive.Escalate:
                cause = _cause(child, failure)
                return self._escalate(children, child, cause, now, gave_up=False)

    @abstractmethod
    def affected(self, children: Children, failed: ChildState) -> Sequence[ChildState]:
        """Return whom a restart of ``failed`` takes along, itself included, in start order."""

    def _directive(self, child: ChildState, failure: Failure) -> Directive:
        ending: Ending = "stopped itself"
        if failure.exception is not None:
            ending = decide(failure.exception, child.decider, self.decider)
            if ending is Directive.Resume and failure.phase == "start":
                ending = "failed start: resume"
        return EFFECTIVE[ending, child.restart]

    def _restart(
        self, children: Children, child: ChildState, failure: Failure, now: float, draw: float
    ) -> Decision:
        limit = self.intensity if self.is_group else child.intensity or self.intensity
        window, holds = self._window(children, child, now, limit).record(now, limit)
        if not holds:
            return self._give_up(children, child, failure, now)
        delay, state = self._delay(children, child, failure, now, draw)
        group = self.affected(children, child)
        begun = {one.name: _begin_restart(one, now) for one in group}
        counted = (begun.get(one.name, one) for one in self._counted(children, child))
        changed = [replace(one, window=window, backoff_state=state) for one in counted]
        return RestartChildren(
            child.name,
            stop=_names(one for one in reversed(group) if _can_be_stopped(one)),
            start=_names(one for one in begun.values() if one.status.awaits_start),
            delay=delay,
            restarts=begun[child.name].restarts,
            cause=failure.exception,
            children=tuple(changed),
        )

    def _counted(self, children: Children, child: ChildState) -> Sequence[ChildState]:
        """Return who shares the window and the backoff of ``child``."""
        return in_start_order(children) if self.is_group else (child,)

    def _window(
        self, children: Children, child: ChildState, now: float, limit: Intensity
    ) -> Window:
        # Every member keeps the whole window from the day it joined, so the longest is the group's.
        windows = (one.window.counting(now, limit) for one in self._counted(children, child))
        return max(windows, key=lambda window: len(window.restarts))

    def _delay(
        self, children: Children, child: ChildState, failure: Failure, now: float, draw: float
    ) -> tuple[float, BackoffState]:
        backoff = child.backoff or self.backoff
        if backoff is None and failure.phase == "run":
            return 0.0, FRESH
        backoff = backoff or DEFAULT_BACKOFF
        states = (one.backoff_state for one in self._counted(children, child))
        state = max(states, key=_progress)
        if child.up_since is not None:
            # Under a group, another member's failure ends the quiet as well.
            quiet = now - max(child.up_since, state.since)
            state = FRESH if backoff.is_over(quiet, succeeded=child.succeeded) else state
        return backoff.next(state, failure.phase, now, draw)

    def _give_up(
        self, children: Children, child: ChildState, failure: Failure, now: float
    ) -> Decision:
        if self.on_give_up == "stop":
            return self._stop(children, child, failure, now, gave_up=True)
        return self._escalate(children, child, _cause(child, failure), now, gave_up=True)

    def _stop(
        self, children: Children, child: ChildState, failure: Failure, now: float, *, gave_up: bool
    ) -> StopChild:
        others = in_start_order(children) if self.is_group else ()
        left_down = (one for one in others if one.status.awaits_start and one is not child)
        return StopChild(
            child.name,
            gave_up=gave_up,
            start=_names(left_down),
            cause=failure.exception,
            children=(child.after(LifecycleEvent.STOP, now),),
        )

    def _escalate(
        self,
        children: Children,
        child: ChildState,
        cause: BaseException,
        now: float,
        *,
        gave_up: bool,
    ) -> EscalateFailure:
        alive = [one for one in reversed(in_start_order(children)) if not one.status.is_ending]
        stopped = tuple(one.after(LifecycleEvent.STOP, now) for one in alive)
        return EscalateFailure(child.name, _names(alive), cause, gave_up, stopped)


def in_start_order(children: Children) -> list[ChildState]:
    """Return the children by their index."""
    values = children.values() if isinstance(children, Mapping) else children
    return sorted(values, key=lambda child: child.index)


def _find(children: Children, name: str) -> ChildState:
    if isinstance(children, Mapping):
        found = children.get(name)
    else:
        found = next((child for child in children if child.name == name), None)
    if found is None:
        known = ", ".join(child.name for child in in_start_order(children)) or "none"
        raise ValueError(f"no child is named {name!r} (known: {known})")
    return found


def _begin_restart(child: ChildState, now: float) -> ChildState:
    if child.status.is_ending:
        return child
    event = LifecycleEvent.STOP if child.restart == "temporary" else LifecycleEvent.RESTART
    return child.after(event, now)


def _resume(child: ChildState, now: float) -> ResumeChild:
    return ResumeChild(child.name, (child.after(LifecycleEvent.RESUME, now),))


def _can_be_stopped(child: ChildState) -> bool:
    return child.status.has_instance and not child.status.is_ending


def _names(children: Iterable[ChildState]) -> tuple[str, ...]:
    return tuple(child.name for child in children)


def _progress(state: BackoffState) -> tuple[int, int]:
    return state.restarts, state.waits


def _cause(child: ChildState, failure: Failure) -> BaseException:
    if failure.exception is not None:
        return failure.exception
    return RestartsExhausted(f"child {child.name!r} keeps stopping itself")

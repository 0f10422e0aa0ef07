"""Looking at how actors of a running system are supervised, and changing it.

Rules: (1) nothing is restarted, and no message is lost: what is decided next is decided anew;
       (2) a wait that has begun is finished as it was; windows and rows of failures go on;
       (3) a change lasts for as long as the ref does, over all restarts;
       (4) what could not have been declared is refused, with nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypedDict

from actors._events import SupervisionReplaced
from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    DecideFunction,
    Decider,
    ExceptionTypes,
    Intensity,
    RestartKind,
    Strategy,
    check_children,
)

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._supervisor import Family
    from actors._system import ActorSystem


class OwnSupervision(TypedDict, total=False):
    """What an actor has in place of its parent's strategy; None takes it from there again."""

    intensity: Intensity | None
    backoff: Backoff | None
    decider: Decider | ExceptionTypes | DecideFunction | None


OWN: Final = tuple(OwnSupervision.__annotations__)


@dataclass(frozen=True, slots=True)
class ActorSupervision:
    """How an actor is supervised now, and how it supervises."""

    restart: RestartKind
    parent: Strategy
    """The strategy that it is supervised by."""
    intensity: Intensity | None
    """Its own, in place of the strategy's; so are the next two. None: the strategy's."""
    backoff: Backoff | None
    decider: Decider | None
    strategy: Strategy | None
    """How it supervises its children; None if it has had none."""


def supervision_of(cell: Cell) -> ActorSupervision:
    """Return how an actor is supervised now."""
    settings, family = cell.settings, cell.family
    return ActorSupervision(
        settings.restart,
        cell.parental_strategy(),
        settings.intensity,
        settings.backoff,
        settings.decider,
        None if family is None else family.strategy,
    )


def supervise(cell: Cell, strategy: Strategy | None, own: OwnSupervision) -> None:
    """Change how an actor is supervised, and how it supervises. Raises ConfigurationError."""
    with cell.system.supervising:  # two threads change it one after the other
        checked = _checked(cell, own)
        if strategy is not None:
            _check_strategy(cell.path, strategy, cell.family)
        before = supervision_of(cell)
        if own:
            cell.settings = replace(cell.settings, **{key: getattr(checked, key) for key in OWN})
        if strategy is not None:
            _replace_strategy(cell, strategy)
        after = supervision_of(cell)
    cell.publish(SupervisionReplaced, before, after)


def _replace_strategy(cell: Cell, strategy: Strategy) -> None:
    cell.system.strategies[cell] = strategy
    if cell.family is not None:
        cell.family.strategy = strategy.with_default("escalate")
    if cell.ended:  # meanwhile, in another thread: nobody else takes it away
        cell.system.strategies.pop(cell, None)


def supervise_root(system: ActorSystem, strategy: Strategy) -> None:
    """Change how a system supervises its root actors. Raises ConfigurationError."""
    with system.supervising:
        _check_strategy(system.name, strategy, system.root)
        before, system.root.strategy = system.root.strategy, strategy.with_default("stop")
        after = system.root.strategy
    system.count(SupervisionReplaced)
    if system.events.has_subscribers:
        system.events.publish(SupervisionReplaced(system.name, system.time(), before, after))


def _checked(cell: Cell, own: Mapping[str, Any]) -> ChildSpec:
    """Return the spec with the changes. Raises ConfigurationError."""
    unknown = [f"{key}= is not known (known: {', '.join(OWN)})" for key in own if key not in OWN]
    if unknown:
        raise ConfigurationError(cell.path, *unknown)
    now = {**_options(cell), **own}
    spec = ChildSpec(cell.factory, name=cell.name, **now)
    check_children(cell.parental_strategy(), [spec])
    return spec


def _options(cell: Cell) -> dict[str, Any]:
    settings = cell.settings
    return {key: getattr(settings, key) for key in ("restart", *OWN)}


def _check_strategy(owner: str, strategy: object, family: Family | None) -> None:
    if not isinstance(strategy, Strategy):
        problem = f"strategy={strategy!r} is not allowed: give a strategy, such as OneForOne()"
        raise ConfigurationError(owner, problem)
    if family is not None:
        with family.system.lock:
            cells = list(family.cells.values())
        check_children(
            strategy, [ChildSpec(one.factory, name=one.name, **_options(one)) for one in cells]
        )

"""Families: the children of one actor, or of a system, and what their strategy decides.

A failed child asks its family for a decision. A restart of one child alone is that child's own
work; what concerns several is carried out here, in a task that gives orders: stop in reverse start
order, wait, start in order. A newer decision replaces the task that carries out an older one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import trio
from pykka import ActorDeadError

from actors._actor import Actor
from actors._cell import DEFAULT_STRATEGY, Cell, Order
from actors._end import end
from actors._errors import NameTaken
from actors._ref import ActorRef
from actors._settings import Settings
from supervisors import (
    ChildSpec,
    ConfigurationError,
    Decision,
    EscalateFailure,
    Failure,
    RestartChildren,
    Status,
    StopChild,
    Strategy,
    check_children,
)

if TYPE_CHECKING:
    from actors._system import ActorSystem

_NO_KEYWORDS: Final[Mapping[str, Any]] = MappingProxyType({})

HEAD_START: Final = 0.1
"""Seconds that dynamic children share so that each begins to stop before the one before it."""


class Family:
    """The children of one cell, or of the system if `owner` is None."""

    __slots__ = (
        "_carrying_out",
        "_number",
        "_under_way",
        "cells",
        "closed",
        "ending",
        "owner",
        "strategy",
        "system",
    )

    def __init__(
        self, system: ActorSystem, owner: Cell | None, strategy: Strategy | None = None
    ) -> None:
        self.system = system
        self.owner = owner
        replaced = system.strategies.get(owner) if owner is not None else None
        chosen = strategy or replaced or (owner and owner.actor and owner.actor.strategy)
        chosen = chosen or DEFAULT_STRATEGY
        if not isinstance(chosen, Strategy):
            problem = f"strategy={chosen!r} is not allowed: give a strategy, such as OneForOne()"
            raise ConfigurationError(owner.path if owner else system.name, problem)
        self.strategy = chosen.with_default("stop" if owner is None else "escalate")
        self.cells: dict[str, Cell] = {}
        self.closed = False
        self.ending = False  # all are stopped: who fails meanwhile is not restarted
        self._number = 0
        self._carrying_out: trio.CancelScope | None = None
        self._under_way: tuple[Sequence[str], Sequence[str]] = ((), ())

    @property
    def path(self) -> str:
        """The path of the parent."""
        return self.system.name if self.owner is None else self.owner.path

    def refs(self) -> dict[str, ActorRef[Any]]:
        """Return the children's refs by name, in start order."""
        with self.system.lock:
            return {name: cell.ref for name, cell in self.cells.items() if cell.is_made}

    def find(self, name: str) -> ActorRef[Any] | None:
        """Return the child of this name, if there is one now."""
        with self.system.lock:
            cell = self.cells.get(name)
            return cell.ref if cell is not None and cell.is_made else None

    # -- spawning ----------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection  # Ctrl-C would leave an actor that never begins
    def spawn(
        self,
        factory: Callable[..., Actor] | ChildSpec,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        name: str | None,
    ) -> ActorRef[Any]:
        """Make a child and let it start. From any thread."""
        cell = self.make(factory, args, kwargs, name)
        cell.static = self.owner is None and name is not None
        cell.begin()
        return cell.ref

    def make(
        self,
        factory: Callable[..., Actor] | ChildSpec,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        name: str | None,
    ) -> Cell:
        """Make a child that has not begun. What its `__init__` raises passes through."""
        settings = None
        if isinstance(factory, ChildSpec):
            spec, factory = factory, factory.factory
            base: Settings = getattr(factory, "_settings", Actor._settings)
            settings = base.with_spec(spec)
            args, kwargs = (*spec.args, *args), {**spec.kwargs, **kwargs}
            name = name if name is not None else spec.name
        cell = Cell(self.system, self, name or "", factory, args, kwargs or _NO_KEYWORDS, settings)
        self._add(cell, name)
        try:
            cell.build()
        except BaseException:
            self.remove(cell)
            cell.discard()
            raise
        return cell

    def _add(self, cell: Cell, name: str | None) -> None:
        given: object = name
        if given is not None and not (isinstance(given, str) and given and "/" not in given):
            raise ValueError(f"name={name!r} is not allowed: give text without '/'")
        with self.system.lock:
            if self.closed:
                raise ActorDeadError(f"{self.path} has ended, or is ending")
            self._number += 1
            if name is None:
                cell.name = self._free_name(getattr(cell.factory, "__name__", "actor").lower())
            if cell.name in self.cells:
                raise NameTaken(f"{self.path} has a child {cell.name!r} that has not ended")
            cell.index = self._number
            self.cells[cell.name] = cell

    def _free_name(self, label: str) -> str:
        while f"{label}-{self._number}" in self.cells:  # somebody gave this name
            self._number += 1
        return f"{label}-{self._number}"

    def remove(self, cell: Cell) -> None:
        """Forget a child that has ended."""
        with self.system.lock:
            if self.cells.get(cell.name) is cell:
                del self.cells[cell.name]
        if self.owner is None:
            self.system.root_changed()

    # -- deciding ----------------------------------------------------------------------------

    def decide(self, cell: Cell, failure: Failure) -> Decision:
        """Ask the strategy what to do, and store the states that it returns."""
        strategy = self.strategy  # it may be replaced meanwhile
        cells = dict(self.cells) if strategy.is_group else {cell.name: cell}
        states = [one.state() for one in cells.values()]
        draw = cell.draws().random()
        decision = strategy.decide(states, cell.name, failure, trio.current_time(), draw)
        for state in decision.children:
            if state.name == cell.name or not isinstance(decision, EscalateFailure):
                cells[state.name].remember(state)
        return decision

    def escalate(self, cause: BaseException) -> None:
        """Let the parent fail with a child's failure."""
        self.ending = True
        self._interrupt()
        if self.owner is None:
            self.system.fail(cause)
        else:
            self.owner.inject(cause)

    # -- carrying out ------------------------------------------------------------------------

    def restart_together(self, decision: RestartChildren) -> None:
        """Stop, wait and start as decided, in place of what an older decision still has to do."""
        if self._carrying_out is None:
            self._carry_out(decision.stop, decision.delay, decision.start)
        else:
            self._carry_out(self._still_to_stop(decision), decision.delay, self._down(decision))

    def _still_to_stop(self, decision: RestartChildren) -> list[str]:
        """Return whom to stop, with those that an older decision has not come to stop."""
        older = {
            name
            for name, cell in self._named_in(self._under_way[0])
            if cell.status in (Status.RESTARTING, Status.STOPPING)
        }
        return [name for name in reversed(self.cells) if name in older or name in decision.stop]

    def _down(self, decision: RestartChildren) -> list[str]:
        """Return whom to start, with those that an older decision, of another strategy, took down.

        A decision of the same strategy has them all.
        """
        older = {
            name for name, cell in self._named_in(self._under_way[1]) if cell.status.awaits_start
        }
        return [name for name in self.cells if name in older or name in decision.start]

    def _named_in(self, names: Iterable[str]) -> list[tuple[str, Cell]]:
        return [(name, self.cells[name]) for name in names if name in self.cells]

    def start_without(self, decision: StopChild) -> None:
        """Start the members of a group that are down because of a child that ends.

        A restart that is under way goes on without it, after the delay that it has.
        """
        if decision.start and self._carrying_out is None:
            self._carry_out((), 0.0, decision.start)

    def _carry_out(self, stop: Sequence[str], delay: float, start: Sequence[str]) -> None:
        self._interrupt()
        scope = self._carrying_out = trio.CancelScope()
        self._under_way = stop, start
        self.system.start_task(
            self._work, scope, stop, delay, start, name=f"{self.path}: restart of a group"
        )

    def _interrupt(self) -> None:
        if self._carrying_out is None:
            return
        self._carrying_out.cancel()
        self._carrying_out = None
        for cell in self.cells.values():
            if cell.order is Order.START:  # it has not come to begin
                cell.order = None

    @trio.lowlevel.enable_ki_protection  # Ctrl-C is for the body of the system, not for its parts
    async def _work(
        self, scope: trio.CancelScope, stop: Sequence[str], delay: float, start: Sequence[str]
    ) -> None:
        with scope:
            for cell in self._named(stop):
                await trio.lowlevel.checkpoint_if_cancelled()  # a newer decision replaced this one
                await _take_down(cell, final=cell.name not in start)
            await trio.sleep(delay)
            for cell in self._named(start):
                await trio.lowlevel.checkpoint_if_cancelled()
                await _start(cell)
            await trio.lowlevel.checkpoint_if_cancelled()
            self._carrying_out = None

    def _named(self, names: Iterable[str]) -> list[Cell]:
        return [self.cells[name] for name in names if name in self.cells]

    async def start_all(self, specs: Sequence[ChildSpec]) -> None:
        """Make all children, so that they can be told, then start one after the other."""
        waiting: deque[Cell] = deque()
        try:
            for spec in specs:
                waiting.append(self.make(spec, (), {}, spec.name))
                waiting[-1].static = True
            while waiting:
                cell = waiting.popleft()
                cell.begin_task()
                await cell.until(lambda cell=cell: cell.status is not Status.STARTING)  # type: ignore[misc]  # mypy cannot infer it
        except BaseException:
            for cell in waiting:  # they never began, so nothing else ends them
                end(cell)
            raise

    # -- ending ------------------------------------------------------------------------------

    async def stop_all(self) -> None:
        """Stop all children, the last started first.

        Static ones one by one; a row of dynamic ones side by side, each with a short head start.
        """
        self.ending = True
        self._interrupt()
        while self.close_if_empty():
            row: list[Cell] = []
            for cell in reversed(list(self.cells.values())):
                if cell.static:
                    await _stop_row(row)
                    row = []
                    await _take_down(cell, final=True)
                else:
                    row.append(cell)
            await _stop_row(row)

    def close_if_empty(self) -> bool:
        """Let no more children in once there are none; return whether there are some."""
        with self.system.lock:
            if not self.cells:
                self.closed = True
            return bool(self.cells)

    def forget_after_fork(self, why: str) -> None:
        """Close all mailboxes of an inherited tree."""
        self.closed = True
        for cell in list(self.cells.values()):
            if cell.is_made:
                cell.mailbox.forget_after_fork(why)
            if cell.family is not None:
                cell.family.forget_after_fork(why)


async def _take_down(cell: Cell, *, final: bool) -> None:
    cell.give(Order.STOP if final else Order.SUSPEND)
    await cell.until(lambda: cell.ended or (not final and cell.status is Status.BACKING_OFF))


async def _start(cell: Cell) -> None:
    if cell.status is Status.BACKING_OFF:  # else it has come up by itself, at its own time
        cell.give(Order.START)
    await cell.until(lambda: cell.status not in (Status.BACKING_OFF, Status.STARTING))


async def _stop_row(cells: Sequence[Cell]) -> None:
    for cell in cells:
        cell.give(Order.STOP)
        with trio.move_on_after(HEAD_START / len(cells)):
            await cell.until(lambda cell=cell: cell.ended)  # type: ignore[misc]  # as above
    for cell in cells:
        await cell.until(lambda cell=cell: cell.ended)  # type: ignore[misc]  # as above


def _check_strategy(name: str, strategy: object) -> None:
    if not isinstance(strategy, Strategy):
        allowed = "give a strategy, such as OneForOne()"
        raise ConfigurationError(name, f"strategy={strategy!r} is not allowed: {allowed}")


def _as_spec(child: ChildSpec | type[Actor]) -> ChildSpec:
    """Return the spec of a child; a class keeps its own keywords."""
    if isinstance(child, ChildSpec):
        return child
    settings: Settings | None = getattr(child, "_settings", None)
    return ChildSpec(child) if settings is None else settings.as_spec(child)


class Supervisor(Actor, runs_on="trio"):
    """An actor that only supervises: it starts its children in order, and stops them in reverse.

    `children` are specs, or classes without arguments. Each is reached by name:
    `system["shop/db"]`, or `self.context.children` in a subclass. A child's ref may be told before
    the child has started.

    Raises:
        ConfigurationError: names used twice, or options that would never act

    """

    def __init__(
        self,
        strategy: Strategy | None = None,
        children: Sequence[ChildSpec | type[Actor]] = (),
    ) -> None:
        super().__init__()
        specs = [_as_spec(one) for one in children]
        if strategy is not None:
            _check_strategy(type(self).__name__, strategy)
            self.strategy = strategy  # type: ignore[misc]  # an instance may have its own
        check_children(self.strategy or DEFAULT_STRATEGY, specs)
        self._specs = specs

    async def on_start(self) -> None:
        """Start the children, in order; one that fails to start is supervised like any other."""
        await self._cell.own_family().start_all(self._specs)

    async def on_receive(self, message: Any) -> Any:
        """Ignore messages, as Pykka's actors do: with a warning."""
        return Actor.on_receive(self, message)

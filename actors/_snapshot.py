"""What a running system looks like, as frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from actors._mailbox import MailboxStatistics
from supervisors import Status

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._supervisor import Family
    from actors._system import ActorSystem


@dataclass(frozen=True, slots=True)
class ActorSnapshot:
    """One actor and all below it, at one moment."""

    path: str
    name: str
    actor_class: type[Any]
    state: Status
    restarts: int
    mailbox: MailboxStatistics
    children: tuple[ActorSnapshot, ...] = ()
    details: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What the actor's `describe()` returned; its failure is under `error`."""

    def walk(self) -> Iterator[ActorSnapshot]:
        """Yield this actor and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class SystemSnapshot:
    """The whole tree of a system."""

    name: str
    time: float
    children: tuple[ActorSnapshot, ...]
    threads_busy: int
    threads_stuck: int

    def walk(self) -> Iterator[ActorSnapshot]:
        """Yield all actors, parents first."""
        for child in self.children:
            yield from child.walk()

    def __str__(self) -> str:
        """Draw the tree, an actor on each line: its name, state, restarts and what waits for it."""
        return "\n".join((self.name, *_drawn(self.children)))


def _drawn(children: tuple[ActorSnapshot, ...]) -> Iterator[str]:
    for child in children:
        last = child is children[-1]
        yield f"{'└── ' if last else '├── '}{_line(child)}"
        for line in _drawn(child.children):
            yield f"{'    ' if last else '│   '}{line}"


def _line(actor: ActorSnapshot) -> str:
    parts = [f"{actor.name} {actor.state}"]
    if actor.restarts:
        parts.append(f"{actor.restarts} restarts")
    if actor.mailbox.waiting:
        parts.append(f"{actor.mailbox.waiting} waiting")
    return "  ".join(parts)


def snapshot_system(system: ActorSystem) -> SystemSnapshot:
    """Return the tree of a system. From any thread."""
    return SystemSnapshot(
        name=system.name,
        time=system.time(),
        children=_children(system.root),
        threads_busy=system.threads.busy,
        threads_stuck=system.threads.stuck,
    )


def snapshot_actor(cell: Cell) -> ActorSnapshot:
    """Return one actor and all below it. From any thread."""
    return ActorSnapshot(
        path=cell.path,
        name=cell.name,
        actor_class=cell.ref.actor_class,
        state=cell.status,
        restarts=cell.restarts,
        mailbox=cell.mailbox.statistics(),
        children=_children(cell.family),
        details=_details(cell),
    )


def _children(family: Family | None) -> tuple[ActorSnapshot, ...]:
    if family is None:
        return ()
    return tuple(snapshot_actor(ref._cell) for ref in family.refs().values())


def _details(cell: Cell) -> Mapping[str, object]:
    actor = cell.actor
    if actor is None:
        return MappingProxyType({})
    try:
        return MappingProxyType(dict(actor.describe()))
    except Exception as error:  # noqa: BLE001  # shown in its place
        return MappingProxyType({"error": repr(error)})

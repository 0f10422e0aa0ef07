"""Counters of actors and systems, as frozen values. Those of mailboxes are in `_mailbox`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from actors._mailbox import MailboxStatistics
from supervisors import Status

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._supervisor import Family
    from actors._system import ActorSystem


@dataclass(frozen=True, slots=True)
class SupervisionStatistics:
    """What a parent's strategy has to do with its children."""

    strategy: str
    children: int
    running: int
    backing_off: int
    restarts: int
    """The restarts of the children that have not ended."""


@dataclass(frozen=True, slots=True)
class ActorStatistics:
    """One actor at one moment."""

    path: str
    state: Status
    restarts: int
    up_since: float | None
    """When it last finished its start, on the system's clock."""
    background_tasks: int
    timers: int
    mailbox: MailboxStatistics
    supervision: SupervisionStatistics | None
    """None without children."""


@dataclass(frozen=True, slots=True)
class SystemStatistics:
    """A system at one moment."""

    actors: int
    events: Mapping[str, int]
    """How often each event happened, by the name of its class."""
    threads_busy: int
    threads_stuck: int
    processes_busy: int
    processes_idle: int
    supervision: SupervisionStatistics
    """Of the root actors."""


def statistics_of(cell: Cell) -> ActorStatistics:
    """Return the counters of one actor. From any thread."""
    return ActorStatistics(
        path=cell.path,
        state=cell.status,
        restarts=cell.restarts,
        up_since=cell.up_since,
        background_tasks=len(cell.tasks or ()),
        timers=len(cell.timers or ()),
        mailbox=cell.mailbox.statistics(),
        supervision=None if cell.family is None else statistics_of_family(cell.family),
    )


def statistics_of_family(family: Family) -> SupervisionStatistics:
    """Return the counters of the children of one parent. From any thread."""
    cells = [ref._cell for ref in family.refs().values()]
    return SupervisionStatistics(
        strategy=type(family.strategy).__name__,
        children=len(cells),
        running=sum(cell.status is Status.RUNNING for cell in cells),
        backing_off=sum(cell.status is Status.BACKING_OFF for cell in cells),
        restarts=sum(cell.restarts for cell in cells),
    )


def statistics_of_system(system: ActorSystem, events: Mapping[str, int]) -> SystemStatistics:
    """Return the counters of a system. From any thread."""
    return SystemStatistics(
        actors=_count(system.root),
        events=MappingProxyType(dict(events)),
        threads_busy=system.threads.busy,
        threads_stuck=system.threads.stuck,
        processes_busy=system.processes.busy,
        processes_idle=system.processes.idle,
        supervision=statistics_of_family(system.root),
    )


def _count(family: Family | None) -> int:
    if family is None:
        return 0
    return sum(1 + _count(ref._cell.family) for ref in family.refs().values())

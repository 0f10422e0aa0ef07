"""Actors that have no trio task: plain ones, while nothing but their messages is to be handled.

A plain actor without `on_start` has started once it is made, and one without `on_stop` has ended
once its stop request is taken. Between the two its mailbox wakes threads by itself. So it gets its
task with the first thing that needs one: an order, a failure, an `async def` handler, something to
take down. A task, and waking the trio thread for it, would cost most of a start and a stop.

Rule: whoever first sets `has_task`, under the system's lock, carries the cell's life on: the trio
thread, which then starts the task, or the owner of the mailbox, who then ends the cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykka import ActorDeadError

from actors import _loop
from actors._colour import overrides
from actors._end import end
from actors._events import Started
from supervisors import LifecycleEvent, transition

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._supervisor import Family


def begin(cell: Cell) -> bool:
    """Start a cell without a task; False if it needs one. On the thread that spawns it."""
    if not _needs_no_start(cell):
        return False
    with cell.system.lock:
        cell.status = transition(cell.status, LifecycleEvent.STARTED)
        cell.up_since = cell.system.time()
        started = cell._started
    if started is not None:
        started.settle((None, None, None))
    cell.publish(Started, 0)
    cell.owns = False
    cell.has_task = False
    if cell.mailbox.interrupted or not cell.system.takes_tasks:
        _have_task_begin(cell)  # whoever interrupted it may have thought that it has one
    if not cell.mailbox.release():
        _loop.work_on(cell)
    return True


def _needs_no_start(cell: Cell) -> bool:
    """Whether there is nothing to run, and no sibling's failure that may concern it meanwhile."""
    if not cell.on_thread or cell.siblings is None or cell.siblings.strategy.is_group:
        return False
    return cell.actor is not None and not overrides(cell.actor, "on_start")


def _have_task_begin(cell: Cell) -> None:
    try:
        cell.system.post(cell.unpark)
    except ActorDeadError:
        if claim(cell):
            end(cell)
        raise


def claim(cell: Cell) -> bool:
    """Become the one who carries its life on; False if there is one."""
    with cell.system.lock:
        if cell.has_task:
            return False
        cell.has_task = True
        return True


def end_at_once(cell: Cell) -> bool:
    """End a cell for a stop request, if nothing is to be run for that. Its mailbox's owner only."""
    if cell.has_task or not _needs_no_stop(cell) or not claim(cell):
        return False
    try:
        end(cell)
    except BaseException:  # Ctrl-C on this thread, for example: it must end nevertheless
        cell.system.post_or_ignore(lambda: end(cell))
        raise
    return True


def _needs_no_stop(cell: Cell) -> bool:
    if cell.family or cell.tasks or cell.timers or cell.watching or cell.mailbox.interrupted:
        return False
    return cell.actor is not None and not overrides(cell.actor, "on_stop")


def end_all(family: Family) -> None:
    """End those without a task when the time of their system is over. In the trio thread."""
    with family.system.lock:
        family.closed = True
        cells = list(family.cells.values())
    for cell in cells:
        if cell.family is not None:
            end_all(cell.family)
        if claim(cell):
            cell.reason = "shutdown"
            end(cell)

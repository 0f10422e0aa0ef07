"""How a cell ends: it takes no more messages, accounts for those that are left, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykka import ActorDeadError, ActorRegistry

from actors import _watch
from actors._events import DeadLetter, Stopped, Undelivered
from actors._lanes import Envelope, is_stop
from supervisors import Status

if TYPE_CHECKING:
    from actors._cell import Cell


def dead_letter(cell: Cell, envelope: Envelope, reason: str) -> None:
    """Publish a message that will not be handled, or answer its asker."""
    reply = envelope.reply_to
    if reply is not None:
        reply.fail(ActorDeadError(f"{cell.ref} stopped before handling the message"))
    else:
        cell.publish(DeadLetter, envelope.message, reason)


def close(cell: Cell) -> None:
    """Take no more messages: `on_stop` is next. As in Pykka it is not alive from here on."""
    if cell.left is None:
        cell.left = cell.mailbox.close(f"{cell.ref} not found")
        if cell.system.is_default:
            ActorRegistry.unregister(cell.ref)


def end(cell: Cell) -> None:
    """End for good: close the mailbox, leave the family, tell watchers.

    In the trio thread, or of a cell without a task on the thread that has claimed it.
    """
    if cell.ended:
        return
    cell.status = Status.STOPPED
    close(cell)
    left = [*(cell.left or ()), *cell.mailbox.close()]
    cell.actor = None
    if cell.system.strategies:
        cell.system.strategies.pop(cell, None)
    if cell.ticket is not None:
        cell.ticket.make_void(cell.hand)
    if cell.workers is not None:
        cell.workers.close()
    _bury(cell, [envelope for envelope in left if not is_stop(envelope)])
    if cell.siblings is not None:
        cell.siblings.remove(cell)
    cell.publish(Stopped, cell.reason)
    _tell_that_it_ended(cell)
    for envelope in left:
        if envelope.reply_to is not None and is_stop(envelope):
            envelope.reply_to.settle((None, None, None))


def _tell_that_it_ended(cell: Cell) -> None:
    with cell.system.lock:
        cell.ended = True
        watchers, cell.watchers = cell.watchers, None
        started, terminated = cell._started, cell._terminated
        stopped_event = cell._stopped_event
    if stopped_event is not None:
        stopped_event.set()
    for watcher in watchers or ():
        _watch.notify(watcher, cell)
    if started is not None:
        started.fail(ActorDeadError(f"{cell.path} ended before it had started"))
    if terminated is not None:
        terminated.settle((None, None, None))
    if cell._changed is not None:
        cell.system.post_or_ignore(cell.announce)


def _bury(cell: Cell, left: list[Envelope]) -> None:
    """Account for what was in hand and what was left in the mailbox, stop requests excepted."""
    in_hand, cell.in_hand = cell.in_hand, None
    if in_hand is not None:
        dead_letter(cell, in_hand, "in hand when the actor was cut off")
    if cell.reason == "shutdown" and left:
        messages = tuple(envelope.message for envelope in left if envelope.reply_to is None)
        if messages:
            cell.publish(Undelivered, len(messages), messages)
    for envelope in left:
        if envelope.reply_to is not None or cell.reason != "shutdown":
            dead_letter(cell, envelope, f"the actor has ended ({cell.reason})")

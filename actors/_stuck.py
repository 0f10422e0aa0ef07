"""Plain handlers that run for too long: Python cannot end a thread, only go on without it."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from actors._ending import Ending, Report
from actors._errors import HandlerTimedOut
from actors._events import HandlerStuck
from actors._lanes import as_envelope
from actors._mailbox import NOTHING
from actors._timers import Timer

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._ending import Ticket
    from actors._lanes import Envelope

logger = logging.getLogger("pykka")


@contextlib.contextmanager
def watching(cell: Cell, ticket: Ticket, envelope: Envelope) -> Iterator[None]:
    """Keep the time limit of a message while a thread handles it; late, it voids the ticket."""
    ticket.running.append(envelope)
    timer = Timer(lambda: _late(cell, ticket, envelope), None)
    cell.system.add_timer(cell.settings.handler_timeout or math.inf, timer)
    try:
        yield
    finally:
        timer.cancel()
        if not ticket.take():
            ticket.valid = False


def _late(cell: Cell, ticket: Ticket, envelope: Envelope) -> None:
    """Report a stuck thread, replace its place in the pool, and go on without it if allowed."""
    if not ticket.valid or ticket.running != [envelope] or cell.ended:
        return
    limit = cell.settings.handler_timeout or 0.0
    replaced = ticket.worker is None or cell.system.threads.write_off(ticket.worker)
    abandoned = cell.settings.abandon and replaced and ticket.take()
    cell.publish(HandlerStuck, limit, envelope.message, abandoned)
    logger.warning("%s: a handler runs longer than %s seconds", cell.path, limit)
    if abandoned:
        _abandon(cell, envelope, limit)


def _abandon(cell: Cell, envelope: Envelope, limit: float) -> None:
    give_up_thread(cell)
    error = HandlerTimedOut(f"{cell.path}: a handler ran longer than {limit} seconds")
    unsettled: Envelope | None = envelope
    if envelope.reply_to is not None:
        envelope.reply_to.fail(error)
        unsettled = None
    cell.report = Report(ending=Ending("abandoned", error, envelope=unsettled))
    cell.on_thread = cell.plain
    cell.become_owner()


def give_up_thread(cell: Cell) -> Envelope | None:
    """Stop waiting for a thread that is stuck in a handler; what it still does is dropped.

    Return the message that it has in hand, to be accounted for.
    """
    ticket, cell.ticket = cell.ticket, None
    cell.thread_context = None
    hand = cell.hand
    if ticket is not None:
        ticket.make_void(hand)
        if ticket.worker is not None:
            cell.system.threads.write_off(ticket.worker)
    if cell.workers is not None:
        cell.workers.close()
        cell.workers = cell.workers.successor()
    return None if hand is NOTHING else as_envelope(hand)

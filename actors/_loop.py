"""Emptying a mailbox: on the cell's trio task, or on a pool thread that the mailbox woke.

Both loops take one message at a time, stop at an order, and end a batch at a count and at a time.
The thread settles successes by itself; a failure, a stop request and an `async def` handler it
hands back to the trio task, together with the ownership of the mailbox.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import Context
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

import trio
from pykka import messages
from pykka._introspection import get_attr_directly

from actors import _stuck
from actors._cancelled import to_be_judged
from actors._colour import (
    PROXY_MESSAGES,
    begin_in_context,
    go_on_in_context,
    is_async,
    proxy_call,
    runs_in_process,
)
from actors._end import dead_letter
from actors._ending import Ending, Report, Ticket
from actors._errors import HandlerTimedOut
from actors._lanes import Envelope, Item, StopItself, as_envelope
from actors._mailbox import NOTHING
from actors._process_call import ProcessCall
from actors._threads import current_worker
from supervisors import fails_on_ask

if TYPE_CHECKING:
    from actors._cell import Cell

logger = logging.getLogger("pykka")

BATCH: Final = 256
"""Messages after which a loop lets others run."""

STRIDE: Final = 8
"""Messages between two looks at the clock, the first after one: each costs as much as a `take`."""

BUDGET: Final = 0.002
"""Seconds after which it does."""


# -- on trio ------------------------------------------------------------------------------------


async def serve(cell: Cell) -> Ending:
    """Handle messages until something ends it. If cancelled: what is in hand stays in hand."""
    box = cell.mailbox
    while True:
        ending = None
        if cell.report is not None:
            ending = await _take_report(cell)
        elif box.interrupted and (cell.owns or box.seize()):
            cell.owns = True
            return _ordered(cell)
        elif cell.owns:
            ending = await _drain(cell)
        else:
            await trio.lowlevel.wait_task_rescheduled(cell.parked())  # `park`, a frame shorter
        if ending is not None:
            return ending


def _ordered(cell: Cell) -> Ending:
    if cell.injected is not None:
        return Ending("failed", cell.injected)
    return Ending("ordered")


async def _drain(cell: Cell) -> Ending | None:  # noqa: C901, PLR0912  # the hot loop, in one frame
    """Handle one batch on trio; give the mailbox away when a plain handler is next."""
    box = cell.mailbox
    taken = 0
    until = perf_counter() + BUDGET
    while not box.interrupted:
        if taken % STRIDE == 1 and (taken > BATCH or perf_counter() > until):
            await trio.lowlevel.checkpoint()
            return None
        taken += 1
        item = box.take_item()
        if item is NOTHING:
            if box.release():
                cell.owns = False
                return None
            continue
        if type(item) is Envelope:
            message, reply, context = item.message, item.reply_to, item.context
            if reply is not None and reply.abandoned:
                box.skipped += 1
                continue
        else:
            message, reply, context = item, None, None
        if type(message) in _SPECIAL:
            ending = await _special(cell, as_envelope(item))
            if ending is not None:
                return ending
            if not cell.owns:
                return None
        elif (
            getattr(receive := cell.actor.on_receive, "__func__", receive) is cell.last_async  # type: ignore[union-attr]  # it runs
            or remember_if_async(cell, receive)
        ):
            cell.hand = item
            try:
                if cell.careful:
                    result = await _carefully(cell, context, receive, (message,), {})
                elif context is None:
                    result = await receive(message)
                else:
                    steps, result = begin_in_context(context, context.run(receive, message))
                    if steps is not None:
                        result = await go_on_in_context(context, steps, result)
            except BaseException as error:  # noqa: BLE001  # it is judged, or passes through
                ending = failed(cell, error)
                if ending is not None:
                    return ending
            else:
                if reply is not None and cell.hand is item:
                    reply.settle((result, None, None))
            cell.hand = NOTHING
        else:
            give_to_thread(cell, as_envelope(item))
            return None
        cell.succeeded = True
    return None


def remember_if_async(cell: Cell, function: Callable[..., Any]) -> bool:
    """Whether it is awaited here; if so it is not looked at again while it is the handler."""
    found = is_async(function) or runs_in_process(cell.actor, function)
    if found:
        cell.last_async = getattr(function, "__func__", function)
    return found


async def _carefully(
    cell: Cell,
    context: Context | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Call it in its context, within its time limit, on the event loop that it wants."""
    limit = cell.settings.handler_timeout
    if cell.settings.runs_on == "process" and runs_in_process(cell.actor, function):
        call = ProcessCall(cell.path, function, args, kwargs)
        return await cell.system.processes.run(call, limit)
    if limit is None:
        return await _in_world(cell, context, function, args, kwargs)
    with trio.move_on_after(limit) as scope:
        return await _in_world(cell, context, function, args, kwargs)
    if scope.cancelled_caught:
        raise HandlerTimedOut(f"{cell.path}: a handler ran longer than {limit} seconds")
    return None


async def _in_world(
    cell: Cell,
    context: Context | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    if cell.runs_on == "asyncio":
        return await cell.system.bridge.run(function, args, kwargs, context)
    if context is None:
        return await function(*args, **kwargs)
    steps, result = begin_in_context(context, context.run(function, *args, **kwargs))
    return result if steps is None else await go_on_in_context(context, steps, result)


async def _special(cell: Cell, envelope: Envelope) -> Ending | None:
    """Handle a stop request or a message of a proxy."""
    if isinstance(envelope.message, StopItself):
        return Ending("stopped itself", envelope=envelope)
    if isinstance(envelope.message, messages._ActorStop):
        return Ending("stop", envelope=envelope)
    cell.in_hand = envelope
    try:
        function, args, kwargs = proxy_call(cell.actor, envelope.message)
        if is_async(function) or runs_in_process(cell.actor, function):
            result = await _carefully(cell, envelope.context, function, args, kwargs)
        elif _runs_anywhere(cell.actor, function, args):
            result = function(*args, **kwargs)
        else:
            cell.in_hand = None
            give_to_thread(cell, envelope)
            return None
        _answer(cell, envelope, result)
    except BaseException as error:  # noqa: BLE001  # as above
        ending = failed(cell, error)
        if ending is not None:
            return ending
    cell.in_hand = None
    return None


def _runs_anywhere(actor: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether it only gets or sets a plain attribute, which cannot block."""
    if function is setattr:
        owner, name = args[0], args[1]
    elif function is get_attr_directly and len(args[1]) == 1:
        owner, name = actor, args[1][0]
    else:
        return False
    return not hasattr(type(_on_class(type(owner), name)), "__get__")


def _on_class(owner: type[Any], name: str) -> Any:
    """Return the class's attribute as it is stored, without asking a descriptor for its value."""
    return next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), None)


def _answer(cell: Cell, envelope: Envelope, result: Any) -> None:
    if envelope.reply_to is not None and cell.in_hand is envelope:
        envelope.reply_to.settle((result, None, None))


async def _take_report(cell: Cell) -> Ending | None:
    """Go on with what a thread handed back."""
    report, cell.report = cell.report, None
    if report is None or report.envelope is None:
        return None if report is None else report.ending
    if report.awaitable is None:
        return await _handle_here(cell, report.envelope)
    cell.in_hand = report.envelope
    try:
        result = await _carefully(cell, report.envelope.context, lambda: report.awaitable, (), {})
        _answer(cell, report.envelope, result)
    except BaseException as error:  # noqa: BLE001  # as above
        return failed(cell, error)
    finally:
        cell.in_hand = None
    return None


async def _handle_here(cell: Cell, envelope: Envelope) -> Ending | None:
    """Handle a message that a thread took and may not handle: put it first, and drain."""
    cell.mailbox.put_back(envelope)
    return await _drain(cell)


def failed(cell: Cell, error: BaseException) -> Ending | None:
    """Answer an asker; return an Ending if it is the actor's failure too, else None.

    A Cancelled passes through, also out of a group, if the instance is being taken down.
    """
    error = to_be_judged(error, cell.actor)
    in_hand = cell.in_hand  # unless it was put aside
    reply = None if in_hand is None else in_hand.reply_to
    if reply is None:
        return Ending("failed", error, envelope=in_hand)
    add_hint(cell, error)
    logger.info("Exception returned from %s to caller:", cell.actor, exc_info=error)
    reply.fail(error)
    if fails_on_ask(error, cell.settings.decider, cell.parental_strategy().decider):
        return Ending("failed", error)
    return None


def add_hint(cell: Cell, error: BaseException) -> None:
    """Say which option helps when code of one event loop was awaited on the other."""
    text = str(error)
    if isinstance(error, RuntimeError | TypeError) and any(hint in text for hint in _FOREIGN):
        other = "asyncio" if cell.runs_on == "trio" else "trio"
        error.add_note(
            f"{cell.path} runs its async handlers on {cell.runs_on}; if this needs {other}, write "
            f"class {cell.ref.actor_class.__name__}(Actor, runs_on={other!r})"
        )


_FOREIGN: Final = (
    "no running event loop",
    "must be called from async context",
    "unrecognized yield message",
    "no current event loop",
)


# -- on a thread --------------------------------------------------------------------------------


def give_to_thread(cell: Cell, envelope: Envelope) -> None:
    """Let a pool thread go on, with this message first. In the trio task, the owner."""
    cell.mailbox.put_back(envelope)
    cell.owns = False
    cell.on_thread = True
    work_on(cell)


def work_on(cell: Cell) -> None:
    """Submit the cell, whose mailbox is owned by nobody else, to its threads."""
    activity = cell.system.bridge.activity
    job = cell.work if activity is None else activity.flying(cell.work)
    (cell.workers or cell.system.threads).submit(job)


def work(cell: Cell) -> None:
    """Empty the mailbox on this thread, which owns it."""
    worker = current_worker()
    ticket = cell.ticket = Ticket(worker)
    if worker is not None:
        worker.what = cell
    report = _work(cell, ticket)
    if report is not None and ticket.valid:
        cell.on_thread = False
        cell.report = report
        cell.system.post_or_ignore(cell.become_owner)


def _work(cell: Cell, ticket: Ticket) -> Report | None:
    """Return what to hand back, or None when the mailbox is empty or was resubmitted."""
    box = cell.mailbox
    pool = cell.system.threads
    taken = 0
    until = perf_counter() + BUDGET
    while not box.interrupted:
        if taken % STRIDE == 1 and pool.has_waiting and (taken > BATCH or perf_counter() > until):
            work_on(cell)
            return None
        taken += 1
        item = box.take_item()
        if item is NOTHING:
            if box.release():
                return None
            continue
        report = _handle_on_thread(cell, item, ticket)
        if report is not None:
            return report
        if not ticket.valid:
            return None
    return Report()


def _handle_on_thread(  # noqa: C901, PLR0912  # the hot loop of threads, in one frame
    cell: Cell, item: Item, ticket: Ticket
) -> Report | None:
    if type(item) is Envelope:
        message, reply, context = item.message, item.reply_to, item.context
        if reply is not None and reply.abandoned:
            cell.mailbox.skipped += 1
            return None
    else:
        message, reply, context = item, None, None
    if type(message) in _STOPS:
        return _stop_on_thread(cell, as_envelope(item))
    cell.hand = item
    try:
        if type(message) in PROXY_MESSAGES:
            function, args, kwargs = proxy_call(cell.actor, message)
        else:
            function, args, kwargs = cell.actor.on_receive, (message,), _NO_KEYWORDS  # type: ignore[union-attr]  # it runs
        if getattr(function, "__func__", function) is not cell.last_plain:
            if is_async(function) or runs_in_process(cell.actor, function):
                cell.hand = NOTHING
                return Report(as_envelope(item))
            cell.last_plain = getattr(function, "__func__", function)
        if context is None:
            context = cell.thread_context or cell.context_of_thread()
        if cell.settings.handler_timeout is None:
            result = context.run(function, *args, **kwargs)
        else:
            with _stuck.watching(cell, ticket, as_envelope(item)):
                result = context.run(function, *args, **kwargs)
    except BaseException as error:  # noqa: BLE001  # it is answered, or handed back as a failure
        return _failed_on_thread(cell, item, ticket, error)
    if not ticket.valid:
        _account_for_late(cell, item, ticket)
        return None
    if type(result) is CoroutineType:
        return Report(as_envelope(item), awaitable=result)
    cell.succeeded = True
    if reply is not None and cell.hand is item:
        reply.settle((result, None, None))
    cell.hand = NOTHING
    return None


def _stop_on_thread(cell: Cell, envelope: Envelope) -> Report | None:
    """End the cell here if that is all there is to do, else leave it to its task."""
    from actors._taskless import end_at_once  # noqa: PLC0415  # the modules import each other

    if type(envelope.message) is messages._ActorStop:
        cell.mailbox.put_back(envelope)  # the end answers what it finds there
        if end_at_once(cell):
            return None
        cell.mailbox.take()
    return Report(envelope)


def _account_for_late(cell: Cell, item: Item, ticket: Ticket) -> None:
    """Account for a message that was taken just when the thread was given up, unseen."""
    if not ticket.seen:
        dead_letter(cell, as_envelope(item), "taken when the actor was cut off")


def _failed_on_thread(
    cell: Cell, item: Item, ticket: Ticket, error: BaseException
) -> Report | None:
    if not ticket.valid:
        logger.warning(
            "A handler of %s failed after it had been given up:", cell.path, exc_info=error
        )
        _account_for_late(cell, item, ticket)
        return None
    ending = failed(cell, error)
    if ending is None:
        cell.in_hand = None
        return None
    return Report(ending=ending)


_NO_KEYWORDS: Final[dict[str, Any]] = {}
_STOPS: Final = frozenset({StopItself, messages._ActorStop})
_SPECIAL: Final = PROXY_MESSAGES | _STOPS

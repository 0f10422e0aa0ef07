"""The life of a cell: make an instance, let it serve, judge how it ended, take it down; again.

One trio task per actor runs this. The parent's strategy judges; `_supervisor` carries out what
concerns siblings.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, assert_never, cast

import trio

from actors import _watch
from actors._cancelled import to_be_judged
from actors._cell import Order
from actors._colour import is_async, overrides
from actors._end import close, dead_letter, end
from actors._ending import Ending, Phase, Report
from actors._errors import ActorRestarted, MailboxFull
from actors._events import (
    BackingOff,
    Escalated,
    Failed,
    GaveUp,
    HookFailed,
    Overran,
    Restarted,
    Resumed,
    Started,
)
from actors._loop import add_hint, serve
from actors._reported import is_reported
from actors._stash import unstash
from actors._stuck import give_up_thread
from supervisors import (
    EscalateFailure,
    Failure,
    LifecycleEvent,
    RestartChildren,
    ResumeChild,
    Status,
    StopChild,
    fate,
    leaves,
)

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._lanes import Envelope

logger = logging.getLogger("pykka")


class Verdict(Enum):
    """What becomes of the instance."""

    RESUME = "it goes on"
    ALONE = "it is replaced, when its time has come"
    TOGETHER = "it is replaced when its family says so"
    STOP = "it is taken down for good"


class Next(Enum):
    """Which instance serves next."""

    SAME = "the same"
    NEW = "a new one"


@trio.lowlevel.enable_ki_protection  # Ctrl-C is for the body of the system, not for its parts
async def run(cell: Cell) -> None:
    """Run one actor from its first start until it has ended."""
    following: Next | None = Next.NEW if cell.up_since is None else Next.SAME  # see `_taskless`
    try:
        while following is not None:
            # While an actor is idle, this frame and that of `serve` are all it has: they are many.
            ending: Ending | None = None
            with trio.CancelScope(deadline=cell.deadline) as cell.scope:
                ending = await _start(cell) if following is Next.NEW else None
                ending = ending or await serve(cell)
            following = await _conclude(cell, ending or _overrun(cell))
    finally:
        end(cell)


async def _conclude(cell: Cell, ending: Ending) -> Next | None:
    """Carry out what becomes of an instance, and return what is next; None is the end."""
    cell.scope = None
    verdict, due = judge(cell, ending)
    if verdict is Verdict.RESUME and ending.kind == "abandoned":  # a thread still runs in it
        cell.move(LifecycleEvent.RESTART)
        verdict, due = Verdict.ALONE, 0.0
    if verdict is Verdict.RESUME:
        _settle_in_hand(cell, ending, final=False)
        await _without_children_that_failed(cell)
        return Next.SAME
    if verdict is Verdict.TOGETHER and cell.order is not Order.SUSPEND:
        await _until_ordered(cell, Order.SUSPEND)
    final = verdict is Verdict.STOP or cell.order is Order.STOP
    if final and cell.status is not Status.STOPPING:
        cell.move(LifecycleEvent.STOP)
    await take_down(cell, ending, final=final)
    if cell.order is Order.STOP or final:
        return None
    cell.move(LifecycleEvent.GONE)
    cell.obey()
    if not await _until_due(cell, due if verdict is Verdict.ALONE else None):
        _answer_stop(cell, ending)
        return None
    cell.move(LifecycleEvent.DUE)
    cell.obey()
    return Next.NEW


async def _without_children_that_failed(cell: Cell) -> None:
    """Let an actor that goes on although a child escalated begin without children."""
    if cell.family is not None and cell.family.ending:
        await cell.family.stop_all()
        cell.family = None


async def _start(cell: Cell) -> Ending | None:
    """Make an instance, unless the spawner has, and start it."""
    again = cell.actor is None
    try:
        if again:
            await _make(cell)
        if cell.actor is not None and overrides(cell.actor, "on_start"):
            await invoke(cell, cell.actor.on_start)
    except BaseException as error:  # noqa: BLE001  # the parent's strategy judges it
        return Ending("failed", to_be_judged(error, cell.path), "start")
    cell.up_since = trio.current_time()
    cell.succeeded = False
    if cell.status is Status.STARTING:  # else its family decided about it meanwhile
        cell.move(LifecycleEvent.STARTED)
    if cell._started is not None:
        cell._started.settle((None, None, None))
    cell.publish(Started, cell.restarts)
    if cell.restarts:
        cell.publish(Restarted, cell.restarts, cell.last_cause)
        cell.last_cause = None  # its traceback holds the old instance
    return None


async def _make(cell: Cell) -> None:
    """Make an instance where `on_receive` would run; one that is half made has no hooks."""
    try:
        if cell.plain:
            await cell.system.bridge.in_thread(cell, cell.build)
        else:
            cell.build()
    except BaseException:
        cell.actor = None
        raise


async def invoke(cell: Cell, function: Callable[..., Any], *args: Any) -> Any:
    """Call a hook where its colour belongs."""
    if not is_async(function):
        return await cell.system.bridge.in_thread(cell, function, *args)
    if cell.runs_on == "asyncio":
        return await cell.system.bridge.run(function, args, {}, None)
    return await cast("Awaitable[Any]", function(*args))


# -- judging -------------------------------------------------------------------------------------


def judge(cell: Cell, ending: Ending) -> tuple[Verdict, float]:
    """Return what becomes of the instance, and when it is replaced."""
    error = ending.error
    escalated = cell.family is not None and cell.family.ending  # that was published by the child
    if cell.injected is not None and cell.injected is not error and not escalated:
        cell.failed_too(cell.injected)
    if error is not None:
        _say_failed(cell, error, ending.phase)
    if cell.order is Order.STOP:
        return Verdict.STOP, math.inf
    if ending.kind == "stop":
        return Verdict.STOP, math.inf
    if cell.order is Order.SUSPEND or cell.status is Status.RESTARTING:
        if cell.status is not Status.RESTARTING:
            cell.move(LifecycleEvent.RESTART)
        return Verdict.TOGETHER, math.inf
    if ending.kind == "ordered":
        return Verdict.RESUME, math.inf
    itself = ending.kind == "stopped itself"
    cell.move(LifecycleEvent.STOPPED_ITSELF if itself else LifecycleEvent.FAILED)
    cell.obey()
    if error is not None and _is_overflow_of_another(cell, error, ending):
        cell.move(LifecycleEvent.RESUME)
        cell.publish(Resumed, error)
        return Verdict.RESUME, math.inf
    return _carry_out(cell, Failure(error, ending.phase))


def _carry_out(cell: Cell, failure: Failure) -> tuple[Verdict, float]:
    family = cell.siblings
    if family is None or family.ending:
        cell.reason = "failed" if failure.exception is not None else "stopped"
        return Verdict.STOP, math.inf
    decision = family.decide(cell, failure)
    match decision:
        case ResumeChild():
            if failure.exception is not None:
                cell.publish(Resumed, failure.exception)
            return Verdict.RESUME, math.inf
        case RestartChildren():
            cell.publish(BackingOff, decision.delay, decision.restarts, decision.cause)
            # In a group a later decision may take over a restart that is under way.
            if decision.start == (cell.name,) and not family.strategy.is_group:
                return Verdict.ALONE, trio.current_time() + decision.delay
            family.restart_together(decision)
            return Verdict.TOGETHER, math.inf
        case StopChild():
            cell.reason = "failed" if failure.exception is not None else "stopped"
            if decision.gave_up:
                cell.reason = "gave up"
                cell.publish(GaveUp, decision.cause)
            family.start_without(decision)
            return Verdict.STOP, math.inf
        case EscalateFailure():
            cell.reason = "gave up" if decision.gave_up else "failed"
            if decision.gave_up:
                cell.publish(GaveUp, decision.cause)
            cell.publish(Escalated, decision.cause)
            family.escalate(decision.cause)
            return Verdict.STOP, math.inf
        case _:
            assert_never(decision)


def _is_overflow_of_another(cell: Cell, error: BaseException, ending: Ending) -> bool:
    """Whether a handler sent to a full mailbox and no decider has a word on that."""
    if ending.phase == "start" or not all(isinstance(leaf, MailboxFull) for leaf in leaves(error)):
        return False
    deciders = (cell.settings.decider, cell.parental_strategy().decider)
    return not any(decider and decider.directive(error) for decider in deciders)


def _say_failed(cell: Cell, error: BaseException, phase: Phase) -> None:
    if not is_reported(error):
        _log_failure(cell, error)
    cell.publish(Failed, error, phase)
    cell.system.look_at(error)


def _log_failure(cell: Cell, error: BaseException) -> None:
    add_hint(cell, error)
    actor = cell.actor or cell.ref
    words = "".join(traceback.format_exception_only(error)).strip()
    if words == cell.last_words and _has_just_started(cell):
        logger.error("Unhandled exception in %s, again: %s", actor, words)
    else:
        logger.error("Unhandled exception in %s:", actor, exc_info=error)
    cell.last_words = words


def _has_just_started(cell: Cell) -> bool:
    """Whether the same failure as before needs no second traceback yet."""
    return cell.up_since is None or trio.current_time() - cell.up_since < _JUST


_JUST = 60.0  # seconds


def _overrun(cell: Cell) -> Ending:
    """Return the ending of an instance whose time to stop was over."""
    what = "on_start" if cell.status is Status.STARTING else "a handler"
    limit = cell.settings.shutdown_timeout
    cell.publish(Overran, limit, what)
    logger.warning("%s: %s overran its %s seconds to stop", cell.path, what, limit)
    return Ending("overrun", cell.injected)


# -- taking down -----------------------------------------------------------------------------------


async def take_down(cell: Cell, ending: Ending, *, final: bool) -> None:
    """End an instance: hooks, children, tasks, timers, watches, the message in hand."""
    ending = await _own_again(cell, ending, final=final)
    limit = cell.deadline
    if limit is math.inf or cell.settings.shutdown_timeout == 0:
        limit = trio.current_time() + cell.settings.shutdown_timeout
    error = ending.error
    if error is not None and cell.owns and ending.kind != "abandoned":
        await _hook(cell, "on_failure", limit, type(error), error, error.__traceback__)
    await _end_what_it_began(cell)
    _settle_in_hand(cell, ending, final=final)
    if final and error is None and ending.kind != "overrun" and cell.owns:
        close(cell)
        await _hook(cell, "on_stop", limit)
    if not final:
        unstash(cell)
        cell.last_cause = error
    cell.actor = None  # from here on its context refuses
    await _end_what_it_began(cell)  # in `on_stop`
    cell.family = None
    if final:
        _answer_stop(cell, ending)


async def discard(cell: Cell) -> None:
    """End an actor that never began, because its first `__init__` failed."""
    cell.actor = None
    await _end_what_it_began(cell)
    cell.family = None
    end(cell)


async def _end_what_it_began(cell: Cell) -> None:
    if cell.family is not None:
        await cell.family.stop_all()
    await _stop_tasks(cell)
    _end_timers(cell)
    _watch.end_watches(cell)


async def _own_again(cell: Cell, ending: Ending, *, final: bool) -> Ending:
    """Wait until a thread that runs a handler is back; at the end only for its time.

    Return the ending, with what is in hand by then if it was an overrun.
    """
    cell.owns = cell.owns or cell.mailbox.seize()
    with trio.CancelScope(deadline=cell.deadline if final else math.inf):
        while not cell.owns:
            await cell.park()
    report, cell.report = cell.report, None
    in_hand = cell.in_hand if cell.owns else _give_up_thread(cell)
    if ending.kind != "overrun":
        return ending
    ending = replace(ending, envelope=in_hand)
    return ending if report is None else _with_report(cell, ending, report)


def _give_up_thread(cell: Cell) -> Envelope | None:
    cell.mailbox.interrupted = True  # also for one that drains: it takes nothing more
    return give_up_thread(cell)


def _with_report(cell: Cell, overrun: Ending, report: Report) -> Ending:
    """Return how an instance ended whose thread came back after its time."""
    if report.ending is not None:
        error = report.ending.error
        if error is not None:
            _say_failed(cell, error, "run")
        return replace(overrun, error=overrun.error or error, envelope=report.ending.envelope)
    if report.awaitable is not None:
        report.awaitable.close()
    elif report.envelope is not None:
        cell.mailbox.put_back(report.envelope)
    return overrun


async def _hook(cell: Cell, name: str, limit: float, *args: Any) -> None:
    """Call `on_stop` or `on_failure` within its time; its own failure changes nothing."""
    if cell.actor is None or not overrides(cell.actor, name):
        return
    with trio.CancelScope(deadline=limit) as scope:
        try:
            await invoke(cell, getattr(cell.actor, name), *args)
        except BaseException as raised:  # noqa: BLE001  # published; the actor goes on ending
            error = to_be_judged(raised, cell.path)
            _log_failure(cell, error)
            cell.publish(HookFailed, error, name)
            cell.system.look_at(error)
    if scope.cancelled_caught:
        cell.publish(Overran, cell.settings.shutdown_timeout, name)


async def _stop_tasks(cell: Cell) -> None:
    for task in list(cell.tasks or ()):
        await task.stop()
    cell.tasks = None


def _end_timers(cell: Cell) -> None:
    for timer in list(cell.timers or ()):
        timer.cancel()
    cell.timers = None


def _settle_in_hand(cell: Cell, ending: Ending, *, final: bool) -> None:
    """Dispose of the message that was in hand."""
    envelope = ending.envelope
    cell.in_hand = None
    if envelope is None or ending.kind in {"stop", "stopped itself"}:
        return
    reply = envelope.reply_to
    if reply is not None:
        if final:
            dead_letter(cell, envelope, "in hand when the actor ended")
        else:
            reply.fail(ActorRestarted(f"{cell.path} restarted with the request in hand"))
        return
    _dispose(cell, envelope, ending)


def _dispose(cell: Cell, envelope: Envelope, ending: Ending) -> None:
    envelope.attempts += 1
    match fate(cell.settings.disposition, envelope.attempts):
        case "redeliver":
            cell.mailbox.return_to_head([envelope])
        case "discard":
            cell.mailbox.discarded += 1
        case "dead_letter":
            dead_letter(cell, envelope, f"in hand at a failure: {ending.error!r}")


def _answer_stop(cell: Cell, ending: Ending) -> None:
    """Keep the asker of `ref.stop()` waiting until the end is announced."""
    if ending.kind == "stop" and ending.envelope is not None:
        cell.mailbox.return_to_head([ending.envelope])


# -- waiting ---------------------------------------------------------------------------------------


async def _until_ordered(cell: Cell, order: Order) -> None:
    while cell.order not in (order, Order.STOP):
        await cell.park()


async def _until_due(cell: Cell, due: float | None) -> bool:
    """Wait for the time, or for the family's order; False if it is to end instead."""
    while cell.order is not Order.STOP:
        if cell.order is Order.START or (due is not None and trio.current_time() >= due):
            cell.stop_asked = False
            return True
        if cell.stop_asked:
            break
        with trio.CancelScope(deadline=math.inf if due is None else due):
            await cell.park()
    cell.reason = cell.reason if cell.order is Order.STOP else "stopped"
    return False

"""Whose a `trio.Cancelled` is: the runtime's passes through, a stray one is a failure.

A stray one was caught somewhere else, kept, and raised again where nothing is being cancelled.
"""

from __future__ import annotations

import logging
import math

import trio

logger = logging.getLogger("pykka")


def to_be_judged(error: BaseException, where: object) -> BaseException:
    """Return what left a handler, a hook or a task as a failure; pass a cancellation through.

    Of a group that holds a cancellation the rest decides nothing any more: it is logged.
    """
    cancelled: BaseException | None
    rest: BaseException | None
    if isinstance(error, BaseExceptionGroup):
        cancelled, rest = error.split(trio.Cancelled)
    else:
        cancelled, rest = (error, None) if isinstance(error, trio.Cancelled) else (None, error)
    if cancelled is None:
        return error
    if _is_being_cancelled():
        if rest is not None:
            logger.error("Unhandled exception in %s, while it was cancelled:", where, exc_info=rest)
        raise cancelled from None
    stray = RuntimeError(f"{where}: a Cancelled was raised where nothing was being cancelled")
    stray.__cause__ = cancelled
    return stray if rest is None else BaseExceptionGroup("with a stray Cancelled", [stray, rest])


def _is_being_cancelled() -> bool:
    """Whether a scope around this task was cancelled; never on a thread that runs no trio."""
    return trio.lowlevel.in_trio_task() and trio.current_effective_deadline() == -math.inf

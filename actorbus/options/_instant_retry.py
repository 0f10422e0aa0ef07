"""Instant retries: a synchronous handler that failed is called again, at once.

Rules:
 1. Each try has a transaction of its own (inside another one: a savepoint), and the interceptors
    of the handler run again. Those of the gateway are outside, and run once.
 2. Where one retry is inside another, an error is the outermost's that is for it: a handler which
    is called through several buses is not called a multiple of times.
 3. A PermanentError is never retried, and neither is an error that carries its own delay: at once
    would be too soon.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from actorbus._errors import PermanentError
from actorbus.options._options import is_whole
from actorbus.options._retry_after import RetryAfter, carries_delay
from supervisors import leaves

if TYPE_CHECKING:
    from actorbus.declaring._handlers import HandlerSpec

NEVER_AT_ONCE = (PermanentError, RetryAfter)

Kinds = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True, slots=True)
class InstantRetry:
    """Call a synchronous handler up to `times` more when it fails, at once: `InstantRetry(3)`.

    `on` are the types of errors that are worth it, all but PermanentError and RetryAfter unless
    given; of an ExceptionGroup all parts have to be of them. It is given as `retry=` to a handler
    without a channel, or to a gateway's class. A gateway's comes before its handlers'.
    `headers.attempt` counts the tries, from 1.
    """

    times: int
    on: Kinds = Exception

    def problems(self) -> Iterator[str]:
        """Say what is wrong with it, a sentence each."""
        if not is_whole(self.times) or self.times < 1:
            yield f"InstantRetry(times={self.times!r}) is not allowed: give a whole number above 0"
        if not _kinds(self.on) or not all(map(_is_error, _kinds(self.on))):
            yield f"InstantRetry(on={self.on!r}) is not an exception type or a tuple of them"
        elif all(issubclass(kind, NEVER_AT_ONCE) for kind in _kinds(self.on)):  # type: ignore[arg-type]  # all are types
            yield f"InstantRetry(on={self.on!r}) would never act: these are never retried at once"

    def covers(self, error: BaseException) -> bool:
        """Return whether the error is worth another try."""
        return all(
            isinstance(leaf, self.on)
            and not isinstance(leaf, NEVER_AT_ONCE)
            and not carries_delay(leaf)
            for leaf in leaves(error)
        )

    async def run(self, attempt: Callable[[int], Awaitable[Any]]) -> Any:
        """Await `attempt(number)`, again after errors that are covered. Raises the last one."""
        outer = _around.get()
        token = _around.set((*outer, self))
        try:
            for number in range(1, self.times + 1):
                try:
                    return await attempt(number)
                except Exception as error:
                    if not self.covers(error) or any(one.covers(error) for one in outer):
                        raise
                await trio.lowlevel.checkpoint()
            return await attempt(self.times + 1)
        finally:
            _around.reset(token)


_around: ContextVar[tuple[InstantRetry, ...]] = ContextVar("instant_retries", default=())
"""Those that the current call is inside of, the outermost first."""


def _kinds(given: object) -> tuple[object, ...]:
    return given if isinstance(given, tuple) else (given,)


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def retry_faults(spec: "HandlerSpec", *, asynchronous: bool) -> Iterator[str]:
    """Say what is wrong with a handler's `retry=`."""
    if spec.instant_retry is not None:
        yield from spec.instant_retry.problems()
        if spec.channel is not None:
            yield "retry=InstantRetry(...) contradicts channel=: give Retry(...)"
    if spec.retry is not None and not asynchronous:
        yield (
            "retry= needs channel=: a synchronous handler runs when it is called;"
            " give InstantRetry(...) to have it called again at once"
        )

"""One call from three worlds: awaited on the trio side and under asyncio, at once on threads."""

import asyncio
import contextlib
import logging
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, Never, Protocol, TypeVar

import trio

from actorbus.transactions._unit_of_work import UnitOfWork, current_unit_of_work
from actors import ActorDeadError, BlockingCall, Reply, ReplyCancelled

if TYPE_CHECKING:
    from actors import ActorSystem

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

logger = logging.getLogger("actorbus")


class Answer(Protocol[T_co]):
    """What a gateway or a transaction returns: await it, or `get` it on a plain thread.

    On a plain thread the call is over when it returns, and `get` gives its result or raises its
    error. Everywhere else it has to be awaited.
    """

    def __await__(self) -> Generator[Any, Any, T_co]: ...

    def get(self, *, timeout: float | None = None) -> T_co:
        """Return the result, on a plain thread."""
        ...


class Steps(Coroutine[Any, Any, T]):
    """An awaitable that passes for a coroutine, where one is wanted to start a task with.

    `nursery.start_soon(events.publish, event)`, `group.create_task(events.publish(event))`.
    """

    __slots__ = ("_steps",)

    _steps: Generator[Any, Any, T] | None

    def send(self, value: Any, /) -> Any:
        """Take a step."""
        return self._begun().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error where it waits."""
        return self._begun().throw(*error)

    def close(self) -> None:
        """End it where it waits."""
        self._begun().close()

    def _begun(self) -> Generator[Any, Any, T]:
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps


class Call(Steps[T]):
    """A call on the trio side, which runs in the task that awaits it, or is started with it.

    One that is dropped without being awaited is a mistake that would lose a message or a write:
    it makes the handler's transaction fail, or warns where there is none.
    """

    __slots__ = ("_arguments", "_awaited", "_function", "_unit_of_work")

    def __init__(
        self,
        function: Callable[..., Awaitable[T]],
        arguments: tuple[Any, ...],
        unit_of_work: UnitOfWork | None,
    ) -> None:
        self._function = function
        self._arguments = arguments
        self._unit_of_work = unit_of_work
        self._awaited = False
        self._steps = None

    def __await__(self) -> Generator[Any, Any, T]:
        self._awaited = True
        return self._function(*self._arguments).__await__()

    def get(self, *, timeout: float | None = None) -> T:
        """Refuse: waiting here would stop the run that has to do the work."""
        self._awaited = True
        raise BlockingCall("get() would block the trio run; await the call instead")

    def __del__(self) -> None:
        if self._awaited:
            return
        what = f"{self._function.__qualname__.replace('_now', '')}() was never awaited"
        if self._unit_of_work is not None and not self._unit_of_work.ended:
            self._unit_of_work.fail(RuntimeError(what))
        else:
            warnings.warn(what, RuntimeWarning, stacklevel=2)


class Worlds:
    """Knows where the trio side is, and brings calls there."""

    __slots__ = ("home", "system")

    def __init__(self, system: "ActorSystem") -> None:
        """Remember this thread as the trio side's."""
        self.system = system
        self.home = threading.get_ident()

    def call(
        self,
        unit_of_work: UnitOfWork | None,
        function: Callable[..., Awaitable[T]],
        *arguments: Any,
    ) -> Answer[T]:
        """Run the async function on the trio side, wherever this is called from."""
        if threading.get_ident() == self.home:
            return Call(function, arguments, unit_of_work)
        if _runs_a_loop():
            return Remote(self.system, function, arguments, unit_of_work)
        return _finished(self.system.run(function, *arguments), unit_of_work)

    def blocking(self) -> bool:
        """Whether this thread runs no loop, so that a call has to be over when it returns."""
        return threading.get_ident() != self.home and not _runs_a_loop()


class Remote(Steps[T]):
    """A call from another loop, which has begun; if its awaiter is cancelled, so is it.

    An error that nobody awaits makes the handler's transaction fail.
    """

    __slots__ = ("_over", "_reply", "_scope", "_system", "_unit_of_work")

    def __init__(
        self,
        system: "ActorSystem",
        function: Callable[..., Awaitable[T]],
        arguments: tuple[Any, ...],
        unit_of_work: UnitOfWork | None,
    ) -> None:
        self._steps = None
        self._unit_of_work = unit_of_work
        self._system = system
        self._scope = trio.CancelScope()
        self._over = False
        self._reply: Reply[T] = system.run(self._run, function, arguments)

    async def _run(self, function: Callable[..., Awaitable[T]], arguments: tuple[Any, ...]) -> T:
        """Run the function, on the trio side."""
        try:
            with self._scope:
                return await function(*arguments)
            raise ReplyCancelled("given up where it was awaited")
        except Exception as error:
            if self._unit_of_work is not None:
                self._unit_of_work.fail(error)
            raise
        finally:
            self._over = True

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            return (yield from self._reply.__await__())
        except BaseException as error:
            if self._unit_of_work is not None:
                self._unit_of_work.forgive(error)
            if not self._over:
                with contextlib.suppress(ActorDeadError):  # then the system has cancelled it
                    self._system.call_soon(self._scope.cancel)
            raise

    def get(self, *, timeout: float | None = None) -> T:
        """Return the result if it is there; waiting would stop the loop that runs here."""
        return self._reply.get(timeout=timeout)


def _runs_a_loop() -> bool:
    return trio.lowlevel.in_trio_run() or asyncio._get_running_loop() is not None  # noqa: SLF001  asyncio.get_running_loop raises, at ten times the cost


class Done(Generic[T]):
    """A call on a plain thread that is over."""

    __slots__ = ("_result",)

    def __init__(self, result: T) -> None:
        self._result = result

    def get(self, *, timeout: float | None = None) -> T:
        """Return the result."""
        return self._result

    def __await__(self) -> Generator[Any, Any, T]:
        yield from ()
        return self._result


class Failed:
    """A call on a plain thread that has failed. Whoever looks at it takes the error over.

    An error that nobody looks at makes the handler's transaction fail; without one it is logged.
    """

    __slots__ = ("_error", "_looked_at", "_unit_of_work")

    def __init__(self, error: Exception, unit_of_work: UnitOfWork | None) -> None:
        self._error = error
        self._looked_at = False
        self._unit_of_work = unit_of_work
        if unit_of_work is not None:
            unit_of_work.fail(error)

    def get(self, *, timeout: float | None = None) -> Never:
        """Raise the error."""
        self._looked_at = True
        if self._unit_of_work is not None:
            self._unit_of_work.forgive(self._error)
        raise self._error

    def __await__(self) -> Generator[Any, Any, Never]:
        yield from ()
        self.get()

    def __del__(self) -> None:
        if not self._looked_at and self._unit_of_work is None:
            logger.error("nobody looked at a failed call", exc_info=self._error)


def _finished(reply: Reply[T], unit_of_work: UnitOfWork | None) -> Answer[T]:
    """Wait until the call is over; its error is raised when it is looked at."""
    try:
        reply.get()
    except Exception as error:  # noqa: BLE001  raised by Failed.get, noticed if nobody calls that
        return Failed(error, unit_of_work)
    return reply


@contextlib.contextmanager
def detached() -> Iterator[None]:
    """Leave the handler's transaction: what is sent inside goes out by itself, at once.

    For work that outlives the handler which began it, and for what must be sent although the
    handler's transaction may roll back.
    """
    token = current_unit_of_work.set(None)
    try:
        yield
    finally:
        current_unit_of_work.reset(token)

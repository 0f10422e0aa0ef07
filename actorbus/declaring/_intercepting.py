"""The part of an ActorBus that interceptors are declared on."""

from collections.abc import Callable
from types import FrameType
from typing import Any, Literal, TypeVar

from actorbus._errors import Problem
from actorbus.declaring._handlers import caller, caller_place, enclosing_names, place_of
from actorbus.declaring._part import Part
from actorbus.interceptors._declared import STAGES, Interceptor, Stage
from actorbus.interceptors._targets import Target

F = TypeVar("F", bound=Callable[..., Any])
World = Literal["trio", "asyncio"]


class Intercepting(Part):
    """Decorators for functions that are called around handlers and sends.

    A function's first parameter is the `Invocation` of the handler (or the `Sending`, at a
    gateway); the others are filled in by their annotations, like a handler's. `targets` say what
    it is for: kinds ("command", "event", "query"), message types with their subclasses, names of
    messages, endpoint ids, handlers' functions, `Marker` classes. Without any it is for
    everything. Gateways' classes make it one of the gateway: it is called once for each send,
    outside of transactions and instant retries. A lower `order` comes first, also negative ones.

    `async def` functions run where the bus's handlers do, or where `runs_on` says. Plain ones run
    in between, on the bus's own thread: they must be short and must not block.
    """

    def before(
        self, *targets: Target, order: int = 0, runs_on: World | None = None
    ) -> Callable[[F], F]:
        """Call the function before the handler: it may change message and headers, or answer."""
        return self._intercepting("before", targets, order, runs_on, caller())

    def around(
        self, *targets: Target, order: int = 0, runs_on: World | None = None
    ) -> Callable[[F], F]:
        """Call the `async def` function instead of the handler: `await invocation.proceed()`."""
        return self._intercepting("around", targets, order, runs_on, caller())

    def after(
        self, *targets: Target, order: int = 0, runs_on: World | None = None
    ) -> Callable[[F], F]:
        """Call the function after the handler succeeded, with its result, before the commit."""
        return self._intercepting("after", targets, order, runs_on, caller())

    def before_sending(
        self, *targets: Target, order: int = 0, runs_on: World | None = None
    ) -> Callable[[F], F]:
        """Call the function for each message that is sent, before it is checked and stored."""
        return self._intercepting("before_sending", targets, order, runs_on, caller())

    def intercept(
        self,
        interceptor: object,
        /,
        *targets: Target,
        order: int = 0,
        runs_on: World | None = None,
    ) -> None:
        """Declare an object's methods `before_sending`, `before`, `around` and `after`.

        Those that it has are declared for the targets. An attribute `runs_on` of its own says
        where they run, unless it is given here.
        """
        self._refuse_while_running("declare an interceptor")
        where = caller_place(caller())
        runs_on = runs_on or getattr(interceptor, "runs_on", None)
        methods = [stage for stage in STAGES if callable(getattr(interceptor, stage, None))]
        if not methods:
            text = f"{interceptor!r} has none of the methods {', '.join(STAGES)}"
            self._declared.problems.append(Problem(where, text))
        for stage in methods:
            function = getattr(interceptor, stage)
            self._add(Interceptor(stage, function, targets, order, where, runs_on))

    def _intercepting(
        self,
        stage: Stage,
        targets: tuple[Target, ...],
        order: int,
        runs_on: World | None,
        frame: FrameType | None,
    ) -> Callable[[F], F]:
        self._refuse_while_running("declare an interceptor")
        unused = self._declared.interceptors.unused
        text = f"decorates nothing; write `@bus.{stage}()`, with parentheses"
        number = len(unused) + len(self._declared.interceptors.declared)
        unused[number] = Problem(caller_place(frame), text)

        def decorate(function: F) -> F:
            self._refuse_while_running("declare an interceptor")
            unused.pop(number, None)
            enclosing = enclosing_names(function, frame)
            where = place_of(function)
            self._add(Interceptor(stage, function, targets, order, where, runs_on, enclosing))
            return function

        return decorate

    def _add(self, interceptor: Interceptor) -> None:
        self._declared.interceptors.declared.append(interceptor)

"""A handler's colour: `async def` runs on an event loop, plain `def` on a thread.

It is looked up at each call, so that a handler may be replaced while its actor runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import Context
from types import CodeType, CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pykka
from pykka import messages
from pykka._introspection import get_attr_directly

if TYPE_CHECKING:
    from actors._actor import Actor

Steps: TypeAlias = Coroutine[Any, Any, Any] | Generator[Any, Any, Any]
"""A call of an async function under way."""

_IS_COROUTINE: Final = inspect.CO_COROUTINE


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine and runs none of its code yet."""
    code = getattr(function, "__code__", None)
    if type(code) is CodeType:
        return bool(code.co_flags & _IS_COROUTINE) or inspect.iscoroutinefunction(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an instance whose call is async
    )


def proxy_call(
    actor: Any, message: Any
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Return what one of Pykka's proxy messages asks for, as a call.

    Raises:
        AttributeError: the actor has no such attribute

    """
    path = message.attr_path
    if isinstance(message, messages.ProxyCall):
        return get_attr_directly(actor, path), message.args, message.kwargs
    if isinstance(message, messages.ProxyGetAttr):
        return get_attr_directly, (actor, path), {}
    return setattr, (get_attr_directly(actor, path[:-1]), path[-1], message.value), {}


PROXY_MESSAGES: Final = frozenset(
    {messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr}
)


def begin_in_context(context: Context, awaitable: Any) -> tuple[Steps | None, Any]:
    """Run what an async function returned in `context` until it waits or is done.

    Return (None, its value), or its steps and what it waits for: then `go_on_in_context` is to be
    awaited. Most handlers never wait, and a generator around them would cost as much as they do.
    """
    steps = awaitable if type(awaitable) is CoroutineType else awaitable.__await__()
    try:
        return steps, context.run(steps.send, None)
    except StopIteration as done:
        return None, done.value


@coroutine
def go_on_in_context(context: Context, steps: Steps, trap: Any) -> Generator[Any, Any, Any]:
    """Await what waits for `trap`, with each of its steps in `context`."""
    while True:
        try:
            send, argument = steps.send, (yield trap)
        except BaseException as error:  # noqa: BLE001  # it is thrown into the awaitable
            send, argument = steps.throw, error
        try:
            trap = context.run(send, argument)
        except StopIteration as done:
            return done.value


def overrides(actor: Actor, hook: str) -> bool:
    """Whether the class of the actor, or the actor itself, has a hook of its own."""
    if hook in actor.__dict__:
        return True
    return getattr(type(actor), hook, None) is not getattr(pykka.Actor, hook)


def prefers_threads(actor: Actor) -> bool:
    """Whether `on_receive` is a plain method, so that `__init__` and put run on threads too."""
    return (
        overrides(actor, "on_receive")
        and not is_async(actor.on_receive)
        and not runs_in_process(actor, actor.on_receive)
    )


def runs_in_process(actor: Any, function: Callable[..., Any]) -> bool:
    """Whether it is a static plain method of an actor that runs those in worker processes."""
    return (
        actor._settings.runs_on == "process"
        and any(function is static for static in static_functions(type(actor)))
        and not is_async(function)
    )


def static_functions(cls: type[Any]) -> Iterator[Callable[..., Any]]:
    """Yield what the static methods of a class, and of its bases, are made of."""
    for base in cls.__mro__:
        for value in vars(base).values():
            if isinstance(value, staticmethod):
                yield value.__func__

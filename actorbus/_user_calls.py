"""Calls of the program's own functions that belong to no message, each where it should run."""

import inspect
from collections.abc import Callable
from typing import Any

import trio

from actorbus._calls import Worlds, detached
from actorbus.declaring._handlers import is_async
from actorbus.options._options import RunsOn

LONGEST_CALL = 10.0
"""Seconds after which a function that has not answered has failed."""


class UserCalls:
    """Calls async functions where async handlers run by default, and plain ones on a thread."""

    def __init__(self, worlds: Worlds, world: RunsOn) -> None:
        self.worlds = worlds
        self._world = world

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what it returns. Raises what it raises, TimeoutError after `LONGEST_CALL`."""
        with trio.move_on_after(LONGEST_CALL) as limit, detached():
            return await self._called(function, arguments)
        if limit.cancelled_caught:
            raise TimeoutError(f"{function!r} took longer than {LONGEST_CALL:g} s")
        raise AssertionError("left without a result and without a time-out")

    async def _called(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        system = self.worlds.system
        if not is_async(function):
            result = await system.run_in_thread(function, *arguments, abandon_on_cancel=True)
            return await result if inspect.isawaitable(result) else result
        if self._world == "asyncio":
            return await system.run_on_asyncio(function, *arguments)
        return await function(*arguments)


def parameter_count(function: Callable[..., Any]) -> int:
    """Return how many arguments a function wants; 0 where Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return 0
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(one.kind in kinds and one.default is one.empty for one in parameters)

"""What a handler is, as data. The decorators record it and run nothing."""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from actorbus.codecs import STRICT, Conversion
from actorbus.options._flow import Batch, Concurrency, Rate
from actorbus.options._instant_retry import InstantRetry
from actorbus.options._options import Deduplicate, Delay
from actorbus.options._ordering import Ordering, OrderingRule
from supervisors import Retry

Kind = Literal["command", "event", "query", "error"]
"""What a handler takes; "error": what failed for good, from an error channel."""

World = Literal["trio", "thread", "asyncio", "process"]
RouteBy = Literal["type", "key", "pattern"]


@dataclass(frozen=True, slots=True)
class HandlerSpec:
    """One handler: the message that it takes, where it runs, and its endpoint's settings.

    `channel` is None for a handler that runs synchronously, in its sender's transaction. Times
    are seconds. `world` is where the function runs; `order` counts the handlers as declared.
    `route_by` tells whether `type_name` is a class's name, a routing key, or a pattern for keys.
    None leaves an option to the channel; `_precedence` fills it in. `answer_type` is what a query
    that comes through a channel is answered with. `distributed`: other services reach it.
    """

    kind: Kind
    message_type: Any
    type_name: str
    function: Callable[..., Any]
    endpoint_id: str
    world: World = "trio"
    aliases: tuple[str, ...] = ()
    channel: str | None = None
    delay: Delay | None = None
    priority: int | None = None
    time_to_live: float | None = None
    deduplicate: Deduplicate | None = None
    ordering_key: OrderingRule | Ordering | None = None
    concurrency: Concurrency | None = None
    timeout: float | None = None
    retry: Retry | None = None
    outage: tuple[type[BaseException], ...] | None = None
    permanent: tuple[type[BaseException], ...] = ()
    breaker: int | None = None
    order: int = 0
    where: str = ""
    markers: tuple[Any, ...] = ()
    instant_retry: InstantRetry | None = None
    route_by: RouteBy = "type"
    conversion: Conversion = STRICT
    answer_type: Any = Any
    distributed: bool = False
    error_channel: str | None = None
    rate_limit: Rate | None = None
    batch: Batch | None = None
    group_commit: int | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A handler as it was written. What it means is worked out when the bus starts.

    By then all names in its annotations exist; those of an enclosing function exist only where
    it was decorated, so they are kept.
    """

    kind: Kind
    function: Callable[..., Any]
    routing_key: str | None
    options: Mapping[str, Any]
    order: int
    enclosing: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        """The place in the source, for messages about this handler."""
        return place_of(self.function)

    def parameters(self) -> dict[str, inspect.Parameter]:
        """Return the parameters with their annotations resolved, the message's first.

        Raises NameError and whatever else an annotation raises.
        """
        return resolved_parameters(self.function, self.enclosing)

    def answer_type(self) -> Any:
        """Return what a query's handler says that it answers with, Any if it says nothing.

        Raises what its annotations raise.
        """
        return _hints(self.function, self.enclosing).get("return", Any)


def resolved_parameters(
    function: Callable[..., Any], enclosing: Mapping[str, Any]
) -> dict[str, inspect.Parameter]:
    """Return a function's parameters with their annotations resolved. Raises what those raise."""
    hints = _hints(function, enclosing)
    return {
        name: parameter.replace(annotation=hints.get(name, parameter.annotation))
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _hints(function: Callable[..., Any], enclosing: Mapping[str, Any]) -> dict[str, Any]:
    target = inspect.unwrap(function)
    if not inspect.isroutine(target):
        target = getattr(target, "__call__", target)  # noqa: B004  an instance: its call is annotated
    return typing.get_type_hints(target, localns=dict(enclosing), include_extras=True)


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether calling it makes a coroutine, which has to run on an event loop."""
    call = getattr(function, "__call__", None)  # noqa: B004  an instance whose call is async
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def enclosing_names(function: Callable[..., Any], frame: FrameType | None) -> Mapping[str, Any]:
    """Return the names that a function's text annotations may mean in the function around it."""
    if frame is None or frame.f_locals is frame.f_globals:
        return {}
    annotations = getattr(function, "__annotations__", {}).values()
    if not any(isinstance(annotation, str) for annotation in annotations):
        return {}
    return dict(frame.f_locals)


def place_of(function: Any) -> str:
    """Return `file:line, name` of a function or class, relative to the working directory."""
    name = getattr(function, "__qualname__", repr(function)).replace("<locals>.", "")
    try:
        target = inspect.unwrap(function)
        file = inspect.getsourcefile(target) or "?"
        line = _first_line(target)
    except (TypeError, OSError):
        return name
    return f"{_shortest(file)}:{line}, {name}"


def _first_line(target: Any) -> int:
    code = getattr(target, "__code__", None)
    return code.co_firstlineno if code is not None else inspect.getsourcelines(target)[1]


def _shortest(file: str) -> str:
    path = Path(file)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def caller() -> FrameType | None:
    """Return the frame of whoever called the function that calls this."""
    here = inspect.currentframe()
    callee = here and here.f_back
    return callee and callee.f_back


def caller_place(frame: FrameType | None) -> str:
    """Return `file:line` of a frame."""
    return "?" if frame is None else f"{_shortest(frame.f_code.co_filename)}:{frame.f_lineno}"

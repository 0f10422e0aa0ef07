"""What a handler is, as data. The decorators record it and run nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from supervisors import Retry

type_ = type
Kind = Literal["command", "event", "query"]
World = Literal["trio", "thread", "asyncio", "process"]


@dataclass(frozen=True, slots=True)
class HandlerSpec:
    """One handler: the message that it takes, where it runs, and its endpoint's settings.

    `channel` is None for a handler that runs synchronously, in its sender's transaction. Times
    are seconds. `world` is where the function runs; `order` counts the handlers as declared.
    """

    kind: Kind
    message_type: Any
    type_name: str
    function: Callable[..., Any]
    endpoint_id: str
    world: World = "trio"
    aliases: tuple[str, ...] = ()
    channel: str | None = None
    delay: float = 0.0
    priority: int = 0
    time_to_live: float | None = None
    deduplicate: Callable[[Any], object] | None = None
    concurrency: int | None = None
    timeout: float | None = None
    retry: Retry | None = None
    outage: tuple[type[BaseException], ...] | None = None
    permanent: tuple[type[BaseException], ...] = ()
    breaker: int | None = None
    order: int = 0
    where: str = ""

"""What a schedule sends to its handler, and how that is called: with the tick, or without."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actorbus.declaring._handlers import Kind
from actorbus.gateways._gateway import CommandBus, EventBus

TICK = "actorbus.Tick"
"""The name of its message type."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of a schedule, injected where a parameter is annotated with it.

    `planned_at` is in the schedule's time zone. `number` counts the schedule's ticks from 1 on.
    `missed` is how many were left out since the one before, as the schedule's `missed=` has it; of
    a cron line's a thousand are counted at most. `by_hand`: it was sent by `actorbus schedule run`.
    """

    schedule: str
    planned_at: datetime
    number: int
    missed: int = 0
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class WithTick:
    """Calls a handler that takes the tick under these names. It can go to another process."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    def __call__(self, tick: Tick, /, **arguments: Any) -> Any:
        """Call it; if it is async, the coroutine is the caller's to await."""
        return self.function(**arguments, **dict.fromkeys(self.names, tick))


@dataclass(frozen=True, slots=True)
class SendsMessage:
    """The handler of a schedule that sends a message: the same one each time, or one made of it."""

    message: Any
    routing_key: str | None
    kind_of: Callable[[Any, str | None], Kind] | None = None
    """Known when the bus starts."""

    async def __call__(self, tick: Tick, commands: CommandBus, events: EventBus) -> None:
        """Send it in the transaction of the tick."""
        message = self.message(tick) if callable(self.message) else self.message
        if self.kind_of is None:
            raise AssertionError("a schedule's handler was called before the start-up checks")
        send = commands.send if self.kind_of(message, self.routing_key) == "command" else None
        if self.routing_key is None:
            await (send(message) if send else events.publish(message))
        else:
            key = self.routing_key
            await (
                send(message, routing_key=key) if send else events.publish(message, routing_key=key)
            )

"""Watches the bus: counts what its events tell, by channel and carrier."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from actorbus import (
    ActorBus,
    EndpointHealthy,
    EndpointSick,
    MessageDied,
    MessageRetried,
    TenantStarted,
)
from actors.events import Event, Restarted

Place = tuple[str, str]
"""A channel and a tenant; "" where there is none."""


class Watch:
    """Counts of this process: restarts of actors, retries and deaths of messages, by place."""

    def __init__(self) -> None:
        self.restarts: Counter[Place] = Counter()
        self.retries: Counter[Place] = Counter()
        self.deaths: Counter[Place] = Counter()
        self.outages: Counter[Place] = Counter()
        self.resting: set[Place] = set()
        self.tenants: set[Place] = set()

    @contextmanager
    def on(self, bus: ActorBus) -> Iterator[None]:
        """Watch a running bus."""
        with bus.system.events.subscribe(self.take):
            yield

    def take(self, event: Event) -> None:
        """Count one event."""
        where = place(event.path)
        match event:
            case Restarted():
                self.restarts[where] += 1
            case MessageRetried():
                self.retries[where] += 1
            case MessageDied():
                self.deaths[where] += 1
            case TenantStarted():
                self.tenants.add((event.channel, event.tenant))
            case EndpointSick():
                self.outages[where] += 1
                self.resting.add(where)
            case EndpointHealthy():
                self.resting.discard(where)
            case _:
                pass


def place(path: str) -> Place:
    """The channel and the tenant of an actor: `flights/channels/notifications/UA/...`."""
    _, kind, *names = [*path.split("/"), "", ""]
    return (names[0], names[1]) if kind == "channels" else ("", "")

"""Buses on the memory store, on virtual time: hours of backoff pass in milliseconds."""

from dataclasses import dataclass, field

import pytest
import trio

from actorbus import ActorBus
from actors.events import Event
from tests.runtime.bus.delivery.jobs import Job


@dataclass
class Log:
    """What handlers did, and when; and the events of the bus."""

    handled: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def note(self, job: Job) -> None:
        self.handled.append(job.number)
        self.at.append(trio.current_time())

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def bus(seed):
    """A bus on the memory store, for tests that take `autojump_clock`."""
    return ActorBus("shop", ":memory:", seed=seed)


@pytest.fixture
def endpoint():
    """Return the health of the endpoint whose id ends so, and of the tenant, if there is one."""

    async def find(bus, name, tenant=""):
        health = await bus.health()
        return next(
            one
            for channel in health.channels
            for one in channel.endpoints
            if one.endpoint.endswith(name) and one.tenant == tenant
        )

    return find

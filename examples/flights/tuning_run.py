"""The worked case of tuning on a real bus: late flights, and a gateway that goes away once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import trio

from actorbus import ActorBus, EndpointSick, Supervision
from actors.events import Event, Restarted
from examples.flights.app import NOTIFICATIONS, notify_passengers, set_the_scene
from examples.flights.data import LATE_AFTER, MONTH, read_departures
from examples.flights.gateway import Away, PassengerGateway
from examples.flights.messages import FlightDelayed, SetTheScene

NAME = "notify_passengers"
PATH = f"flights/channels/{NOTIFICATIONS}/{NAME}"


@dataclass(frozen=True, slots=True)
class Case:
    """Late flights, `interval` seconds apart; the gateway goes `after` seconds, and is `away`.

    A request takes `takes` seconds. It is watched `until` the endpoint has recovered under any
    sensible strategy; flights come until a second before. It goes between two flights, since
    whether one that comes in the same instant meets it is nobody's merit.
    """

    away: float = 9.0
    after: float = 3.03
    interval: float = 0.05
    takes: float = 0.02

    @property
    def until(self) -> float:
        return self.after + 2.5 * self.away + 1.0

    @property
    def messages(self) -> int:
        return int((self.until - 1.0) / self.interval)


@dataclass(frozen=True, slots=True)
class Found:
    """What happened; times are seconds since the first flight."""

    sick: tuple[float, ...]
    restarted: tuple[float, ...]
    calls_while_away: int
    recovery: float
    handled: int
    lost: int

    @property
    def restarts(self) -> int:
        return len(self.restarted)


@dataclass
class Seen:
    """The events of the endpoint, as the bus tells them."""

    sick: list[float] = field(default_factory=list)
    restarted: list[float] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if event.path == PATH and isinstance(event, EndpointSick):
            self.sick.append(event.time)
        elif event.path == PATH and isinstance(event, Restarted):
            self.restarted.append(event.time)


async def run_on_a_bus(case: Case, settings: Supervision, seed: int, store: str) -> Found:
    """Run the case on the clock of this trio run, and return what happened."""
    gateway = PassengerGateway(outages=0.0, away=Away(case.away, case.after), takes=case.takes)
    bus, seen = make_bus(settings, gateway, seed, store), Seen()
    async with bus.running():
        await bus.commands.send(SetTheScene(refused=""))
        began = trio.current_time()
        with bus.system.events.subscribe(seen.take):
            await _publish(bus, case, began)
            await trio.sleep_until(began + case.until)
        dead = await bus.dead_letters.count()
    returns = gateway.away[1]
    return Found(
        sick=tuple(at - began for at in seen.sick),
        restarted=tuple(at - began for at in seen.restarted),
        calls_while_away=gateway.calls_while_away,
        recovery=min((at for at in gateway.served if at >= returns), default=0.0) - returns,
        handled=bus.counters.handled,
        lost=dead,
    )


def make_bus(settings: Supervision, gateway: PassengerGateway, seed: int, store: str) -> ActorBus:
    """The notifications of the example on a channel for all carriers, with these settings."""
    options: dict[str, Any] = {} if settings.breaker is None else {"breaker": settings.breaker}
    bus = ActorBus("flights", store=store, seed=seed)
    bus.add_channel(NOTIFICATIONS, retry=settings.retry, backoff=settings.backoff)
    bus.provide(PassengerGateway, lambda: gateway, scope="app")
    bus.event_handler(channel=NOTIFICATIONS, endpoint_id=NAME, **options)(notify_passengers)
    bus.command_handler(set_the_scene)
    return bus


async def _publish(bus: ActorBus, case: Case, began: float) -> None:
    """Publish the month's late flights, again and again, each at its time."""
    for number, event in enumerate(islice(cycle(_late_flights()), case.messages)):
        await trio.sleep_until(began + number * case.interval)
        await bus.events.publish(event)


def _late_flights() -> Iterator[FlightDelayed]:
    for row in read_departures(MONTH):
        if row.delay is not None and row.delay > LATE_AFTER:
            yield FlightDelayed(row.id, row.carrier, row.flight, row.delay)

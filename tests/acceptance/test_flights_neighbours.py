"""A failing subscriber touches nobody else, shown by counts of retries, restarts and outages."""

import pytest
import trio

from examples.flights import recovery
from examples.flights.app import CHANNELS, make_bus
from examples.flights.gateway import PassengerGateway
from examples.flights.messages import FlightDelayed, GetAccount, RecordDeparture, SetTheScene
from examples.flights.watch import Watch

CARRIERS = ("UA", "WN", "B6")
EACH = 40
TROUBLED = ("notifications", "WN")


class AwayFor(PassengerGateway):
    """Cannot be reached for one carrier, until it is back."""

    def __init__(self, carrier):
        super().__init__(outages=0)
        self.carrier = carrier
        self.calls = 0

    async def tell_passengers(self, event, tx):
        if event.carrier == self.carrier:
            self.calls += 1
            raise ConnectionError("away")
        await super().tell_passengers(event, tx)


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def reliable():
    return PassengerGateway(outages=0)


async def delays(bus):
    for number in range(EACH):
        for carrier in CARRIERS:
            await bus.events.publish(FlightDelayed(f"{carrier}/{number}", carrier, number, 20))


async def effects(bus):
    """Return what is recorded by carrier: (statistics, notifications)."""
    account = await bus.queries.ask(GetAccount())
    return {line.carrier: (line.statistics, line.notified) for line in account}


async def test_refused_messages_use_up_their_own_attempts_and_nothing_else(clock, watch, reliable):
    """They are retried and die; no endpoint restarts or rests, and no neighbour is even retried."""
    bus = make_bus(":memory:", lambda: reliable)
    async with bus.running():
        with watch.on(bus):
            await bus.commands.send(SetTheScene(refused="WN"))
            await delays(bus)
            await recovery.all_settled(bus)
            done = await effects(bus)

    assert done == {"UA": (EACH, EACH), "B6": (EACH, EACH), "WN": (EACH, 0)}
    assert watch.retries == {TROUBLED: 3 * EACH}
    assert watch.deaths == {TROUBLED: EACH}
    assert not watch.restarts
    assert not watch.outages


async def test_an_endpoint_whose_dependency_is_down_rests_alone_and_burns_no_attempt(clock, watch):
    """Its messages wait unharmed through many probes; everything else is done meanwhile."""
    gateway = AwayFor("WN")
    bus = make_bus(":memory:", lambda: gateway)
    async with bus.running():
        with watch.on(bus):
            await bus.commands.send(SetTheScene(refused="none"))
            await delays(bus)
            await until(lambda: watch.restarts[TROUBLED] > 10)
            meanwhile, calls = await effects(bus), gateway.calls
            gateway.carrier = None
            await recovery.all_settled(bus)
            done = await effects(bus)

    assert meanwhile == {"UA": (EACH, EACH), "B6": (EACH, EACH), "WN": (EACH, 0)}
    assert done["WN"] == (EACH, EACH)
    assert set(watch.restarts) == {TROUBLED} == set(watch.outages)
    assert not watch.retries
    assert not watch.deaths
    assert calls < 2 * EACH, "each rest ends with one probe, not with all that waits"
    assert not watch.resting


async def test_a_poison_message_spends_no_restarts_of_its_endpoint(clock, watch, reliable):
    """A row without departure dies at once; the endpoint goes on with the next."""
    bus = make_bus(":memory:", lambda: reliable)
    async with bus.running():
        with watch.on(bus):
            await bus.commands.send(SetTheScene(refused="none"))
            for number in range(EACH):
                departed = None if number % 2 else 515
                await bus.commands.send(
                    RecordDeparture(
                        id=f"UA/{number}",
                        day="2013-01-01",
                        carrier="UA",
                        flight=number,
                        origin="EWR",
                        destination="IAH",
                        scheduled=515,
                        departed=departed,
                        delay=departed and 0,
                    )
                )
            await recovery.all_settled(bus)
            reasons = await recovery.reasons(bus)

    assert reasons == {"permanent error": EACH // 2}
    assert watch.deaths == {("departures", "UA"): EACH // 2}
    assert not watch.retries
    assert not watch.restarts


async def test_each_tenant_has_an_actor_of_its_own_on_each_channel(clock, reliable):
    """So that there is nothing shared that one of them could break."""
    watch = Watch()
    bus = make_bus(":memory:", lambda: reliable)
    async with bus.running():
        with watch.on(bus):
            await bus.commands.send(SetTheScene(refused="none"))
            await delays(bus)
            await recovery.all_settled(bus)

    subscribed = set(CHANNELS) - {"departures"}
    assert watch.tenants == {(channel, carrier) for channel in subscribed for carrier in CARRIERS}


async def until(condition):
    while True:
        if condition():
            return
        await trio.sleep(0.1)

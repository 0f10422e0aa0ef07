"""The gateway of the flights example goes away as a whole, as long as it was asked to."""

import subprocess
import sys

import pytest
import trio

from examples.flights.gateway import Away, PassengerGateway
from examples.flights.messages import FlightDelayed

FLIGHT = FlightDelayed("one", "UA", 1, 30)


class NoRefusals:
    """A transaction that finds no row."""

    async def fetch_one(self, sql, *arguments):
        return None


async def told(gateway):
    """Whether the gateway takes a request now."""
    try:
        await gateway.tell_passengers(FLIGHT, NoRefusals())
    except ConnectionError:
        return False
    return True


async def test_it_goes_so_long_after_its_first_request_and_comes_back(autojump_clock):
    gateway = PassengerGateway(outages=0, away=Away(seconds=10, after=5))
    taken = []
    for _ in range(20):
        taken.append(await told(gateway))
        await trio.sleep(1)

    assert taken == [True] * 5 + [False] * 10 + [True] * 5
    assert gateway.calls_while_away == 10


async def test_a_request_under_way_when_it_goes_fails_at_that_moment(autojump_clock):
    gateway = PassengerGateway(outages=0, away=Away(seconds=10, after=5), takes=2)
    await told(gateway)
    await trio.sleep_until(4)

    assert not await told(gateway)
    assert (trio.current_time(), gateway.calls_while_away) == (5, 0)


async def test_it_is_not_away_unless_that_is_asked_for(autojump_clock):
    gateway = PassengerGateway(outages=0)
    taken = []
    for _ in range(20):
        taken.append(await told(gateway))
        await trio.sleep(1)

    assert all(taken)


def flights(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "examples.flights", "--json", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("seconds", ["-1", "nan"])
def test_what_is_no_time_is_refused(seconds):
    done = flights("--gateway-outage", seconds)

    assert done.returncode == 2
    assert f"'{seconds}' is not a number of seconds" in done.stderr

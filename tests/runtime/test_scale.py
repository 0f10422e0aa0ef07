"""Many actors: counted in work done, not in seconds; the ratio of two sizes has a wide margin."""

import time

import pytest
import trio

from actors import Actor, ActorSystem


class Idle(Actor):
    async def on_receive(self, message):
        return message


async def start_and_stop(count):
    """Return the processor time that it takes."""
    begun = time.process_time()
    async with ActorSystem("shop", shutdown_timeout=100) as system:
        refs = [system.spawn(Idle) for _ in range(count)]
        assert await refs[-1].request(count) == count
    assert not any(ref.is_alive() for ref in refs)
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_actors_start_and_stop_in_linear_time():
    small = min(trio.run(start_and_stop, 10_000) for _ in range(2))
    large = trio.run(start_and_stop, 100_000)
    assert large < 10 * small * 2.5

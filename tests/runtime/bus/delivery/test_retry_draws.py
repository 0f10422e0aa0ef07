"""The jitter of retries: repeated by a seed, and otherwise another in each run."""

import pytest
import trio

from actorbus import ActorBus, MessageRetried, Retry
from tests.runtime.bus.delivery.jobs import Job


async def delay_of_a_retry(seed):
    bus, retried = ActorBus("shop", ":memory:", seed=seed), []
    bus.add_channel("mail", retry=Retry(attempts=2, initial=1.0, jitter=1.0))

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        raise ValueError

    async with bus.running():
        bus.system.events.subscribe(retried.append, MessageRetried)
        await bus.events.publish(Job(1))
        await trio.testing.wait_all_tasks_blocked()
    return retried[0].delay


@pytest.mark.parametrize(("seed", "differs"), [(7, False), (None, True)])
async def test_without_a_seed_processes_do_not_wait_in_step(autojump_clock, seed, differs):
    delays = {await delay_of_a_retry(seed) for _ in range(2)}

    assert (len(delays) == 2) is differs

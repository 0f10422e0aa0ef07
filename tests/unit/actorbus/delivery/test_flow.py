"""What is not missed between the question whether something may begin and the rest until it may."""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
import trio

from actorbus import Batch, Rate
from actorbus.endpoints._flow import Flow
from actorbus.endpoints._gathering import Gathering
from actorbus.endpoints._permits import Permits
from supervisors import DependencyHealth


@dataclass
class Held:
    """What an endpoint holds, as far as its flow looks at it."""

    unstarted: deque[Any] = field(default_factory=deque)
    again: deque[Any] = field(default_factory=deque)
    outage: DependencyHealth = field(default_factory=DependencyHealth)
    failed_last: bool = False
    allowance: None = None


@pytest.fixture
def held():
    return Held(unstarted=deque([object()]))


async def test_a_batch_that_came_due_since_it_was_looked_at_is_not_waited_for(held, autojump_clock):
    flow = Flow(None, None, Gathering(Batch(10, wait=2.0)))
    flow.arrived(held, 0)
    due = trio.current_time() + 2.0
    looked_at = due - 0.5
    await trio.sleep(3.0)

    assert flow.opens_at(held, since=looked_at) == due
    assert flow.opens_at(held, since=trio.current_time()) == inf


async def test_a_permit_that_came_since_it_was_looked_for_is_not_waited_for(held, autojump_clock):
    permits = Permits(Rate(1, per=2.0))
    permits.started(1)
    flow = Flow(permits, None, None)
    looked_at = trio.current_time()
    await trio.sleep(3.0)

    assert flow.opens_at(held, since=looked_at) == pytest.approx(looked_at + 2.0)
    assert flow.opens_at(held, since=trio.current_time()) == inf


async def test_what_holds_nothing_waits_for_no_time(autojump_clock):
    flow = Flow(Permits(Rate(1, per=2.0)), None, Gathering(Batch(10, wait=2.0)))

    assert flow.opens_at(Held(), since=trio.current_time()) == inf

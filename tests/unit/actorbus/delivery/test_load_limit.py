"""Concurrency by load, in simulation: it finds what a service can do, and follows its changes."""

import random

import pytest

from actorbus.endpoints._load_limit import LoadLimit


class Service:
    """Handles up to `capacity` calls at once without getting slower; more of them share it."""

    def __init__(self, capacity, base=0.1, seed=1):
        self.capacity = capacity
        self.base = base
        self.draw = random.Random(seed)

    def seconds(self, running):
        crowded = max(1.0, running / self.capacity)
        return self.base * crowded * self.draw.uniform(0.9, 1.1)


def simulate(limit, service, calls, fails=0.0):
    """Run calls under a backlog: as many at once as the limit allows. Return the limits."""
    seen = []
    for _ in range(calls):
        failed = service.draw.random() < fails
        limit.ended(service.seconds(limit.limit), failed=failed, held_back=True)
        seen.append(limit.limit)
    return seen


@pytest.mark.parametrize("capacity", [4, 10, 30])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_settles_a_little_above_what_the_service_can_do(capacity, seed):
    limit = LoadLimit(1, 100)
    seen = simulate(limit, Service(capacity, seed=seed), 20_000)[10_000:]

    assert capacity * 0.8 <= sorted(seen)[len(seen) // 2] <= capacity * 2


def test_it_grows_to_the_maximum_where_more_calls_do_no_harm():
    seen = simulate(LoadLimit(2, 50), Service(1000), 2_000)

    assert min(seen) >= 2
    assert seen[300] == 50


def test_it_stays_at_the_minimum_where_a_second_call_already_waits_for_the_first():
    seen = simulate(LoadLimit(1, 50), Service(1), 5_000)

    assert max(seen[100:]) <= 2


def test_without_a_backlog_it_does_not_grow():
    limit = LoadLimit(3, 50)
    for _ in range(1_000):
        limit.ended(0.1, failed=False, held_back=False)

    assert limit.limit == 3


def test_it_halves_when_most_calls_fail_and_comes_back():
    limit = LoadLimit(1, 40)
    service = Service(20)
    before = simulate(limit, service, 5_000)[-1]
    failing = simulate(limit, service, 500, fails=1.0)
    after = simulate(limit, service, 5_000)

    assert before >= 16
    assert failing[-1] == 1
    assert after[-1] >= 16


def test_a_few_failures_do_not_make_it_shrink():
    seen = simulate(LoadLimit(1, 40), Service(20), 10_000, fails=0.2)

    assert sorted(seen[5_000:])[2_500] >= 16


def test_it_follows_a_service_that_loses_capacity():
    limit = LoadLimit(1, 100)
    service = Service(40)
    simulate(limit, service, 10_000)
    service.capacity = 8
    seen = simulate(limit, service, 20_000)

    assert sorted(seen[10_000:])[5_000] <= 16


def test_it_does_not_mistake_work_that_takes_longer_for_a_crowd_for_ever():
    limit = LoadLimit(1, 100)
    service = Service(40)
    simulate(limit, service, 10_000)
    service.base = 0.5
    seen = simulate(limit, service, 30_000)

    assert sorted(seen[-5_000:])[2_500] >= 32


def test_it_stays_within_its_bounds():
    draw = random.Random(7)
    limit = LoadLimit(3, 12)
    for _ in range(5_000):
        limit.ended(draw.expovariate(1.0), failed=draw.random() < 0.4, held_back=True)
        assert 3 <= limit.limit <= 12

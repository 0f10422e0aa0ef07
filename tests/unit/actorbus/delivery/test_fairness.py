"""Fair shares between tenants: grants of messages, and of workers."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus.channels._fairness import Alone, WorkerShares, excess, grants
from actorbus.channels._tenants import TenantPlaces


def test_each_waiting_tenant_gets_its_concurrency():
    assert grants(["a", "b"], {}, concurrency=4, most=100) == {"a": 4, "b": 4}


def test_a_tenant_gets_only_what_it_does_not_hold_already():
    assert grants(["a", "b"], {"a": 3}, concurrency=4, most=100) == {"a": 1, "b": 4}


def test_a_tenant_that_is_alone_for_a_while_may_hold_what_that_allows():
    assert grants(["a"], {"a": 10}, concurrency=4, most=100, alone=100) == {"a": 90}
    assert grants(["a", "b"], {}, concurrency=4, most=100, alone=100) == {"a": 4, "b": 4}


def shares(*rounds, only_one=False):
    alone = Alone()
    return [
        alone.look(waiting, {}, concurrency=4, most=100, only_one=only_one) for waiting in rounds
    ]


def test_who_waits_alone_again_and_again_may_hold_more_each_time_up_to_the_bound():
    assert shares(["a"], ["a"], ["a"], ["a"], ["a"]) == [16, 32, 64, 100, 100]


def test_a_round_in_which_nobody_waits_changes_nothing():
    assert shares(["a"], [], ["a"]) == [16, 0, 32]


def test_who_was_not_alone_begins_anew():
    assert shares(["a"], ["a"], ["a", "b"], ["a"], ["b"]) == [16, 32, 0, 16, 16]


def test_the_only_tenant_may_hold_all_that_the_channel_may_at_once():
    assert shares(["a"], only_one=True) == [100]


def test_a_tenant_that_waits_alone_may_hold_some_more_than_its_share():
    assert grants(["a"], {"a": 3}, concurrency=4, most=100) == {"a": 13}


def test_a_tenant_is_not_alone_while_another_holds_unstarted_messages():
    assert grants(["a"], {"b": 1}, concurrency=4, most=100) == {"a": 4}


def test_the_channels_bound_ends_the_round():
    assert grants(["a", "b", "c"], {"d": 3}, concurrency=4, most=9) == {"a": 4, "b": 2}


def test_a_tenant_without_messages_gets_one_beyond_the_bound_for_a_spare_worker():
    full = {"a": 4, "b": 4}

    granted = grants(["a", "b", "c", "d"], full, concurrency=4, most=8, spare=1)

    assert granted == {"c": 1}


def test_a_tenant_that_hoarded_while_alone_gives_the_excess_back():
    assert excess(["a", "b"], {"a": 60, "b": 2}, 4) == {"a": 56}


names = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)
held = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 8))


@given(names, held, st.integers(1, 8), st.integers(1, 64))
def test_no_tenant_is_granted_beyond_its_share_and_the_bound(waiting, unstarted, concurrency, most):
    granted = grants(waiting, unstarted, concurrency=concurrency, most=most)

    total = sum(unstarted.values()) + sum(granted.values())
    assert total <= max(most, sum(unstarted.values()))
    if len(waiting) > 1:
        assert all(unstarted.get(t, 0) + n <= concurrency for t, n in granted.items())


@given(st.integers(1, 30), st.integers(1, 8))
def test_under_a_rotating_cursor_every_tenant_is_granted_within_one_round(count, most):
    tenants = [f"t{number:02}" for number in range(count)]
    seen: Counter[str] = Counter()
    cursor = 0
    for _ in range(count):
        granted = list(grants(tenants[cursor:] + tenants[:cursor], {}, concurrency=2, most=most))
        seen.update(granted)
        cursor = (tenants.index(granted[-1]) + 1) % count

    assert set(seen) == set(tenants)


def test_a_free_worker_is_given_at_once():
    shares = WorkerShares(2)

    assert [shares.take("a"), shares.take("a"), shares.take("b")] == [True, True, False]


def test_a_worker_given_back_goes_to_the_tenant_that_waits_the_longest():
    shares = WorkerShares(1)
    shares.take("a")
    shares.take("b")
    shares.take("c")

    shares.give_back()

    assert shares.following() == "b"
    assert shares.take("c") is False
    assert shares.take("b") is True


def test_a_tenant_that_wants_its_worker_again_goes_to_the_end():
    shares = WorkerShares(1)
    order = []
    for tenant in ("a", "b", "c"):
        shares.take(tenant)
    for _ in range(6):
        shares.give_back()
        following = shares.following()
        assert following is not None
        shares.take(following)
        order.append(following)
        shares.take({"b": "a", "c": "b", "a": "c"}[following])

    assert order == ["b", "c", "a", "b", "c", "a"]


def test_a_tenant_that_ends_leaves_the_queue_to_the_next():
    shares = WorkerShares(1)
    shares.take("a")
    shares.take("b")
    shares.take("c")
    shares.give_back()

    assert shares.withdraw("b") == "c"
    assert shares.take("c") is True


def test_giving_back_what_nobody_took_is_an_error():
    with pytest.raises(ValueError, match="no worker is out"):
        WorkerShares(1).give_back()


def test_tenants_are_idle_in_the_order_of_their_last_activity():
    places = TenantPlaces(most=3, idle_timeout=60.0)
    for at, tenant in enumerate(["a", "b", "c", "a"]):
        places.touch(tenant, float(at))

    assert places.idle(61.5) == ["b"]
    assert places.idle(62.0) == ["b", "c"]


def test_a_new_tenant_waits_for_a_place():
    places = TenantPlaces(most=1, idle_timeout=60.0)
    places.touch("a", 0.0)
    full = places.has_room()
    places.remove("a")

    assert (full, places.has_room()) == (False, True)

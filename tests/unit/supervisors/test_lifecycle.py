"""A child's life: what each event does in each status, and what cannot happen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import TRANSITIONS, ChildState, LifecycleError, LifecycleEvent, Status, transition

E, S = LifecycleEvent, Status


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([E.STARTED], S.RUNNING),
        ([E.STARTED, E.FAILED, E.RESUME], S.RUNNING),
        ([E.STARTED, E.FAILED, E.RESTART, E.GONE, E.DUE, E.STARTED], S.RUNNING),
        ([E.FAILED, E.RESTART, E.GONE], S.BACKING_OFF),
        ([E.STARTED, E.STOPPED_ITSELF, E.STOP, E.GONE], S.STOPPED),
        ([E.STARTED, E.RESTART, E.FAILED, E.GONE, E.DUE], S.STARTING),
        ([E.STARTED, E.STOP, E.FAILED, E.GONE], S.STOPPED),
        ([E.STARTED, E.STOP, E.RESTART, E.GONE], S.STOPPED),
        ([E.STOP, E.STARTED, E.GONE], S.STOPPED),
    ],
)
def test_a_life(events, end):
    status = S.STARTING
    for event in events:
        status = transition(status, event)

    assert end is status


def test_a_stop_during_backoff_ends_at_once():
    """There is no instance: no new one is made, and nothing has to be taken down."""
    assert S.STOPPED is transition(S.BACKING_OFF, E.STOP)


@pytest.mark.parametrize("status", S)
def test_a_stop_is_accepted_in_every_status_and_leads_to_the_end(status):
    assert transition(status, E.STOP).is_ending


@pytest.mark.parametrize("status", [S.STOPPING, S.STOPPED])
def test_nothing_leads_back_from_the_end(status):
    reached = {after for (before, _), after in TRANSITIONS.items() if before is status}

    assert reached <= {S.STOPPING, S.STOPPED}


def test_what_cannot_happen_is_named_with_what_can():
    with pytest.raises(LifecycleError, match=r"due cannot happen to .* running \(failed, "):
        transition(S.RUNNING, E.DUE)


@given(st.lists(st.sampled_from(E), max_size=40))
def test_every_start_of_an_instance_comes_after_the_last_one_is_gone(events):
    """Whatever happens in whatever order, no two instances live at once."""
    status, live = S.STARTING, 1
    for event in events:
        try:
            status = transition(status, event)
        except LifecycleError:
            continue
        live += (event is E.DUE) - (event is E.GONE)
        assert live == status.has_instance


@given(st.lists(st.sampled_from(E), max_size=40))
def test_restarts_count_the_instances_that_were_replaced(events):
    child, replaced = ChildState("a", 0), 0
    for event in events:
        try:
            after = child.after(event, 0.0)
        except LifecycleError:
            continue
        replaced += child.status is not S.RESTARTING and after.status is S.RESTARTING
        child = after

    assert replaced == child.restarts


def test_a_start_notes_its_time_and_waits_for_a_success():
    child = ChildState("a", 0, succeeded=True).after(E.STARTED, 7.0)

    assert (child.up_since, child.succeeded) == (7.0, False)
    assert child.success().succeeded


def test_a_start_that_ends_during_a_stop_is_no_start():
    child = ChildState("a", 0).after(E.STOP, 1.0).after(E.STARTED, 2.0)

    assert (child.status, child.up_since) == (S.STOPPING, None)


def test_a_second_success_costs_nothing():
    child = ChildState("a", 0).success()

    assert child is child.success()

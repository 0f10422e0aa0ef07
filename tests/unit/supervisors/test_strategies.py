"""Whom a failure takes along, in which order, and when it is given up."""

import pytest

from supervisors import (
    Backoff,
    ChildState,
    Directive,
    EscalateFailure,
    Failure,
    Intensity,
    LifecycleEvent,
    OneForAll,
    OneForOne,
    RestartChildren,
    RestartsExhausted,
    RestForOne,
    ResumeChild,
    Status,
    StopChild,
)
from tests.unit.supervisors.family import Family

GONE, DUE, STARTED = LifecycleEvent.GONE, LifecycleEvent.DUE, LifecycleEvent.STARTED
STRATEGIES = [OneForOne, OneForAll, RestForOne]


def orders(decision):
    """Whom it stops and starts."""
    assert isinstance(decision, RestartChildren)
    return " ".join(decision.stop), " ".join(decision.start)


@pytest.mark.parametrize(
    ("strategy", "stop", "start"),
    [(OneForOne, "b", "b"), (OneForAll, "c b a", "a b c"), (RestForOne, "c b", "b c")],
)
def test_whom_a_failure_takes_along(strategy, stop, start):
    assert (stop, start) == orders(Family(strategy(), "abc").fail("b"))


def test_the_start_order_is_that_of_the_indices_not_of_the_sequence():
    children = [ChildState(name, index, status=Status.RUNNING) for index, name in enumerate("abc")]

    decision = OneForAll().decide(children[::-1], "b", Failure(ValueError()), 0.0, 0.0)

    assert orders(decision) == ("c b a", "a b c")


def test_those_before_the_failed_one_are_untouched_by_rest_for_one():
    family = Family(RestForOne(), "abc")
    family.crash("b")

    assert [child.restarts for child in family.states.values()] == [0, 1, 1]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_resumed_child_is_not_counted(strategy):
    family = Family(strategy(decider={ValueError: Directive.Resume}), "ab")

    decisions = [family.fail("a") for _ in range(10)]

    assert all(isinstance(decision, ResumeChild) for decision in decisions)
    assert family.statuses() == {"a": "running", "b": "running"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_stopped_child_ends_alone(strategy):
    family = Family(strategy(decider={ValueError: Directive.Stop}), "abc")

    decision = family.fail("b")

    assert (decision.name, decision.gave_up, decision.start) == ("b", False, ())
    assert family.statuses() == {"a": "running", "b": "stopping", "c": "running"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_escalation_stops_all_in_reverse_with_the_failure_as_its_cause(strategy):
    family, error = Family(strategy(decider={OSError: Directive.Escalate}), "abc"), OSError()

    decision = family.fail("b", exception=error)

    assert isinstance(decision, EscalateFailure)
    assert (decision.stop, decision.gave_up) == (("c", "b", "a"), False)
    assert decision.cause is error
    assert set(family.statuses().values()) == {"stopping"}


def test_escalation_leaves_out_who_has_ended_and_ends_who_backs_off():
    family = Family(OneForOne(decider={OSError: Directive.Escalate}), "abcd")
    family.set("a", status=Status.STOPPED)
    family.set("c", status=Status.BACKING_OFF)

    assert family.fail("b", exception=OSError()).stop == ("d", "c", "b")
    assert family.statuses() == {"a": "stopped", "b": "stopping", "c": "stopped", "d": "stopping"}


# Giving up


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_fourth_failure_in_the_window_gives_up_and_escalates(strategy):
    family = Family(strategy(3, 10, on_give_up="escalate"), "abc")

    decisions = [family.crash("b", now=now) for now in (0.0, 3.0, 6.0, 10.0)]

    assert [type(decision).__name__ for decision in decisions] == [
        *["RestartChildren"] * 3,
        "EscalateFailure",
    ]
    assert (decisions[-1].stop, decisions[-1].gave_up) == (("c", "b", "a"), True)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_giving_up_with_stop_ends_that_child_alone(strategy):
    family = Family(strategy(3, 10, on_give_up="stop"), "abc")

    *_, decision = [family.crash("b", now=now) for now in (0.0, 3.0, 6.0, 10.0)]

    assert isinstance(decision, StopChild)
    assert decision.gave_up
    assert family.statuses() == {"a": "running", "b": "stopped", "c": "running"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_failures_spaced_wider_never_give_up(strategy):
    family = Family(strategy(3, 10), "ab")

    decisions = [family.crash("a", now=at * 3.5) for at in range(100)]

    assert all(isinstance(decision, RestartChildren) for decision in decisions)
    assert decisions[-1].restarts == 100


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_a_limit_it_never_gives_up(strategy):
    family = Family(strategy(max_restarts=None), "ab")

    assert all(isinstance(family.crash("a"), RestartChildren) for _ in range(500))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_limit_of_zero_never_restarts(strategy):
    assert Family(strategy(0, on_give_up="stop"), "a").fail("a").gave_up


def test_unless_told_otherwise_giving_up_escalates():
    assert isinstance(Family(OneForOne(0), "a").fail("a"), EscalateFailure)


def test_one_for_one_counts_per_child():
    family = Family(OneForOne(1, 10, on_give_up="stop"), "ab")

    kinds = [type(family.crash(name)).__name__ for name in "abab"]

    assert kinds == ["RestartChildren", "RestartChildren", "StopChild", "StopChild"]


@pytest.mark.parametrize("strategy", [OneForAll, RestForOne])
def test_groups_count_for_all_whoever_failed(strategy):
    family = Family(strategy(2, 10, on_give_up="escalate"), "abc")

    kinds = [type(family.crash(name)).__name__ for name in "bac"]

    assert kinds == ["RestartChildren", "RestartChildren", "EscalateFailure"]


def test_a_member_that_joins_late_does_not_make_the_group_forget():
    family = Family(OneForAll(2, 10, on_give_up="escalate"), "ab")
    family.crash("a")
    family.crash("a")
    family.states["late"] = ChildState("late", 2, status=Status.RUNNING)

    assert family.fail("late", now=1.0).gave_up


def test_restarts_at_the_same_moment_all_count():
    family = Family(OneForAll(2, 10, on_give_up="stop"), "ab")

    assert [isinstance(family.crash("a"), StopChild) for _ in range(3)] == [False, False, True]


def test_a_childs_own_limit_replaces_the_strategys():
    family = Family(OneForOne(0), "ab")
    family.set("a", intensity=Intensity(1, 10))

    assert isinstance(family.crash("a"), RestartChildren)
    assert isinstance(family.crash("a"), EscalateFailure)


# Kinds of children


def test_a_permanent_child_that_stops_itself_is_restarted_and_counted():
    family = Family(OneForOne(2, 10), "a", a="permanent")

    for _ in range(2):
        decision = family.stop_itself("a")
        assert orders(decision) == ("a", "a")
        assert decision.cause is None
        family.carry_out(decision)

    decision = family.stop_itself("a")
    assert decision.gave_up
    assert isinstance(decision.cause, RestartsExhausted)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", ["transient", "temporary"])
def test_any_other_child_that_stops_itself_ends(strategy, kind):
    decision = Family(strategy(), "ab", a=kind).stop_itself("a")

    assert (StopChild, False, None) == (type(decision), decision.gave_up, decision.cause)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("phase", ["start", "run"])
def test_a_temporary_child_is_never_restarted_and_takes_nobody_along(strategy, phase):
    family = Family(strategy(), "abc", b="temporary")

    assert isinstance(family.fail("b", phase=phase), StopChild)
    assert family.statuses() == {"a": "running", "b": "stopping", "c": "running"}


def test_a_temporary_bystander_is_stopped_with_its_group_and_not_started():
    family = Family(OneForAll(), "abc", c="temporary")

    assert orders(family.crash("a")) == ("c b a", "a b")
    assert family.statuses() == {"a": "running", "b": "running", "c": "stopped"}


def test_who_has_ended_is_left_alone_by_the_group():
    family = Family(OneForAll(), "abc")
    family.set("a", status=Status.STOPPED)
    family.set("b", status=Status.STOPPING)

    assert orders(family.fail("c")) == ("c", "c")
    assert family.statuses() == {"a": "stopped", "b": "stopping", "c": "restarting"}


@pytest.mark.parametrize("status", [Status.STOPPING, Status.STOPPED])
def test_a_final_stop_wins_over_a_failure(status):
    family = Family(OneForAll(), "ab")
    family.set("a", status=status)

    assert StopChild("a", gave_up=False, start=(), cause=None, children=()) == family.stop_itself(
        "a"
    )


# Starts that fail


def test_resume_on_a_failed_start_is_restart():
    family = Family(OneForOne(decider=lambda _: Directive.Resume), "a")
    family.set("a", status=Status.STARTING)

    assert orders(family.fail("a", phase="start")) == ("a", "a")


def test_failed_starts_are_counted():
    family = Family(OneForOne(3, 10, on_give_up="stop"), "a")

    assert [isinstance(family.crash("a", phase="start"), StopChild) for _ in range(4)] == [
        False
    ] * 3 + [True]


def test_a_member_that_fails_to_start_tears_the_started_ones_down_and_is_retried():
    family = Family(OneForAll(), "abc")
    first = family.fail("c")
    family.tell(first.stop, GONE)
    family.tell("a", DUE, STARTED)
    family.tell("b", DUE)

    second = family.fail("b", phase="start")

    assert orders(second) == ("b a", "a b c")
    assert second.delay > 0
    assert family.statuses() == {"a": "restarting", "b": "restarting", "c": "backing off"}
    assert [child.restarts for child in family.states.values()] == [2, 2, 1]


def test_rest_for_one_keeps_what_had_started_before_the_failed_start():
    family = Family(RestForOne(), "abcd")
    family.tell(family.fail("b").stop, GONE)
    family.tell("b", DUE, STARTED)
    family.tell("c", DUE)

    assert orders(family.fail("c", phase="start")) == ("c", "c d")


def test_a_failure_before_a_restart_under_way_takes_it_over():
    family = Family(RestForOne(), "abc")
    family.tell(family.fail("b").stop, GONE)

    assert orders(family.fail("a")) == ("a", "a b c")


@pytest.mark.parametrize("strategy", [OneForAll, RestForOne])
def test_the_group_goes_on_without_a_member_that_is_given_up_while_it_starts(strategy):
    family = Family(strategy(1, 10, on_give_up="stop"), "abc")
    family.tell(family.fail("a").stop, GONE)
    family.tell("a", DUE, STARTED)
    family.tell("b", DUE)

    decision = family.fail("b", phase="start")

    assert (decision.name, decision.gave_up, decision.start) == ("b", True, ("c",))


def test_a_child_that_is_stopped_while_it_is_down_is_not_among_those_to_start():
    family = Family(OneForAll(0, on_give_up="stop"), "ab")
    family.set("a", status=Status.RESTARTING)
    family.set("b", status=Status.BACKING_OFF)

    assert family.fail("a").start == ("b",)


# Waiting

SLOW = Backoff(initial=3, maximum=30, jitter=0.2, reset_after=10)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_delays_grow_with_failures_in_a_row(strategy):
    family = Family(strategy(max_restarts=None, backoff=SLOW), "ab")

    assert [family.crash("a").delay for _ in range(7)] == [0, 3, 6, 12, 24, 30, 30]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_failed_starts_are_never_immediate(strategy):
    family = Family(strategy(max_restarts=None, backoff=SLOW), "ab")

    assert [family.crash("a", phase="start").delay for _ in range(3)] == [3, 6, 12]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_backoff_only_failed_starts_wait(strategy):
    family = Family(strategy(max_restarts=None, backoff=None), "ab")

    assert [family.crash("a").delay for _ in range(3)] == [0, 0, 0]
    assert [family.crash("a", phase="start").delay for _ in range(2)] == [0.1, 0.2]


def test_a_draw_lengthens_the_delay():
    family = Family(OneForOne(backoff=SLOW), "a")

    assert family.fail("a", phase="start", draw=1.0).delay == pytest.approx(3.6)


def test_a_childs_own_backoff_replaces_the_strategys():
    family = Family(OneForOne(), "a")
    family.set("a", backoff=SLOW)

    assert family.fail("a", phase="start").delay == 3.0


def test_members_of_a_group_that_fail_in_turn_wait_longer_each_time():
    family = Family(OneForAll(max_restarts=None, backoff=SLOW), "abc")

    assert [family.crash(name).delay for name in "abca"] == [0, 3, 6, 12]


def test_a_member_that_joins_late_waits_as_long_as_the_others():
    family = Family(OneForAll(max_restarts=None, backoff=SLOW), "ab")
    for _ in range(3):
        family.crash("a")
    family.states["late"] = ChildState("late", 2, status=Status.RUNNING)

    assert family.fail("late").delay == 12.0


@pytest.mark.parametrize(
    ("up", "succeeded", "delay"), [(10, True, 0), (9, True, 6), (10, False, 6), (600, False, 6)]
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_delay_falls_back_after_quiet_time_and_a_success(strategy, up, succeeded, delay):
    """Time is counted from when the child was up again: its own long delay is not quiet time."""
    family = Family(strategy(max_restarts=None, backoff=SLOW), "ab")
    family.crash("a", now=0.0)
    family.crash("a", now=0.0)
    family.set("a", succeeded=succeeded)
    assert family.states["a"].up_since == 3.0

    assert delay == family.fail("a", now=3.0 + up).delay


def test_under_a_group_another_members_failure_ends_the_quiet():
    """a has run well for 20 s when b fails, so a's own failure 2 s later is one in a row."""
    family = Family(RestForOne(max_restarts=None, backoff=SLOW), "ab")
    family.set("a", up_since=0.0, succeeded=True)

    assert [0, 3] == [family.crash("b", now=20.0).delay, family.crash("a", now=22.0).delay]


def test_under_a_group_the_row_ends_for_all_its_members():
    family = Family(RestForOne(max_restarts=None, backoff=SLOW), "ab")
    for _ in range(5):
        family.crash("a")
    family.tell("b", LifecycleEvent.FAILED, LifecycleEvent.RESTART, GONE, DUE, STARTED, now=99.0)
    family.set("b", succeeded=True)

    assert [family.crash("b", now=now).delay for now in (200.0, 200.5)] == [0, 3]


# What a runtime may get wrong


def test_a_stranger_is_named_with_the_known():
    with pytest.raises(ValueError, match=r"no child is named 'x' \(known: a, b\)"):
        Family(OneForOne(), "ab").fail("x")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_broken_decider_escalates_with_its_own_error(strategy):
    def broken(exception):
        return {}[exception]

    error = ValueError()
    decision = Family(strategy(decider=broken), "ab").fail("a", exception=error)

    assert isinstance(decision, EscalateFailure)
    assert isinstance(decision.cause, KeyError)
    assert decision.cause.__context__ is error


def test_deciding_changes_nothing_by_itself():
    states = {"a": ChildState("a", 0, status=Status.RUNNING)}
    failure = Failure(ValueError())

    decisions = [OneForAll().decide(states, "a", failure, 1.0, 0.5) for _ in range(2)]

    assert decisions[0] == decisions[1]
    assert states == {"a": ChildState("a", 0, status=Status.RUNNING)}

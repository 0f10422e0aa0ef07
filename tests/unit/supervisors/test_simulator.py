"""Failures replayed in virtual time: the figures are worked out by hand."""

import pytest

from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    Directive,
    OneForAll,
    OneForOne,
    RestartChildren,
    RestForOne,
    simulate,
)
from supervisors.simulator import Crash, Outage, drawn_crashes

STEADY = Backoff(initial=1, factor=2, maximum=8, jitter=0, reset_after=10)


def crashes(child, *times):
    return [Crash(child, at) for at in times]


def test_a_quiet_day():
    report = simulate(OneForOne(), ["a", "b"], [], until=100)

    assert (
        report.restarts, report.downtime, report.availability, report.gave_up, report.escalated_at
    ) == (0, 0.0, 1.0, (), None)  # fmt: skip


def test_delays_are_downtime():
    """An immediate restart at 1, then 1 s from 2 on, then 2 s from 4 on."""
    report = simulate(OneForOne(backoff=STEADY), ["a"], crashes("a", 1, 2, 4), until=10)

    child = report.child("a")
    assert (child.failures, child.restarts, child.failed_starts) == (3, 3, 0)
    assert (child.downtime, child.longest_downtime) == (3.0, 2.0)
    assert report.availability == pytest.approx(0.7)
    assert [step.at for step in report.steps] == [1, 2, 4]


def test_a_crash_of_a_child_that_is_down_does_not_happen():
    report = simulate(OneForOne(backoff=STEADY), ["a"], crashes("a", 1, 2, 2.5), until=10)

    assert report.child("a").failures == 2


def test_an_outage_ends_in_recovery_without_a_limit():
    """Up at 0, 1, 3, 7, 15 and 23 after the failure at 60: the outage of 20 s lasts until 83."""
    strategy = OneForOne(max_restarts=None, backoff=STEADY)

    report = simulate(strategy, ["a"], [Outage("a", 60, 80)], until=1000)

    child = report.child("a")
    assert [step.at for step in report.steps] == [60, 60, 61, 63, 67, 75]
    assert (child.downtime, child.failed_starts, child.ended_at) == (23.0, 5, None)


def test_the_same_outage_under_a_limit_gives_up():
    strategy = OneForOne(3, 60, backoff=STEADY, on_give_up="stop")

    report = simulate(strategy, ["a", "b"], [Outage("a", 60, 80)], until=1000)

    assert (report.gave_up, report.escalated_at) == (("a",), None)
    assert (report.child("a").ended_at, report.child("b").ended_at) == (63.0, None)
    assert (report.child("a").downtime, report.child("b").downtime) == (940.0, 0.0)


def test_escalation_ends_all():
    report = simulate(OneForOne(0), ["a", "b"], crashes("a", 5), until=10)

    assert (report.escalated_at, report.gave_up, report.downtime) == (5, ("a",), 10.0)


def test_a_group_starts_in_turn():
    report = simulate(OneForAll(), ["a", "b", "c"], crashes("b", 100), until=200, start_time=2)

    assert [child.downtime for child in report.children] == [4.0, 8.0, 12.0]
    assert [child.restarts for child in report.children] == [1, 1, 1]


def test_a_group_goes_on_without_a_temporary_member_that_fails_to_start():
    children: list[str | ChildSpec] = ["a", ChildSpec(object, name="b", restart="temporary"), "c"]

    report = simulate(OneForAll(), children, [Outage("b", 0, 5)], until=10)

    assert [child.ended_at for child in report.children] == [None, 0.0, None]
    assert [child.downtime for child in report.children] == [0.0, 10.0, 0.0]


def test_a_start_that_its_group_interrupts_does_not_count():
    """b starts anew at 20, a fails at 22: after 0.5 s a starts to 27.5, then b to 32.5."""
    plan = [*crashes("b", 20), *crashes("a", 22)]
    strategy = RestForOne(backoff=Backoff(initial=0.5, jitter=0))

    report = simulate(strategy, ["a", "b"], plan, until=100, start_time=5)

    assert report.child("a").downtime == 5 + 5.5
    assert report.child("b").downtime == 10 + 12.5


def test_a_delay_is_kept_when_somebody_else_ends_meanwhile():
    """b and c wait from 2 to 3, and a temporary child before them ends at 2.5."""
    children: list[str | ChildSpec] = [ChildSpec(object, name="a", restart="temporary"), "b", "c"]
    plan = [*crashes("b", 1, 2), *crashes("a", 2.5)]

    report = simulate(RestForOne(backoff=STEADY), children, plan, until=10)

    assert report.child("a").ended_at == 2.5
    assert [report.child(name).downtime for name in "bc"] == [1.0, 1.0]


def test_a_success_of_an_instance_that_is_gone_does_not_count():
    """The first one would succeed at 5, but fails at 3; the second would at 8, but fails at 6."""
    backoff = Backoff(initial=1, jitter=0, reset_after=2)

    report = simulate(
        OneForOne(backoff=backoff), ["a"], crashes("a", 3, 6), until=10, success_after=5
    )

    assert report.child("a").downtime == 1.0


def test_a_start_at_the_very_end_of_an_outage_succeeds():
    report = simulate(OneForOne(backoff=STEADY), ["a"], [Outage("a", 60, 61)], until=100)

    assert (report.child("a").failed_starts, report.child("a").downtime) == (1, 1.0)


def test_resuming_costs_no_downtime():
    strategy = RestForOne(decider={Exception: Directive.Resume})

    report = simulate(strategy, ["a"], crashes("a", 1, 2, 3), until=10)

    assert (report.child("a").failures, report.restarts, report.downtime) == (3, 0, 0.0)


@pytest.mark.parametrize(("success_after", "delay"), [(5, 0.0), (15, 2.0)])
def test_the_delay_falls_back_only_after_a_success(success_after, delay):
    """The third failure comes 12 s after the child was up again."""
    report = simulate(
        OneForOne(backoff=STEADY),
        ["a"],
        crashes("a", 100, 100.5, 113.5),
        until=200,
        success_after=success_after,
    )

    assert [0.0, 1.0, delay] == [
        step.decision.delay for step in report.steps if isinstance(step.decision, RestartChildren)
    ]


def test_the_same_seed_gives_the_same_report():
    plan = drawn_crashes("ab", 20.0, until=1000, seed=7)

    def run(seed):
        return simulate(OneForOne(max_restarts=None), "ab", plan, until=1000, seed=seed)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_drawn_crashes_come_as_often_as_asked():
    plan = drawn_crashes(["a"], 10.0, until=100_000, seed=1)

    assert len(plan) == pytest.approx(10_000, rel=0.05)
    assert plan == drawn_crashes(["a"], 10.0, until=100_000, seed=1)
    assert plan != drawn_crashes(["a"], 10.0, until=100_000, seed=2)


def test_names_are_checked_before_anything_runs():
    with pytest.raises(ConfigurationError) as caught:
        simulate(OneForOne(), ["a", "a"], crashes("x", 1), until=0)

    text = str(caught.value)
    assert all(word in text for word in ("until=0", "'a' is used 2 times", "names 'x'", "(a, a)"))


def test_somebody_must_be_supervised():
    with pytest.raises(ConfigurationError, match="give at least one name"):
        simulate(OneForOne(), [], [], until=1)


def test_an_unknown_child_is_not_in_the_report():
    with pytest.raises(KeyError):
        simulate(OneForOne(), ["a"], [], until=1).child("b")

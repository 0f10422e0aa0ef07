"""What becomes of a message whose try failed."""

import pytest

from supervisors import (
    DependencyHealth,
    GiveUpMessage,
    Health,
    ReleaseMessage,
    Retry,
    TryAgain,
    Verdict,
    next_try,
)

RETRY = Retry(attempts=2, initial=1.0, jitter=0.5)


@pytest.mark.parametrize("verdict", [Verdict.PERMANENT, Verdict.UNDECODABLE])
def test_what_can_never_succeed_is_given_up_at_once(verdict):
    assert next_try(verdict, 1, RETRY, 0.0) == GiveUpMessage()


@pytest.mark.parametrize("verdict", [Verdict.OUTAGE, Verdict.STORE, Verdict.STALE])
def test_what_is_not_the_messages_doing_does_not_count(verdict):
    assert next_try(verdict, 99, RETRY, 0.0) == ReleaseMessage()


@pytest.mark.parametrize(("verdict", "alone"), [(Verdict.FAILED, False), (Verdict.OUTAGE, True)])
def test_its_own_failure_is_tried_again_until_the_attempts_are_used_up(verdict, alone):
    tries = [next_try(verdict, attempt, RETRY, 1.0, alone=alone) for attempt in (1, 2)]

    assert tries == [TryAgain(1.5), GiveUpMessage()]


def test_a_verdict_is_noted_in_the_endpoints_health():
    health = DependencyHealth(breaker=2)

    noted = [health.noted("a", verdict) for verdict in (Verdict.FAILED, Verdict.PERMANENT)]

    assert (noted, health.health, health.failures_in_a_row) == ([False] * 2, Health.HEALTHY, 1)


@pytest.mark.parametrize(
    ("health", "beside_none", "beside_one"),
    [(Health.HEALTHY, True, True), (Health.SICK, False, False), (Health.PROBING, True, False)],
)
def test_a_probe_runs_alone(health, beside_none, beside_one):
    found = DependencyHealth(health=health)

    assert [found.may_start(0), found.may_start(1)] == [beside_none, beside_one]

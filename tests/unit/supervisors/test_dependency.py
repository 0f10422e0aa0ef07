"""An endpoint's health: sick, probing, healthy, and whose an outage is."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from supervisors import DependencyHealth, Health
from supervisors._dependency import MOST_REMEMBERED


def probing(*seen: str) -> DependencyHealth:
    outage = DependencyHealth()
    for copy_id in seen:
        outage.saw_outage(copy_id)
    outage.restarted()
    return outage


def test_the_first_outage_makes_it_sick_and_is_not_the_messages():
    outage = DependencyHealth()

    alone = outage.saw_outage("a")

    assert (alone, outage.health, outage.outages) == (False, Health.SICK, 1)


def test_a_sick_endpoint_asks_for_nothing():
    outage = DependencyHealth(health=Health.SICK)

    assert outage.credit(free=100, held=0) == 0


def test_a_restarted_endpoint_asks_for_one_probe_beyond_what_saw_the_outage():
    assert probing("a", "b").credit(free=100, held=0) == 3


def test_a_probe_in_hand_is_the_only_one():
    assert probing("a").credit(free=100, held=1) == 0


def test_a_restart_for_another_reason_leaves_it_healthy():
    outage = DependencyHealth()

    outage.restarted()

    assert outage.health is Health.HEALTHY


def test_the_probe_is_a_message_that_has_not_seen_the_outage():
    outage = probing("a", "b")

    assert outage.choose_probe(["a", "b", "c", "d"]) == 2


def test_without_a_fresh_message_the_probe_is_the_one_that_saw_the_outage_first():
    outage = probing("a", "b")
    outage.saw_outage("a")

    assert outage.choose_probe(["a", "b"]) == 1


def test_a_successful_probe_opens_the_endpoint_and_says_so_once():
    outage = probing("a")

    opened = [outage.succeeded("b"), outage.succeeded("c")]

    assert opened == [True, False]
    assert outage.credit(free=7, held=50) == 7


def test_a_failed_probe_falls_sick_again_uncounted():
    outage = probing("a")

    alone = outage.saw_outage("b")

    assert (alone, outage.health, outage.outages) == (False, Health.SICK, 2)


def test_an_outage_seen_alone_while_others_succeeded_counts_against_the_message():
    outage = probing("a")
    outage.succeeded("b")

    alone = outage.saw_outage("a")

    assert (alone, outage.health) == (True, Health.HEALTHY)


def test_successes_of_what_ran_when_it_fell_sick_do_not_blame_the_message():
    outage = DependencyHealth()
    outage.saw_outage("a")
    outage.succeeded("b")
    outage.restarted()

    assert outage.saw_outage("a") is False


def test_a_message_that_succeeded_starts_afresh():
    outage = probing("a")
    outage.succeeded("a")
    outage.succeeded("b")

    assert outage.saw_outage("a") is False


def test_failures_without_a_breaker_never_make_it_sick():
    outage = DependencyHealth()

    assert [outage.failed() for _ in range(1000)] == [False] * 1000
    assert outage.health is Health.HEALTHY


def test_a_breaker_opens_at_its_number_of_failures_in_a_row():
    outage = DependencyHealth(breaker=3)
    outage.failed()
    outage.failed()
    outage.succeeded("a")

    assert [outage.failed() for _ in range(4)] == [False, False, True, False]


def test_a_probe_that_fails_under_a_breaker_makes_it_sick_at_once():
    outage = DependencyHealth(breaker=3)
    for _ in range(3):
        outage.failed()
    outage.restarted()
    outage.succeeded("a")
    outage.saw_outage("b")
    outage.restarted()

    assert outage.failed() is True


def test_what_is_remembered_is_bounded():
    outage = DependencyHealth()

    for number in range(MOST_REMEMBERED + 10):
        outage.saw_outage(str(number))

    assert len(outage.seen) == MOST_REMEMBERED
    assert "9" not in outage.seen


class OutageMachine(RuleBasedStateMachine):
    """A message is blamed only after another has succeeded since it last saw an outage."""

    ids = st.sampled_from("abcdef")

    def __init__(self) -> None:
        super().__init__()
        self.outage = DependencyHealth()
        self.may_blame: dict[str, bool] = {}

    @rule(copy_id=ids)
    @precondition(lambda self: self.outage.health is not Health.SICK)
    def succeed(self, copy_id: str) -> None:
        self.outage.succeeded(copy_id)
        self.may_blame.pop(copy_id, None)
        self.may_blame = dict.fromkeys(self.may_blame, True)
        assert self.outage.health is Health.HEALTHY

    @rule(copy_id=ids)
    def succeed_late(self, copy_id: str) -> None:
        if self.outage.health is Health.SICK:
            assert self.outage.succeeded(copy_id) is False
            assert self.outage.health is Health.SICK

    @rule(copy_id=ids)
    def see_outage(self, copy_id: str) -> None:
        before = self.outage.health
        alone = self.outage.saw_outage(copy_id)
        assert alone == self.may_blame.get(copy_id, False)
        assert self.outage.health is (before if alone else Health.SICK)
        self.may_blame[copy_id] = False

    @rule()
    def restart(self) -> None:
        self.outage.restarted()
        assert self.outage.health is not Health.SICK

    @invariant()
    def asks_within_its_places(self) -> None:
        assert 0 <= self.outage.credit(free=5, held=0) <= 5

    @invariant()
    def never_stuck(self) -> None:
        if self.outage.health is not Health.SICK:
            assert self.outage.credit(free=1, held=0) == 1


OutageMachine.TestCase.settings = settings(max_examples=60, deadline=None)
TestOutageMachine = OutageMachine.TestCase
